"""Which bin a value falls into, by functions that never fall: bins keep the order of values."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, assert_never

import numpy as np

from mlserve_cli.drift.counting import ordered

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The most bins of one column.
BINS = 1 << 16
# The most bins of all columns together: 32 MiB on either side.
_ALL_BINS = 1 << 22
_FEWEST_BINS = 1 << 10
# Share of the reference beyond either end of the axis.
_TAIL = 0.0005
_CURRENT_TAIL = 0.001
# How much wider than the reference an axis may be in favour of the current data.
_WIDENING = 16.0
# Share of a sample in one bin, repeated values apart, from which another axis is tried.
_CROWDED = 0.01
_LARGE = 1e300
# Key of infinity, which is above those of all finite doubles.
_BEYOND = int(ordered.to_keys(np.array([np.inf]))[0])
# Errors of rounding that the place of a bin's first value may be off by.
_ROUNDINGS = 8 * float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True)
class LinearAxis:
    """Bins of equal width.

    Bins 1 to `bins - 2` divide a range; bin 0 is below it, bin `bins - 1` above.

    Attributes:
        bins: How many there are.
        origin: Where bin 1 begins.
        scale: Bins per unit.
    """

    bins: int
    origin: float
    scale: float

    def indices(self, values: "NDArray[Any]") -> "NDArray[np.intp]":
        """The bin of each finite value; it never falls as values rise."""
        with np.errstate(over="ignore"):
            places = np.subtract(values, self.origin, dtype=np.float64)
            places *= self.scale
        # Adding one before the cut makes the truncation round down.
        places += 1.0
        np.clip(places, 0.0, self.bins - 1, out=places)
        indices: NDArray[np.intp] = places.astype(np.intp)
        return indices


@dataclass(frozen=True, slots=True)
class OrderedAxis:
    """Bins of about equal ratio, for values of very different size; else as `LinearAxis`.

    Attributes:
        bins: How many there are.
        first: Where bin 1 begins, as a key shifted by `shift`.
        shift: How many lower bits of a key do not matter.
    """

    bins: int
    first: int
    shift: int

    def indices(self, values: "NDArray[Any]") -> "NDArray[np.intp]":
        """The bin of each finite value; it never falls as values rise."""
        places = ordered.to_keys(np.asarray(values, np.float64))
        places >>= self.shift
        places -= self.first - 1
        np.clip(places, 0, self.bins - 1, out=places)
        indices: NDArray[np.intp] = places.astype(np.intp, copy=False)
        return indices

    def begins(self, places: "NDArray[np.intp]") -> "NDArray[np.int64]":
        """Key at which each bin `place + 1` begins, within those of finite values and infinity."""
        shifted = places.astype(np.int64) + self.first
        keys = np.clip(shifted, -_BEYOND >> self.shift, _BEYOND >> self.shift) << self.shift
        keys[shifted > _BEYOND >> self.shift] = _BEYOND
        begins: NDArray[np.int64] = np.maximum(keys, -_BEYOND)
        return begins


Axis = LinearAxis | OrderedAxis


def first_keys(axis: Axis, bins: "NDArray[np.intp]") -> "NDArray[np.int64]":
    """Key of the smallest double in each of these bins or above.

    Args:
        axis: The axis.
        bins: From 1 to one more than the last, which is beyond all doubles.
    """
    if isinstance(axis, OrderedAxis):
        return np.where(bins < axis.bins, axis.begins(bins - 1), _BEYOND)
    return _bisected(axis, bins)


def _bisected(axis: LinearAxis, bins: "NDArray[np.intp]") -> "NDArray[np.int64]":
    """The same by bisection, since the rounding of `indices` has no simple inverse."""
    begins = axis.origin + (bins - 1) / axis.scale
    slack = _ROUNDINGS * (abs(axis.origin) + axis.bins / axis.scale)
    low, high = ordered.to_keys(begins - slack), ordered.to_keys(begins + slack)
    while (low < high).any():
        # Half of each, so that the sum stays within 64 bits.
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        reached = axis.indices(ordered.to_values(middle)) >= bins
        high = np.where(reached, middle, high)
        low = np.where(reached, low, np.minimum(middle + 1, high))
    return np.where(bins < axis.bins, high, _BEYOND)


def edge(axis: Axis, place: int) -> float:
    """Where bin `place + 1` begins."""
    match axis:
        case LinearAxis():
            return axis.origin + place / axis.scale
        case OrderedAxis():
            return float(edges(axis)[place])
        case _:
            assert_never(axis)


def edges(axis: Axis) -> "NDArray[np.float64]":
    """Where bins 1 to `bins - 1` begin, shape `(bins - 1,)`."""
    places = np.arange(axis.bins - 1)
    match axis:
        case LinearAxis():
            return axis.origin + places / axis.scale
        case OrderedAxis():
            return ordered.to_values(np.minimum(axis.begins(places), _BEYOND - 1))
        case _:
            assert_never(axis)


def bins_for(columns: int, rows: int | None) -> int:
    """Bins of each column.

    Args:
        columns: Number of columns.
        rows: Rows of both sides where they are few enough to know; None for many.
    """
    bins = BINS
    while bins > _FEWEST_BINS and (
        bins * columns > _ALL_BINS or (rows is not None and bins > 8 * rows)
    ):
        bins //= 2
    return bins


def choose_axis(
    reference: "NDArray[np.float64]", current: "NDArray[np.float64]", bins: int
) -> Axis:
    """An axis on which a sample of the reference is spread out.

    Args:
        reference: Finite values, any number of them.
        current: The same of the current data. They widen the axis, but only so far: else a single
            wrong value would leave one bin for all others.
        bins: How many bins it is to have.
    """
    if not len(reference):
        reference = current
    if not len(reference):
        return LinearAxis(bins, 0.0, 1.0)
    low, high = _range(reference, current)
    if not high > low:
        return _around(low, bins)
    linear = _linear(low, high, bins)
    if linear is not None and _crowding(linear, reference) <= _CROWDED:
        return linear
    by_size = _ordered(low, high, bins)
    if linear is None or _crowding(by_size, reference) < _crowding(linear, reference):
        return by_size
    return linear


def _range(reference: "NDArray[np.float64]", current: "NDArray[np.float64]") -> tuple[float, float]:
    low, high = (float(x) for x in np.quantile(reference, [_TAIL, 1 - _TAIL], method="nearest"))
    if not len(current):
        return low, high
    spread = high - low
    ends = np.quantile(current, [_CURRENT_TAIL, 1 - _CURRENT_TAIL], method="nearest")
    with np.errstate(over="ignore"):
        low = min(low, max(float(ends[0]), low - _WIDENING * spread))
        high = max(high, min(float(ends[1]), high + _WIDENING * spread))
    return low, high


def _linear(low: float, high: float, bins: int) -> LinearAxis | None:
    """None where places on it would come near the ends of what doubles can express."""
    with np.errstate(over="ignore", divide="ignore"):
        scale = float(np.float64(bins - 2) / (np.float64(high) - low))
    fits = max(abs(low), abs(high)) < _LARGE and 1 / _LARGE < scale < _LARGE
    return LinearAxis(bins, low, scale) if fits else None


def _ordered(low: float, high: float, bins: int) -> OrderedAxis:
    first, last = (int(key) for key in ordered.to_keys(np.array([low, high])))
    # Two bits at least, so that differences of keys stay within 64 bits.
    shift = max(2, ((last - first) // (bins - 2)).bit_length())
    return OrderedAxis(bins, first >> shift, shift)


def _around(value: float, bins: int) -> Axis:
    """An axis for a column whose sample is a single value."""
    width = max(abs(value), 1.0)
    return _linear(value - width, value + width, bins) or _ordered(value, value, bins)


def _crowding(axis: Axis, sample: "NDArray[np.float64]") -> float:
    """Share of the sample in the fullest inner bin, where a repeated value counts once."""
    values = sample
    for _ in range(2):
        counts = np.bincount(axis.indices(values), minlength=axis.bins)[1:-1]
        share = float(counts.max() - 1) / len(sample)
        if share <= _CROWDED:
            break
        values = np.unique(sample)
    return share
