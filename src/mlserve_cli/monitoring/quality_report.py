"""How good predictions were, once the truth is known: figures, intervals, classes, time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.judged import Judged, classified, regressed
from mlserve_cli.monitoring.weighted_figures import (
    Classified,
    FiguresOf,
    classification_figures,
    confusion,
    f1_scores,
)
from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Metrics of which more is better, and on a scale that ends at 1.
SCORES = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "r2")
_SAMPLES = 1000
# Rows drawn in all; of many rows fewer samples are enough, since they vary less.
_MOST_DRAWN = 20_000_000
_FEWEST_SAMPLES = 100
_LOW, _HIGH = 0.025, 0.975
_CALIBRATION_BINS = 10
_HOUR, _DAY = 3600, 86_400
_MOST_HOURS = 48


@dataclass(frozen=True, slots=True)
class Figure:
    """A metric.

    Attributes:
        name: As scikit-learn calls it.
        value: Over all rows.
        low: Lower end of its 95 % interval, from a bootstrap over rows.
        high: Upper end.
        stored: What it was when the model was saved; None where that is not known.
        drop: How far it fell since; None for metrics of which less is better.
    """

    name: str
    value: float
    low: float
    high: float
    stored: float | None = None
    drop: float | None = None


@dataclass(frozen=True, slots=True)
class ClassQuality:
    """How well one class was predicted.

    Attributes:
        label: The class.
        rows: Rows whose true class it is.
        precision: Share of the rows predicted as it that were right; 0 without any.
        recall: Share of its rows that were predicted as it; 0 without any.
        f1: Harmonic mean of both.
    """

    label: str
    rows: int
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Rows whose predicted class had a probability within bounds.

    Attributes:
        low: Lower bound.
        high: Upper bound.
        rows: How many.
        probability: Their mean probability.
        accuracy: Share of them that were right: the same, where the model is calibrated.
    """

    low: float
    high: float
    rows: int
    probability: float
    accuracy: float


@dataclass(frozen=True, slots=True)
class Period:
    """Quality in an hour or a day (UTC).

    Attributes:
        time: When it began, in seconds since 1970.
        rows: How many rows.
        figures: Metrics by name.
    """

    time: int
    rows: int
    figures: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class QualityReport:
    """How good predictions were.

    Attributes:
        model: Name of the model; empty where it is not known.
        version: Its version; 0 where it is not known.
        task: Classification or regression.
        rows: Rows whose truth is known.
        figures: Metrics with their intervals.
        classes: By class; empty for a regression.
        calibration: By probability of the predicted class; empty without probabilities.
        calibration_error: Mean distance of probability and accuracy, weighted by rows.
        periods: Over time; empty where that is not known.
        unmatched: Rows of the truth for which there is no prediction.
        unknown: Classes of the truth that the model does not know; then its probabilities are not
            judged.
    """

    model: str
    version: int
    task: Task
    rows: int
    figures: tuple[Figure, ...]
    classes: tuple[ClassQuality, ...] = ()
    calibration: tuple[CalibrationBin, ...] = ()
    calibration_error: float | None = None
    periods: tuple[Period, ...] = ()
    unmatched: int = 0
    unknown: tuple[str, ...] = ()

    def fell(self, max_drop: float) -> "tuple[Figure, ...]":
        """Figures that fell by more than that since the model was saved."""
        return tuple(f for f in self.figures if f.drop is not None and f.drop > max_drop)


def quality_report(judged: Judged, seed: int = 0) -> QualityReport:
    """How good predictions were.

    Intervals come from a bootstrap over rows (Efron 1979, percentile method): rows that depend on
    one another make them too narrow.

    Args:
        judged: Predictions and the truth.
        seed: Of the bootstrap; the same one gives the same intervals.

    Raises:
        InputError: There is no row, or the truth of a regression is no number.
    """
    count = len(judged.truth)
    if not count:
        raise InputError("There is no prediction whose truth is known.")
    rows = None if judged.task is Task.REGRESSION else classified(judged)
    figures_of = regressed(judged) if rows is None else classification_figures(rows)
    intervals = _intervals(figures_of, count, np.random.default_rng(seed))
    everything = figures_of(np.ones(count))
    bins = () if rows is None else _calibration(rows)
    return QualityReport(
        judged.model,
        judged.version,
        judged.task,
        count,
        tuple(_figure(n, v, intervals[n], judged.stored) for n, v in everything.items()),
        () if rows is None else _by_class(rows),
        bins,
        sum(b.rows * abs(b.probability - b.accuracy) for b in bins) / count if bins else None,
        _periods(figures_of, judged.times),
        judged.unmatched,
        # They stand behind those that it knows.
        tuple(rows.classes[len(judged.classes) :]) if rows and judged.classes else (),
    )


def _intervals(
    figures_of: FiguresOf, rows: int, generator: "np.random.Generator"
) -> dict[str, tuple[float, float]]:
    samples = min(_SAMPLES, max(_FEWEST_SAMPLES, _MOST_DRAWN // rows))
    found: dict[str, list[float]] = {}
    for _ in range(samples):
        weights = np.bincount(generator.integers(rows, size=rows), minlength=rows)
        for name, value in figures_of(weights.astype(np.float64)).items():
            found.setdefault(name, []).append(value)
    return {
        name: (float(np.nanquantile(values, _LOW)), float(np.nanquantile(values, _HIGH)))
        for name, values in found.items()
    }


def _figure(
    name: str, value: float, interval: tuple[float, float], stored: Mapping[str, float]
) -> Figure:
    before = stored.get(name)
    drop = before - value if before is not None and name in SCORES else None
    return Figure(name, value, *interval, before, drop)


def _by_class(rows: Classified) -> tuple[ClassQuality, ...]:
    matrix = confusion(rows, np.ones(len(rows.truth)))
    predicted, actual, f1 = matrix.sum(0), matrix.sum(1), f1_scores(matrix)
    return tuple(
        ClassQuality(
            name,
            int(actual[k]),
            float(matrix[k, k] / predicted[k]) if predicted[k] else 0.0,
            float(matrix[k, k] / actual[k]) if actual[k] else 0.0,
            float(f1[k]),
        )
        for k, name in enumerate(rows.classes)
    )


def _calibration(rows: Classified) -> tuple[CalibrationBin, ...]:
    if rows.probabilities is None:
        return ()
    probability = rows.probabilities[np.arange(len(rows.truth)), rows.predicted]
    right = rows.truth == rows.predicted
    places = np.minimum((probability * _CALIBRATION_BINS).astype(int), _CALIBRATION_BINS - 1)
    return tuple(
        CalibrationBin(
            place / _CALIBRATION_BINS,
            (place + 1) / _CALIBRATION_BINS,
            int((places == place).sum()),
            float(probability[places == place].mean()),
            float(right[places == place].mean()),
        )
        for place in np.unique(places).tolist()
    )


def _periods(figures_of: FiguresOf, times: "NDArray[np.float64] | None") -> tuple[Period, ...]:
    if times is None:
        return ()
    each = _HOUR if times.max() - times.min() <= _MOST_HOURS * _HOUR else _DAY
    starts = (times // each).astype(np.int64) * each
    return tuple(
        Period(start, int((starts == start).sum()), figures_of((starts == start).astype(float)))
        for start in np.unique(starts).tolist()
    )
