"""Ways to score many rows by a model of trees, beside ONNX Runtime as it is."""

from typing import TYPE_CHECKING

import onnx

from mlserve_cli.inference.trees.bit_vectors import MOST_GROUPS, BitVectors
from mlserve_cli.inference.trees.ensemble import Trees
from mlserve_cli.inference.trees.graph import TreeGraph
from mlserve_cli.inference.trees.part import Between, names_read
from mlserve_cli.inference.trees.separated import SeparatedTrees
from mlserve_cli.inference.trees.sorted_rows import SortedRows, Splits

if TYPE_CHECKING:
    from collections.abc import Iterator

    import onnxruntime as ort
    from onnx import ModelProto, NodeProto

    from mlserve_cli.inference.trees.part import CreateSession
    from mlserve_cli.inference.trees.trial import Runner


# What is behind the trees is loaded twice; trees of few leaves alone take less than that.
_SMALL_MODEL_BYTES = 1 << 23


def load_for_many_rows(
    model: bytes, create: "CreateSession"
) -> "tuple[ort.InferenceSession, list[Runner]]":
    """Loads a model to score many rows.

    Args:
        model: A serialized model of our own converter.
        create: Makes a session of a serialized model.

    Returns:
        A session, and other ways that give the same results; none where the model has no trees.

    Raises:
        DecodeError: It is no model.
        CorruptArtifactError: ONNX Runtime does not load it.
    """
    proto = onnx.load_from_string(model)
    small: dict[str, BitVectors] = {}
    large: dict[str, list[Splits]] = {}
    separated = SeparatedTrees()
    groups = MOST_GROUPS if len(model) <= _SMALL_MODEL_BYTES else 0
    for node in _first_trees(proto):
        try:
            trees = Trees.of_node(node)
        except ValueError:
            continue
        try:
            vectors = small[node.output[0]] = BitVectors(trees, groups)
            groups -= vectors.groups
        except ValueError:
            large.setdefault(node.input[0], []).append(Splits.of(trees))
            separated.take(node, trees)
    if not large:
        return create(model), [TreeGraph(proto, small, create)] if small else []
    source, splits = max(large.items(), key=lambda entry: len(entry[1]))
    between = Between(proto, {source}, create)
    content = separated.put_into(proto)
    # It takes several times the memory of what it was read from.
    del proto, node, trees, separated
    session = create(content)
    return session, [SortedRows(Splits.joined(splits), source, session, between)]


def _first_trees(model: "ModelProto") -> "Iterator[NodeProto]":
    """Ensembles of trees that are behind no other."""
    behind: set[str] = set()
    for node in model.graph.node:
        is_behind = not behind.isdisjoint(names_read(node))
        is_ensemble = node.op_type == "TreeEnsemble"
        if is_ensemble and not is_behind:
            yield node
        if is_ensemble or is_behind:
            behind.update(node.output)
