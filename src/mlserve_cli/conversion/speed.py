"""How fast two engines score the same model, by rows per call."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import MlserveError
from mlserve_cli.inference.predictor import MANY_ROWS, Engine

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
        onnx_seconds: Of the converted model, as it is scored where many rows are expected.
    """

    rows: int
    estimator_seconds: float
    onnx_seconds: float

    @property
    def ratio(self) -> float:
        """How many times faster the converted model is."""
        return self.estimator_seconds / self.onnx_seconds

    def seconds(self, engine: Engine) -> float:
        """Median seconds of one call there."""
        return self.onnx_seconds if engine is Engine.ONNX else self.estimator_seconds


def measure_speed(
    estimator: "Predictor",
    onnx: "Predictor",
    batch: "Batch",
    *,
    many: "Predictor | None" = None,
    clock: Callable[[], float] = time.perf_counter,
    seconds: float = _SECONDS,
) -> tuple[Speed, ...]:
    """Times both engines in turn on the same rows; numbers of rows that take too long are left out.

    Args:
        estimator: The estimator's predictor.
        onnx: The converted model's.
        batch: Rows that both take; others are made of their values where there are too few.
        many: The converted model's for calls with many rows, where it has another for them.
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
        converted = onnx if many is None or rows < MANY_ROWS else many
        medians = median_seconds((estimator, converted), batch, rows, share, clock=clock)
        found.append(Speed(rows, medians[0], medians[1]))
    return tuple(found)


def median_seconds(
    predictors: "Sequence[Predictor]",
    batch: "Batch",
    rows: int,
    seconds: float,
    *,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[float, ...]:
    """Median time of one call of each predictor, taken in turn, so that a noisy moment hits all.

    Args:
        predictors: They score labels, and probabilities where all of them have those.
        batch: Rows that all take; others are made of their values where there are too few.
        rows: How many go into a call.
        seconds: How long this may take, about; a few calls are made in any case.
        clock: Gives the time in seconds.
    """
    try:
        return _median_seconds(predictors, mixed(batch, rows), seconds, clock)
    # Some models refuse rows that are unlike those they know.
    except MlserveError:
        return _median_seconds(predictors, _repeated(batch, rows), seconds, clock)


def mixed(batch: "Batch", rows: int) -> "Batch":
    """As many rows as asked for: the batch's first ones, and rows drawn from each of its columns.

    Trees score rows that come over and over in half the time, since the processor knows their ways.
    """
    random = np.random.default_rng(0)
    if isinstance(batch, np.ndarray):
        longer = np.empty((rows, batch.shape[1]), batch.dtype)
        for column, values in zip(longer.T, batch.T, strict=True):
            column[:] = _drawn(values, rows, random)
        return longer
    return {name: _drawn(values, rows, random) for name, values in batch.items()}


def _drawn(values: "NDArray[Any]", rows: int, random: np.random.Generator) -> "NDArray[Any]":
    more = random.integers(len(values), size=max(0, rows - len(values)))
    return np.concatenate((values[:rows], values[more]))


def _repeated(batch: "Batch", rows: int) -> "Batch":
    if isinstance(batch, np.ndarray):
        return np.resize(batch, (rows, batch.shape[1]))
    return {name: np.resize(values, rows) for name, values in batch.items()}


def _median_seconds(
    predictors: "Sequence[Predictor]",
    batch: "Batch",
    seconds: float,
    clock: Callable[[], float],
) -> tuple[float, ...]:
    times: list[list[float]] = [[] for _ in predictors]
    probabilities = all(predictor.signature.probabilities for predictor in predictors)
    started = clock()
    for predictor in predictors:
        predictor.predict(batch, probabilities=probabilities)
    while len(times[0]) < _CALLS or clock() - started < seconds:
        for predictor, found in zip(predictors, times, strict=True):
            before = clock()
            predictor.predict(batch, probabilities=probabilities)
            found.append(clock() - before)
        if clock() - started > 2 * seconds:
            break
    return tuple(map(statistics.median, times))
