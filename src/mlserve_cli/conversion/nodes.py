"""Attributes of nodes, and which nodes an output needs."""

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


def plain_value(value: Any) -> Any:
    """An attribute's value as onnx takes it."""
    # protobuf 7 refuses numpy integers and bools in attributes.
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, bool | np.bool_):
        return int(value)
    return value.item() if isinstance(value, np.generic) else value


def compared_value(value: Any) -> Any:
    """An attribute's value as it is compared."""
    # The text form of a body tells no more than how many nodes it has.
    return value.SerializeToString() if isinstance(value, onnx.GraphProto) else value


def is_small(value: Any) -> bool:
    """Whether an attribute's value is small enough to compare."""
    return not isinstance(value, onnx.TensorProto) and not (
        isinstance(value, list | tuple) and len(value) > 64
    )


def needed(nodes: "Iterable[onnx.NodeProto]", names: "Iterable[str]") -> list[onnx.NodeProto]:
    """The nodes that tensors of these names come from, in the order given."""
    wanted = set(names)
    kept = []
    for node in reversed(list(nodes)):
        if wanted.intersection(node.output):
            kept.append(node)
            wanted.update(inputs_of(node))
    return kept[::-1]


def inputs_of(node: onnx.NodeProto) -> "Iterator[str]":
    """Names that a node takes, also inside its body."""
    # What the body of a loop takes from around it does not stand among the inputs of the loop.
    yield from node.input
    for attribute in node.attribute:
        yield from (name for inner in attribute.g.node for name in inputs_of(inner))
