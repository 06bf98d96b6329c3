"""Parts of an ONNX model, scored by themselves."""

from typing import TYPE_CHECKING, Any

from onnx import ValueInfoProto, helper

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
    from pathlib import Path

    import onnxruntime as ort
    from numpy.typing import NDArray
    from onnx import ModelProto, NodeProto

    CreateSession = Callable[[str | Path | bytes], ort.InferenceSession]


class Part:
    """Those nodes of a model that some results need.

    Args:
        model: The model.
        nodes: Those of its nodes that may be taken.
        given: Results of other nodes, which are given beside the inputs.
        outputs: The results that are wanted.
        create: Makes a session of a serialized model.
    """

    def __init__(
        self,
        model: "ModelProto",
        nodes: "Sequence[NodeProto]",
        given: "Sequence[ValueInfoProto]",
        outputs: "Sequence[ValueInfoProto]",
        create: "CreateSession",
    ) -> None:
        needed = {entry.name for entry in outputs}
        taken: list[NodeProto] = []
        for node in reversed(nodes):
            if not needed.isdisjoint(node.output):
                needed.update(names_read(node))
                taken.insert(0, node)
        inputs = [entry for entry in (*model.graph.input, *given) if entry.name in needed]
        self._inputs = [entry.name for entry in inputs]
        constants = [tensor for tensor in model.graph.initializer if tensor.name in needed]
        graph = helper.make_graph(taken, model.graph.name, inputs, outputs, constants)
        whole = helper.make_model(
            graph, opset_imports=model.opset_import, ir_version=model.ir_version
        )
        self._session = create(whole.SerializeToString())

    def run(self, names: "Sequence[str]", values: "Mapping[str, NDArray[Any]]") -> list[Any]:
        """The outputs of these names.

        Args:
            names: Names of outputs.
            values: What is read, perhaps with others.
        """
        found: list[Any] = self._session.run(names, {name: values[name] for name in self._inputs})
        return found


class Between:
    """Values between the nodes of a model.

    Args:
        model: The model.
        names: Which values; those of inputs may be among them.
        create: Makes a session of a serialized model.
    """

    def __init__(
        self, model: "ModelProto", names: "Collection[str]", create: "CreateSession"
    ) -> None:
        inputs = {entry.name for entry in model.graph.input}
        self._names = sorted(set(names) - inputs)
        wanted = [ValueInfoProto(name=name) for name in self._names]
        self._part = Part(model, model.graph.node, (), wanted, create) if wanted else None

    def values(self, feed: "Mapping[str, NDArray[Any]]") -> "dict[str, NDArray[Any]]":
        """The inputs, and these values beside them."""
        found = [] if self._part is None else self._part.run(self._names, feed)
        return dict(feed) | dict(zip(self._names, found, strict=True))


def names_read(node: "NodeProto") -> "Iterator[str]":
    """What a node reads, and the nodes of the graphs inside of it."""
    yield from node.input
    for attribute in node.attribute:
        for inner in attribute.g.node:
            yield from names_read(inner)
