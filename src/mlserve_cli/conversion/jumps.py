"""Rows either side of a jump in what a model says, found by bisection between known rows."""

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.errors import MlserveError
from mlserve_cli.signature import DType, Layout

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Predictor
    from mlserve_cli.signature import Signature

    Columns = dict[str, NDArray[Any]]
    Says = Callable[[Columns], "NDArray[Any]"]

_SEGMENTS = 64
_HALVINGS = 52
# How far from a jump the rows stay, as a part of their segment. Sums of double precision differ by
# about 1e-15 between engines, so that a row on the very jump says nothing; single precision errs
# by 1e-7.
_MARGIN = 1e-9
_LEAST_JUMP = 1e-6


def rows_at_jumps(
    predictor: "Predictor", plain: "Columns", random: np.random.Generator, *, seconds: float
) -> "Columns | None":
    """Pairs of rows between which the model's answer jumps; None where it nowhere does.

    On each segment the half is kept in which the answer changes more, so that the search ends at
    the largest jump. Half of the segments vary one column only.

    Args:
        predictor: The model.
        plain: Rows that it takes.
        random: Picks the segments.
        seconds: How long this may take; what is not found by then is left out.
    """
    segments = _Segments(plain, predictor.signature, random)
    if not segments.varies:
        return None
    deadline = time.perf_counter() + seconds
    low, high = np.zeros(_SEGMENTS), np.ones(_SEGMENTS)
    try:
        left, right = _says(predictor, segments.at(low)), _says(predictor, segments.at(high))
        for _ in range(_HALVINGS):
            middle = (low + high) / 2.0
            answer = _says(predictor, segments.at(middle))
            before = _change(left, answer) >= _change(answer, right)
            low, high = np.where(before, low, middle), np.where(before, middle, high)
            left = np.where(_over(before, left), left, answer)
            right = np.where(_over(before, right), answer, right)
            if time.perf_counter() > deadline:
                break
    except MlserveError:
        return None
    jumps = (_change(left, right) > _LEAST_JUMP) & (high - low < _MARGIN)
    if not jumps.any():
        return None
    below = segments.at(np.maximum(low - _MARGIN, 0.0))
    above = segments.at(np.minimum(high + _MARGIN, 1.0))
    return {name: np.concatenate([below[name][jumps], above[name][jumps]]) for name in plain}


class _Segments:
    """Straight lines between pairs of rows; what is not a fraction stays as in the first row."""

    def __init__(
        self, plain: "Columns", signature: "Signature", random: np.random.Generator
    ) -> None:
        count = len(next(iter(plain.values())))
        first, second = random.integers(0, count, (2, _SEGMENTS))
        names = [one.name for one in signature.columns if one.dtype is DType.FLOAT64]
        self._start = {name: values[first] for name, values in plain.items()}
        self._step: Columns = {}
        only = random.integers(0, max(1, len(names)), _SEGMENTS)
        everything = np.arange(_SEGMENTS) % 2 == 0
        for position, name in enumerate(names):
            step = plain[name][second] - self._start[name]
            self._step[name] = np.where(everything | (only == position), step, 0.0)

    @property
    def varies(self) -> bool:
        """Whether there are columns to vary."""
        return bool(self._step)

    def at(self, part: "NDArray[np.float64]") -> "Columns":
        """The row at a part of the way of each segment."""
        moved = {name: self._start[name] + part * step for name, step in self._step.items()}
        return {**self._start, **moved}


def _says(predictor: "Predictor", columns: "Columns") -> "NDArray[Any]":
    signature = predictor.signature
    batch: Any = columns
    if signature.layout is Layout.MATRIX:
        batch = np.column_stack([values.astype(np.float64) for values in columns.values()])
    answer: NDArray[Any] | None
    if signature.probabilities:
        answer = predictor.predict(batch, probabilities=True).probabilities
        assert answer is not None
    elif signature.decision:
        answer = predictor.decision_function(batch)
    else:
        answer = predictor.predict(batch).labels
    return np.asarray(answer).reshape(len(answer), -1)


def _change(left: "NDArray[Any]", right: "NDArray[Any]") -> "NDArray[np.float64]":
    if left.dtype.kind != "f":
        return np.asarray((left != right).any(axis=1), dtype=np.float64)
    with np.errstate(invalid="ignore"):
        return np.asarray(np.nan_to_num(np.abs(left - right)).max(axis=1), dtype=np.float64)


def _over(rows: "NDArray[np.bool_]", values: "NDArray[Any]") -> "NDArray[np.bool_]":
    return np.asarray(np.broadcast_to(rows[:, None], values.shape), dtype=np.bool_)
