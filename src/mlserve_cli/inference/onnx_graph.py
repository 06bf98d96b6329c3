"""What is in an ONNX file: inputs, outputs, operators, metadata. Nothing is run."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto

from mlserve_cli.errors import CorruptArtifactError

if TYPE_CHECKING:
    from onnx import ValueInfoProto


@dataclass(frozen=True, slots=True)
class TensorInfo:
    """An input or output.

    Attributes:
        name: Its name.
        type: Type of its elements, as ONNX names it: `DOUBLE`, `STRING`, ...
        shape: Its dimensions, None where a dimension is free.
    """

    name: str
    type: str
    shape: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class OnnxGraph:
    """The graph of an ONNX file.

    Attributes:
        inputs: What it takes.
        outputs: What it gives.
        operators: How many nodes of each operator it has, the most frequent first.
        opsets: Versions of the operator sets by domain; the standard domain is `ai.onnx`.
        ir_version: Version of the file format.
        producer: Program that wrote it.
        metadata: What the program noted.
    """

    inputs: tuple[TensorInfo, ...]
    outputs: tuple[TensorInfo, ...]
    operators: dict[str, int]
    opsets: dict[str, int]
    ir_version: int
    producer: str
    metadata: dict[str, str]


def read_graph(path: str | Path) -> OnnxGraph:
    """Reads the graph of an ONNX file.

    Raises:
        CorruptArtifactError: The file is not a valid ONNX model.
    """
    try:
        model = onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError, ValueError) as error:
        raise CorruptArtifactError(f"{path} is not a valid ONNX model: {error}.") from error
    weights = {tensor.name for tensor in model.graph.initializer}
    return OnnxGraph(
        inputs=tuple(_tensor(node) for node in model.graph.input if node.name not in weights),
        outputs=tuple(_tensor(node) for node in model.graph.output),
        operators=dict(Counter(node.op_type for node in model.graph.node).most_common()),
        opsets={entry.domain or "ai.onnx": entry.version for entry in model.opset_import},
        ir_version=model.ir_version,
        producer=f"{model.producer_name} {model.producer_version}".strip(),
        metadata={entry.key: entry.value for entry in model.metadata_props},
    )


def _tensor(node: "ValueInfoProto") -> TensorInfo:
    if not node.type.HasField("tensor_type"):
        return TensorInfo(node.name, str(node.type.WhichOneof("value")), ())
    tensor = node.type.tensor_type
    dimensions = (
        entry.dim_value if entry.HasField("dim_value") else None for entry in tensor.shape.dim
    )
    return TensorInfo(node.name, TensorProto.DataType.Name(tensor.elem_type), tuple(dimensions))
