"""What can be learnt from an ONNX file about the model in it."""

from dataclasses import replace
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.errors import ArtifactError
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

if TYPE_CHECKING:
    from pathlib import Path

    import onnxruntime as ort

    from mlserve_cli.inference.onnx_outputs import Outputs
    from mlserve_cli.signature import Label

# Entry of a file's metadata that holds the whole signature, as JSON.
SIGNATURE_ENTRY = "mlserve.signature"

_DTYPES = {
    "tensor(float)": DType.FLOAT64,
    "tensor(double)": DType.FLOAT64,
    "tensor(float16)": DType.FLOAT64,
    "tensor(int64)": DType.INT64,
    "tensor(int32)": DType.INT64,
    "tensor(bool)": DType.BOOL,
    "tensor(string)": DType.STRING,
}


def signature_of(
    session: "ort.InferenceSession",
    outputs: "Outputs",
    model: "str | Path | bytes",
    width: int | None = None,
) -> Signature:
    """The signature of a model: the one that `convert-onnx` wrote, or what the graph tells.

    Args:
        session: The loaded model.
        outputs: What its outputs stand for.
        model: The path or the content that it was loaded from.
        width: Columns of its input, where the graph does not tell.

    Raises:
        ArtifactError: Inputs that are neither one matrix nor one column each.
    """
    written = session.get_modelmeta().custom_metadata_map.get(SIGNATURE_ENTRY)
    if written is not None and (known := _decoded(written)) is not None:
        return known
    columns, layout, named = _columns(session, width)
    [label] = [node for node in session.get_outputs() if node.name == outputs.label]
    label_dtype = _DTYPES.get(label.type, DType.FLOAT64)
    task = _task(label_dtype, outputs)
    count = label.shape[1] if len(label.shape) == 2 and isinstance(label.shape[1], int) else 1
    names = tuple(f"prediction_{position}" for position in range(count))
    return Signature(
        task=task,
        columns=columns,
        layout=layout,
        named=named,
        classes=_classes(outputs, model) if task is Task.CLASSIFICATION else None,
        label_dtype=label_dtype,
        outputs=("prediction",) if count == 1 else names,
        probabilities=outputs.probabilities is not None,
    )


def trimmed(signature: Signature, outputs: "Outputs") -> Signature:
    """The signature without what the graph does not give."""
    return replace(
        signature,
        probabilities=signature.probabilities and outputs.probabilities is not None,
        decision=signature.decision if outputs.decision is not None else (),
    )


def _decoded(written: str) -> Signature | None:
    try:
        return msgspec.json.decode(written, type=Signature)
    except msgspec.DecodeError:
        # Of a later version; the graph itself is not concerned.
        return None


def _columns(
    session: "ort.InferenceSession", width: int | None
) -> tuple[tuple[Column, ...], Layout, bool]:
    inputs = session.get_inputs()
    first = inputs[0] if len(inputs) == 1 else None
    if first is not None and len(first.shape) == 2 and first.type in _DTYPES:
        given = first.shape[1]
        width = given if isinstance(given, int) else width
        if width is None:
            raise ArtifactError(
                f"The ONNX model's input '{first.name}' does not say how many columns it takes.",
                hint="Save it with rows of its data, which tell: mlserve save MODEL.onnx "
                "--data FILE",
            )
        # The name of a matrix is no name of a column, not even where it has only one.
        if _DTYPES[first.type].is_number:
            return tuple(Column(f"x{position}") for position in range(width)), Layout.MATRIX, False
        columns = (Column(f"x{position}", _DTYPES[first.type]) for position in range(width))
        return tuple(columns), Layout.FRAME, False
    if inputs and all(_is_column(node) for node in inputs):
        columns = (Column(node.name, _DTYPES[node.type]) for node in inputs)
        return tuple(columns), Layout.FRAME, True
    shapes = ", ".join(f"{node.name} {node.type} {node.shape}" for node in inputs)
    raise ArtifactError(
        f"The ONNX model takes {shapes or 'nothing'}; expected one matrix [rows, features], or one "
        "input [rows, 1] per column."
    )


def _is_column(node: "ort.NodeArg") -> bool:
    return node.type in _DTYPES and (
        len(node.shape) == 1 or (len(node.shape) == 2 and node.shape[1] == 1)
    )


def _task(label_dtype: DType, outputs: "Outputs") -> Task:
    if outputs.probabilities is not None or label_dtype is DType.STRING:
        return Task.CLASSIFICATION
    if label_dtype is DType.FLOAT64:
        return Task.REGRESSION
    # KMeans gives distances under that name.
    return Task.CLUSTERING if outputs.decision == "scores" else Task.CLASSIFICATION


def _classes(outputs: "Outputs", model: "str | Path | bytes") -> "tuple[Label, ...] | None":
    from mlserve_cli.inference.onnx_classes import classes_in

    # What stands behind a label names its classes, and a ZipMap those of its own order.
    first = outputs.probabilities if outputs.zipped else outputs.label
    return classes_in(model, (first, outputs.probabilities))
