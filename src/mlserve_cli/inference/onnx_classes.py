"""The class names in an ONNX graph of another converter. Nothing is run."""

from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError
from onnx import helper, numpy_helper

from mlserve_cli.errors import CorruptArtifactError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from onnx import NodeProto

    from mlserve_cli.signature import Label

# Attributes that list the classes, by operator: ZipMap, linear models and vector machines, trees.
_LISTS = ("classlabels_strings", "classlabels_int64s", "classlabels_ints")
# Operators that hand on what they get, perhaps in another type or shape.
_PASSING = {"Cast", "Identity", "Reshape", "Squeeze", "Unsqueeze", "Flatten"}
# Operators that look a class up by its number.
_LOOKING_UP = {"ArrayFeatureExtractor", "Gather"}


def classes_in(
    model: "str | Path | bytes", outputs: "Sequence[str | None]"
) -> "tuple[Label, ...] | None":
    """The classes in the order of the probabilities; None where the graph does not tell.

    Args:
        model: A path, or the serialized model.
        outputs: Names of outputs to look behind, those that tell best first.

    Raises:
        CorruptArtifactError: The file is not a valid ONNX model.
    """
    try:
        if isinstance(model, bytes):
            graph = onnx.load_from_string(model).graph
        else:
            graph = onnx.load(str(model), load_external_data=False).graph
    except (DecodeError, OSError, ValueError) as error:
        raise CorruptArtifactError(f"{model!s:.80} is not a valid ONNX model: {error}.") from error
    makers = {name: node for node in graph.node for name in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    for output in outputs:
        found = _behind(makers.get(output or ""), makers, constants)
        if found is not None:
            return found
    # Somewhere before arithmetic on its scores, as in a pipeline that calibrates them.
    listed = {found for node in graph.node if (found := _listed(node)) is not None}
    return listed.pop() if len(listed) == 1 else None


def _behind(
    node: "NodeProto | None",
    makers: "dict[str, NodeProto]",
    constants: "dict[str, onnx.TensorProto]",
) -> "tuple[Label, ...] | None":
    """The classes that a node, or what it hands on, tells."""
    for _ in range(len(makers)):
        if node is None:
            return None
        listed = _listed(node)
        if listed is not None:
            return listed
        if node.op_type in _LOOKING_UP and node.input[0] in constants:
            return _plain(numpy_helper.to_array(constants[node.input[0]]).reshape(-1).tolist())
        if node.op_type not in _PASSING:
            return None
        node = makers.get(node.input[0])
    return None


def _listed(node: "NodeProto") -> "tuple[Label, ...] | None":
    attributes = {entry.name: helper.get_attribute_value(entry) for entry in node.attribute}
    lists = [attributes[name] for name in _LISTS if attributes.get(name)]
    if not lists and node.op_type == "LabelEncoder" and node.domain == "ai.onnx.ml":
        # Numbers of classes, 0 for the first, to their names.
        numbers, names = attributes.get("keys_int64s", []), attributes.get("values_strings", [])
        if list(numbers) == list(range(len(names))):
            lists = [names]
    return _plain(lists[0]) if lists and lists[0] else None


def _plain(values: "Sequence[Label | bytes]") -> "tuple[Label, ...]":
    return tuple(one.decode() if isinstance(one, bytes) else one for one in values)
