"""Numbers of one column counted: in bins of an axis, or value by value where few are different."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.counting.axis import Axis
from mlserve_cli.drift.counting.thinned import ThinnedSample
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# The most different whole numbers that are compared as categories.
FEW_VALUES = 20
# Doubles tell all whole numbers apart up to here.
EXACT_INTEGER = 1 << 53


@dataclass(slots=True)
class NumberCounts:
    """What is known about the numbers of one column.

    Attributes:
        name: Name of the column, for messages.
        axis: Where the bins are.
        values: Rows of each value, as long as there are few of them and all are whole numbers; None
            from the moment on when that ends, and `counts` holds them all.
        counts: Finite values in each bin, shape `(bins,)`; None while `values` holds them.
        rows: All rows.
        missing: Rows with NaN.
        infinite: Rows with an infinity: negative, positive.
        minimum: Smallest finite value, infinity where there is none.
        maximum: Largest finite value, negative infinity where there is none.
        limits: Smallest and largest value of the other side, where that is known before.
        beyond: Finite values below and above `limits`.
        sample: Some of the finite values.
        raw_moments: Sum and sum of squares of the finite values less the axis's origin.
    """

    name: str
    axis: Axis
    sample: ThinnedSample
    values: dict[float, int] | None = field(default_factory=dict)
    counts: "NDArray[np.int64] | None" = None
    rows: int = 0
    missing: int = 0
    infinite: list[int] = field(default_factory=lambda: [0, 0])
    minimum: float = float("inf")
    maximum: float = float("-inf")
    limits: tuple[float, float] | None = None
    beyond: list[int] = field(default_factory=lambda: [0, 0])
    raw_moments: tuple[float, float] = (0.0, 0.0)

    @property
    def finite(self) -> int:
        """Rows with a finite value."""
        return self.rows - self.missing - sum(self.infinite)

    def add(self, block: "NDArray[Any]") -> None:
        """Counts a block of shape `(rows,)`.

        Raises:
            InputError: Whole numbers that doubles do not tell apart.
        """
        self.rows += len(block)
        finite = self._only_finite(block)
        if not len(finite):
            return
        low, high = finite.min(), finite.max()
        if finite.dtype.kind in "iu" and max(-int(low), int(high)) > EXACT_INTEGER:
            raise self._too_large(int(low) if -int(low) > int(high) else int(high))
        self.minimum = min(self.minimum, float(low))
        self.maximum = max(self.maximum, float(high))
        self._count_beyond(finite, float(low), float(high))
        self._add_moments(finite)
        self.sample.add(finite)
        if self.values is not None and self._count_values(finite):
            return
        self.demote()
        assert self.counts is not None
        self.counts += np.bincount(self.axis.indices(finite), minlength=self.axis.bins)

    def _only_finite(self, block: "NDArray[Any]") -> "NDArray[Any]":
        if block.dtype.kind != "f":
            return block
        with np.errstate(over="ignore", invalid="ignore"):
            total = block.sum(dtype=np.float64)
        # The sum of finite values may be infinite; then all of them are kept.
        if np.isfinite(total):
            return block
        finite: NDArray[Any] = block[np.isfinite(block)]
        self.missing += int(np.isnan(block).sum())
        self.infinite[0] += int((block == -np.inf).sum())
        self.infinite[1] += int((block == np.inf).sum())
        return finite

    def _too_large(self, value: int) -> InputError:
        return InputError(
            f"Column {self.name!r} holds the whole number {value}; beyond 2**53 doubles cannot "
            "tell neighbours apart.",
            hint="Such numbers are mostly identifiers. Leave the column out with --columns, or "
            "store it as text.",
        )

    def _count_beyond(self, finite: "NDArray[Any]", low: float, high: float) -> None:
        if self.limits is None:
            return
        if low < self.limits[0]:
            self.beyond[0] += int((finite < np.float64(self.limits[0])).sum())
        if high > self.limits[1]:
            self.beyond[1] += int((finite > np.float64(self.limits[1])).sum())

    def _add_moments(self, finite: "NDArray[Any]") -> None:
        with np.errstate(over="ignore", invalid="ignore"):
            shifted = np.subtract(finite, self._shift(), dtype=np.float64)
            total = float(shifted.sum())
            # Not a dot product: BLAS would start threads for it.
            np.multiply(shifted, shifted, out=shifted)
            squares = float(shifted.sum())
        self.raw_moments = self.raw_moments[0] + total, self.raw_moments[1] + squares

    def _shift(self) -> float:
        return float(getattr(self.axis, "origin", 0.0))

    def moments(self) -> tuple[float, float] | None:
        """Mean and standard deviation; None without values, or where doubles cannot hold them."""
        rows = self.finite
        if not rows:
            return None
        mean = self.raw_moments[0] / rows
        variance = max(0.0, self.raw_moments[1] / rows - mean * mean)
        result = mean + self._shift(), float(np.sqrt(variance))
        return result if np.isfinite(result).all() else None

    def _count_values(self, finite: "NDArray[Any]") -> bool:
        """Counts value by value; False, and nothing counted, where that does not fit the block."""
        assert self.values is not None
        numbers = finite.astype(np.float64, copy=False)
        known = np.array(sorted(self.values))
        if len(known):
            places = np.minimum(np.searchsorted(known, numbers), len(known) - 1)
            if (known[places] == numbers).all():
                counts = np.bincount(places, minlength=len(known))
                for value, count in zip(known.tolist(), counts.tolist(), strict=True):
                    self.values[value] += count
                return True
        # A few rows mostly tell, at a fraction of the price of all.
        for part in (numbers[: 8 * FEW_VALUES], numbers):
            found, counts = np.unique(part, return_counts=True)
            if len(np.union1d(found, known)) > FEW_VALUES or (found != np.floor(found)).any():
                return False
        for value, count in zip((found + 0.0).tolist(), counts.tolist(), strict=True):
            self.values[value] = self.values.get(value, 0) + count
        return True

    def demote(self) -> None:
        """From now on counts in bins; what was counted value by value moves there."""
        if self.counts is None:
            self.counts = np.zeros(self.axis.bins, np.int64)
        if self.values:
            values = np.array(list(self.values))
            np.add.at(self.counts, self.axis.indices(values), list(self.values.values()))
        self.values = None
