from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.conversion.speed import ROWS, measure_speed, mixed
from mlserve_cli.errors import SignatureError
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


def test_columns_are_as_long_as_is_asked_for() -> None:
    clock = Clock()
    timed = Timed(clock, 1e-6)
    batch = {"a": np.array(["x", "y"], dtype=object)}
    measure_speed(timed, timed, batch, clock=clock, seconds=1.0)
    assert set(timed.sizes) == set(ROWS)


class Picky(Timed):
    """Takes rows whose values are equal alone."""

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        assert isinstance(batch, np.ndarray)
        if (batch[:, 0] != batch[:, 1]).any():
            raise SignatureError("The row is unlike those that are known.")
        return super().predict(batch)


def test_rows_are_repeated_where_mixed_ones_are_refused() -> None:
    clock = Clock()
    picky = Picky(clock, 1e-6)
    measure_speed(picky, picky, np.array([[1.0, 1.0], [2.0, 2.0]]), clock=clock, seconds=1.0)
    assert set(picky.sizes) == set(ROWS)


def test_more_rows_are_made_of_the_values_of_each_column() -> None:
    few = np.arange(40.0).reshape(20, 2)
    many = mixed(few, 1_000)
    assert isinstance(many, np.ndarray)
    np.testing.assert_array_equal(many[:20], few)
    for made, known in zip(many.T, few.T, strict=True):
        assert set(made) == set(known)
    assert len(np.unique(many, axis=0)) > 300
    np.testing.assert_array_equal(mixed(few, 3), few[:3])
    by_column = mixed({"a": few[:, 0], "b": few[:, 1].astype(object)}, 50)
    assert isinstance(by_column, dict)
    assert [(len(one), one.dtype) for one in by_column.values()] == [(50, float), (50, object)]
