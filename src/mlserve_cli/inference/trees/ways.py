"""Ways to score many rows by a model of trees, beside ONNX Runtime as it is."""

from typing import TYPE_CHECKING

import onnx

from mlserve_cli.inference.trees.bit_vectors import MOST_GROUPS, BitVectors
from mlserve_cli.inference.trees.ensemble import Trees
from mlserve_cli.inference.trees.graph import TreeGraph
from mlserve_cli.inference.trees.part import names_read
from mlserve_cli.inference.trees.sorted_rows import SortedRows, Splits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import ModelProto, NodeProto

    from mlserve_cli.inference.trees.part import CreateSession
    from mlserve_cli.inference.trees.trial import Runner


# What is behind the trees is loaded twice; trees of few leaves alone take less than that.
_SMALL_MODEL_BYTES = 1 << 23


def other_ways(model: bytes, session: "Runner", create: "CreateSession") -> "list[Runner]":
    """Ways to score a model that give the same results; none where it has no trees.

    Args:
        model: A serialized model of our own converter.
        session: Scores it.
        create: Makes a session of a serialized model.
    """
    proto = onnx.load_from_string(model)
    small: dict[str, BitVectors] = {}
    large: dict[str, list[Splits]] = {}
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
    if large:
        source, splits = max(large.items(), key=lambda entry: len(entry[1]))
        return [SortedRows(proto, Splits.joined(splits), source, session, create)]
    return [TreeGraph(proto, small, create)] if small else []


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
