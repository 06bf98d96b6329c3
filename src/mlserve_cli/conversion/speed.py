"""How fast two engines score the same model, by rows per call."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch, Predictor

ROWS = (1, 100, 1_000, 10_000)

# Per number of rows: at least this many calls of each engine, and no more once its share of the
# time is spent.
_CALLS = 3
_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Speed:
    """Median seconds of one call.

    Attributes:
        rows: Rows per call.
        estimator_seconds: Of the estimator.
        onnx_seconds: Of ONNX Runtime.
    """

    rows: int
    estimator_seconds: float
    onnx_seconds: float

    @property
    def ratio(self) -> float:
        """How many times faster ONNX Runtime is."""
        return self.estimator_seconds / self.onnx_seconds


def measure_speed(
    estimator: "Predictor",
    onnx: "Predictor",
    batch: "Batch",
    *,
    clock: Callable[[], float] = time.perf_counter,
    seconds: float = _SECONDS,
) -> tuple[Speed, ...]:
    """Times both engines in turn on the same rows; numbers of rows that take too long are left out.

    Args:
        estimator: The estimator's predictor.
        onnx: The converted model's.
        batch: Rows that both take; repeated where there are too few.
        clock: Gives the time in seconds.
        seconds: How long this may take, about.
    """
    found: list[Speed] = []
    end = clock() + seconds
    for number, rows in enumerate(ROWS):
        left = end - clock()
        # More rows take longer, so that what does not fit now will not fit later.
        if found and (found[-1].estimator_seconds + found[-1].onnx_seconds) * 2 > left:
            break
        share = left / (len(ROWS) - number)
        medians = _medians((estimator, onnx), _resized(batch, rows), clock, share)
        found.append(Speed(rows, *medians))
    return tuple(found)


def _medians(
    predictors: "tuple[Predictor, Predictor]",
    batch: "Batch",
    clock: Callable[[], float],
    seconds: float,
) -> tuple[float, float]:
    times: tuple[list[float], list[float]] = ([], [])
    probabilities = all(predictor.signature.probabilities for predictor in predictors)
    started = clock()
    for predictor in predictors:
        predictor.predict(batch, probabilities=probabilities)
    while len(times[0]) < _CALLS or clock() - started < seconds:
        # In turn, so that a noisy moment hits both.
        for predictor, found in zip(predictors, times, strict=True):
            before = clock()
            predictor.predict(batch, probabilities=probabilities)
            found.append(clock() - before)
        if clock() - started > 2 * seconds:
            break
    return statistics.median(times[0]), statistics.median(times[1])


def _resized(batch: "Batch", rows: int) -> "Batch":
    if isinstance(batch, np.ndarray):
        return np.resize(batch, (rows, batch.shape[1]))
    return {name: np.resize(values, rows) for name, values in batch.items()}
