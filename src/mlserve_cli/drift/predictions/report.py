"""What was found about the quality of predictions, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PerformanceFigure:
    """A metric on both sides.

    Attributes:
        name: As scikit-learn calls it: `accuracy`, `balanced_accuracy`, `f1_macro`, `roc_auc`,
            `r2`, `mae`.
        reference: Its value in the reference.
        current: Its value in the current data.
        difference: Current less reference.
        low: Lower end of the difference's interval; None where it is not known.
        high: Upper end.
        threshold: How much worse it has to be to count; None where it only informs.
        drifted: Whether it is worse by chance hardly, and by that much.
    """

    name: str
    reference: float
    current: float
    difference: float
    low: float | None
    high: float | None
    threshold: float | None
    drifted: bool


@dataclass(frozen=True, slots=True)
class Performance:
    """How good predictions are on both sides.

    Attributes:
        drifted: Whether a metric fell so far that the whole check fails; never for an estimate.
        task: `classification` or `regression`.
        target: Column with the truth; None for an estimate.
        reference_rows: Rows of the reference that were judged.
        current_rows: Rows of the current data that were judged.
        confidence: Level of the intervals, from 0 to 1.
        figures: Every metric.
        assumption: What an estimate rests on; empty where the truth is known.
    """

    drifted: bool
    task: str
    target: str | None
    reference_rows: int
    current_rows: int
    confidence: float
    figures: tuple[PerformanceFigure, ...]
    assumption: str = ""

    @property
    def is_estimate(self) -> bool:
        """Whether the truth is not known."""
        return self.target is None
