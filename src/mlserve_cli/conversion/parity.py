"""Agreement of two predictors on the same rows. Imports no scikit-learn, pandas or scipy."""

import sys
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch, Predictor
    from mlserve_cli.signature import Signature

TOLERANCE = 1e-6
# The largest number, because JSON has no infinity.
INCOMPARABLE = sys.float_info.max
_WORST_ROWS = 5


class RowSource(StrEnum):
    """Where the rows of a comparison come from."""

    DATA = "data"
    REFERENCE = "reference"
    GENERATED = "generated"


@dataclass(frozen=True, slots=True)
class WorstRow:
    """One row on which two predictors differ.

    Attributes:
        row: Its number, 0 for the first.
        output: Name of the output that differs.
        expected: What the first predictor says.
        found: What the second says.
    """

    row: int
    output: str
    expected: Any
    found: Any


@dataclass(frozen=True, slots=True)
class ParityReport:
    """How far two predictors agree.

    Attributes:
        rows: Number of rows compared.
        label_mismatches: Rows with different classes; 0 where the model predicts numbers.
        max_difference: Largest difference of a probability (absolute) or of a value or score
            (relative to its own size or to the mean size of its column, whichever is larger).
            `INCOMPARABLE` where one side has NaN, an infinity or another shape.
        tolerance: Largest difference that passes.
        source: Where the rows come from.
        worst_rows: The rows that differ most, if any fail.
        cause: The first step of the model that differs, where it is known.
        skipped: Rows that were left out because the first predictor is too slow for them.
    """

    rows: int
    label_mismatches: int
    max_difference: float
    tolerance: float = TOLERANCE
    source: RowSource = RowSource.DATA
    worst_rows: tuple[WorstRow, ...] = field(default=())
    cause: str | None = None
    skipped: int = 0

    @property
    def passed(self) -> bool:
        """Whether every label is the same and every number within the tolerance."""
        return self.label_mismatches == 0 and bool(self.max_difference <= self.tolerance)

    def to_json(self) -> dict[str, Any]:
        """The report as plain values."""
        return {**asdict(self), "source": str(self.source), "passed": self.passed}


def shown_difference(value: float) -> str:
    """A difference as people write it."""
    return "beyond all measure" if value == INCOMPARABLE else f"{value:.2g}"


def compare(
    predictor_a: "Predictor",
    predictor_b: "Predictor",
    batch: "Batch",
    *,
    tolerance: float = TOLERANCE,
    source: RowSource = RowSource.DATA,
) -> ParityReport:
    """How far the second predictor agrees with the first on a batch.

    Args:
        predictor_a: The predictor that is right.
        predictor_b: The one that is checked.
        batch: Rows that both take.
        tolerance: Largest difference that passes.
        source: Where the rows come from.
    """
    signatures = (predictor_a.signature, predictor_b.signature)
    probabilities = all(signature.probabilities for signature in signatures)
    decision = all(signature.decision for signature in signatures)
    sides: list[dict[str, NDArray[Any]]] = []
    for predictor in (predictor_a, predictor_b):
        prediction = predictor.predict(batch, probabilities=probabilities)
        found = {_label_name(signatures[0]): prediction.labels}
        if prediction.probabilities is not None:
            found["probabilities"] = prediction.probabilities
        if decision:
            found["decision"] = predictor.decision_function(batch)
        sides.append(found)
    return compare_outputs(*sides, tolerance=tolerance, source=source)


def _label_name(signature: "Signature") -> str:
    return "variable" if signature.task in (Task.REGRESSION, Task.TRANSFORMATION) else "label"


def compare_outputs(
    expected: "Mapping[str, NDArray[Any]]",
    found: "Mapping[str, NDArray[Any]]",
    *,
    tolerance: float = TOLERANCE,
    source: RowSource = RowSource.DATA,
) -> ParityReport:
    """How far outputs agree, by name; those that only one side has are left out.

    Args:
        expected: `label` holds classes; names that start with `probabilities` hold probabilities;
            everything else holds values.
        found: The other side.
        tolerance: Largest difference that passes.
        source: Where the rows come from.
    """
    rows = mismatches = 0
    # Nothing to compare is not agreement.
    worst = 0.0 if set(expected) & set(found) else np.inf
    failures: list[tuple[float, WorstRow]] = []
    for name in [name for name in expected if name in found]:
        left, right = _as_rows(expected[name]), _as_rows(found[name])
        rows = len(left)
        if left.shape != right.shape:
            difference = np.full(rows, np.inf)
        elif name == "label":
            difference = np.where((_plain(left) == _plain(right)).all(axis=1), 0.0, np.inf)
            mismatches += int((difference > 0).sum())
        else:
            difference = _differences(left, right, absolute=name.startswith("probabilities"))
        if name != "label" and rows:
            worst = max(worst, float(difference.max()))
        for row in np.argsort(-difference)[:_WORST_ROWS]:
            if difference[row] > tolerance:
                sides = (_shown(left[row]), _shown(right[row]) if len(right) == rows else None)
                failures.append((float(difference[row]), WorstRow(int(row), name, *sides)))
    failures.sort(key=lambda failure: -failure[0])
    shown = tuple(row for _, row in failures[:_WORST_ROWS])
    return ParityReport(rows, mismatches, min(worst, INCOMPARABLE), tolerance, source, shown)


def _as_rows(values: "NDArray[Any]") -> "NDArray[Any]":
    array = np.asarray(values)
    return array.reshape(len(array), -1) if array.size else array.reshape(len(array), 0)


def _plain(labels: "NDArray[Any]") -> "NDArray[Any]":
    return labels if labels.dtype.kind in "iufb" else labels.astype(str)


def _shown(values: "NDArray[Any]") -> Any:
    return values.tolist()[0] if values.size == 1 else values.tolist()


def _differences(
    left: "NDArray[Any]", right: "NDArray[Any]", *, absolute: bool
) -> "NDArray[np.float64]":
    """Largest difference in each row; the same infinity or NaN on both sides is none."""
    a, b = left.astype(np.float64), right.astype(np.float64)
    if not a.shape[1]:
        return np.zeros(len(a))
    same = (a == b) | (np.isnan(a) & np.isnan(b))
    with np.errstate(invalid="ignore", over="ignore"):
        difference = np.abs(a - b)
        if not absolute:
            finite = np.where(np.isfinite(a), np.abs(a), 0.0)
            size = np.maximum(finite, finite.mean(axis=0))
            difference = difference / np.where(size > 0, size, 1.0)
    difference = np.where(same, 0.0, np.where(np.isnan(difference), np.inf, difference))
    return np.asarray(difference.max(axis=1), dtype=np.float64)
