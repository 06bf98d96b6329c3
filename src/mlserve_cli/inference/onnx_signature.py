"""What can be learnt from an ONNX graph about the model in it."""

from enum import StrEnum
from typing import TYPE_CHECKING

from mlserve_cli.errors import ArtifactError
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

if TYPE_CHECKING:
    import onnxruntime as ort


class Role(StrEnum):
    """What an output of a graph stands for."""

    LABEL = "label"
    PROBABILITIES = "probabilities"
    DECISION = "decision"


# Names that converters give to their outputs: ours first, then skl2onnx's and onnxmltools'.
OUTPUT_NAMES = {
    Role.LABEL: ("label", "output_label", "variable", "variable1"),
    Role.PROBABILITIES: ("probabilities", "output_probability"),
    Role.DECISION: ("decision", "decision_function", "scores"),
}

_DTYPES = {
    "tensor(float)": DType.FLOAT64,
    "tensor(double)": DType.FLOAT64,
    "tensor(int64)": DType.INT64,
    "tensor(int32)": DType.INT64,
    "tensor(bool)": DType.BOOL,
    "tensor(string)": DType.STRING,
}


def signature_of(session: "ort.InferenceSession") -> Signature:
    """The signature of a graph, as far as its inputs and outputs tell.

    Raises:
        ArtifactError: Inputs that are neither one matrix nor one column each.
    """
    columns, layout, named = _columns(session)
    outputs = {node.name: node for node in session.get_outputs()}
    label = next((outputs[name] for name in OUTPUT_NAMES[Role.LABEL] if name in outputs), None)
    label = label or session.get_outputs()[0]
    label_dtype = _DTYPES.get(label.type, DType.FLOAT64)
    has_probabilities = any(name in outputs for name in OUTPUT_NAMES[Role.PROBABILITIES])
    width = label.shape[1] if len(label.shape) == 2 and isinstance(label.shape[1], int) else 1
    return Signature(
        task=_task(label_dtype, has_probabilities=has_probabilities, outputs=set(outputs)),
        columns=columns,
        layout=layout,
        named=named,
        label_dtype=label_dtype,
        outputs=("prediction",)
        if width == 1
        else tuple(f"prediction_{position}" for position in range(width)),
        probabilities=has_probabilities,
    )


def _columns(session: "ort.InferenceSession") -> tuple[tuple[Column, ...], Layout, bool]:
    inputs = session.get_inputs()
    first = inputs[0]
    if len(inputs) == 1 and len(first.shape) == 2 and first.type in _DTYPES:
        width = first.shape[1]
        if not isinstance(width, int):
            raise ArtifactError(
                f"The ONNX model's input '{first.name}' does not say how many columns it takes.",
                hint="Save the model with rows of its data: mlserve save MODEL --data FILE",
            )
        if width > 1 and _DTYPES[first.type].is_number:
            return tuple(Column(f"x{position}") for position in range(width)), Layout.MATRIX, False
    if all(len(node.shape) == 2 and node.shape[1] == 1 for node in inputs):
        columns = tuple(Column(node.name, _DTYPES[node.type]) for node in inputs)
        return columns, Layout.FRAME, True
    shapes = ", ".join(f"{node.name} {node.type} {node.shape}" for node in inputs)
    raise ArtifactError(
        f"The ONNX model takes {shapes}; expected one matrix [rows, features], or one input "
        "[rows, 1] per column."
    )


def _task(label_dtype: DType, *, has_probabilities: bool, outputs: set[str]) -> Task:
    if has_probabilities or label_dtype is DType.STRING:
        return Task.CLASSIFICATION
    if label_dtype is DType.FLOAT64:
        return Task.REGRESSION
    return Task.CLUSTERING if "scores" in outputs else Task.CLASSIFICATION
