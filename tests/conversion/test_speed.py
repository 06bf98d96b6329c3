from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.conversion.speed import ROWS, measure_speed
from mlserve_cli.inference.predictor import Engine, Prediction
from mlserve_cli.signature import Column, Signature, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch


class Clock:
    """Time that passes only while a predictor works."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


class Timed:
    """A predictor that takes a fixed time for each row."""

    engine = Engine.SKLEARN
    signature = Signature(Task.REGRESSION, (Column("a"),))

    def __init__(self, clock: Clock, row_seconds: float) -> None:
        self.clock = clock
        self.row_seconds = row_seconds
        self.sizes: list[int] = []

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        rows = len(batch["a"]) if isinstance(batch, dict) else len(batch)
        self.sizes.append(rows)
        self.clock.now += self.row_seconds * rows
        return Prediction(np.zeros(rows))

    def decision_function(self, batch: "Batch") -> "NDArray[np.float64]":
        raise NotImplementedError


def test_each_number_of_rows_has_the_time_of_both_engines() -> None:
    clock = Clock()
    first, second = Timed(clock, 1e-4), Timed(clock, 2e-5)
    speeds = measure_speed(first, second, np.zeros((3, 1)), clock=clock, seconds=100.0)
    assert tuple(speed.rows for speed in speeds) == ROWS
    for speed in speeds:
        np.testing.assert_allclose(speed.estimator_seconds, 1e-4 * speed.rows, rtol=1e-6)
        np.testing.assert_allclose(speed.ratio, 5.0, rtol=1e-6)


def test_numbers_of_rows_that_take_too_long_are_left_out() -> None:
    clock = Clock()
    slow, fast = Timed(clock, 1e-2), Timed(clock, 1e-6)
    speeds = measure_speed(slow, fast, np.zeros((3, 1)), clock=clock, seconds=2.0)
    assert [speed.rows for speed in speeds] == [1, 100]
    assert max(slow.sizes) == 100


def test_rows_of_columns_are_repeated() -> None:
    clock = Clock()
    timed = Timed(clock, 1e-6)
    batch = {"a": np.array(["x", "y"], dtype=object)}
    measure_speed(timed, timed, batch, clock=clock, seconds=1.0)
    assert set(timed.sizes) == set(ROWS)
