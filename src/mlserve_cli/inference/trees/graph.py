"""An ONNX model whose small trees are scored by bit vectors, and the rest of it by ONNX Runtime."""

from typing import TYPE_CHECKING, Any

from onnx import helper

from mlserve_cli.inference.trees.part import Between, Part

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto, ValueInfoProto

    from mlserve_cli.inference.trees.bit_vectors import BitVectors
    from mlserve_cli.inference.trees.part import CreateSession


class TreeGraph:
    """A model in three parts: what is before its small trees, the trees, and what is behind them.

    Safe to call from several threads at once.

    Args:
        model: The model.
        vectors: The trees of some nodes, none behind another, by the name of their result.
        create: Makes a session of a serialized model.
    """

    def __init__(
        self, model: "ModelProto", vectors: "Mapping[str, BitVectors]", create: "CreateSession"
    ) -> None:
        trees = [node for node in model.graph.node if node.output[0] in vectors]
        others = [node for node in model.graph.node if node.output[0] not in vectors]
        self._trees = [(node.input[0], node.output[0], vectors[node.output[0]]) for node in trees]
        self._between = Between(model, {node.input[0] for node in trees}, create)
        results = [_result(node) for node in trees]
        self._behind = Part(model, others, results, model.graph.output, create)

    def run(self, names: "Sequence[str]", feed: "Mapping[str, NDArray[Any]]", /) -> list[Any]:
        """The outputs of these names, as a session gives them.

        Args:
            names: Names of outputs.
            feed: The inputs.
        """
        values = self._between.values(feed)
        for source, result, vectors in self._trees:
            values[result] = vectors.score(values[source])
        return self._behind.run(names, values)


def _result(node: "NodeProto") -> "ValueInfoProto":
    """What a node of trees gives."""
    values = {entry.name: entry for entry in node.attribute}
    kind = values["leaf_weights"].t.data_type
    return helper.make_tensor_value_info(node.output[0], kind, [None, values["n_targets"].i])
