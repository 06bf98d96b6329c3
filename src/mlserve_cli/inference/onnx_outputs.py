"""What the outputs of an ONNX graph stand for."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import onnxruntime as ort

# Names that converters give to outputs: ours first, then those of skl2onnx, onnxmltools and Spark.
_LABELS = ("label", "output_label", "prediction", "variable", "variable1")
_PROBABILITIES = ("probabilities", "output_probability", "probability")
_DECISIONS = ("decision", "decision_function", "scores", "rawPrediction")
# What a ZipMap gives: one dictionary per row, from class to probability.
_DICTIONARIES = "seq(map("


@dataclass(frozen=True, slots=True)
class Outputs:
    """Names of the outputs of a graph, by what they stand for.

    Attributes:
        label: Predicted classes or values; None where our own converter left them out.
        probabilities: Of the classes; None where there are none.
        decision: Raw scores; None where there are none.
        zipped: Whether the probabilities are dictionaries.
    """

    label: str | None
    probabilities: str | None
    decision: str | None
    zipped: bool


def outputs_of(session: "ort.InferenceSession", *, ours: bool) -> Outputs:
    """Finds the outputs of a graph by their names, else by their types and their order.

    Args:
        session: The loaded model.
        ours: Whether our own converter wrote it; then only names count.
    """
    types = {node.name: node.type for node in session.get_outputs()}
    zipped = [name for name, kind in types.items() if kind.startswith(_DICTIONARIES)]
    probabilities = _first(_PROBABILITIES, types) or next(iter(zipped), None)
    label = _first(_LABELS, types)
    if label is None and not ours:
        label = next((name for name in types if name != probabilities), None)
        if label is None:
            # Its only output is what it predicts, whatever it is called.
            label, probabilities = probabilities, None
    return Outputs(
        label=label,
        probabilities=probabilities,
        decision=_first(_DECISIONS, types),
        zipped=probabilities in zipped,
    )


def _first(names: tuple[str, ...], known: dict[str, str]) -> str | None:
    return next((name for name in names if name in known), None)
