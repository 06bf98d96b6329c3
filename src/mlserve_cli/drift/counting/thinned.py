"""An even sample of a stream whose length nobody knows."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(slots=True)
class ThinnedSample:
    """Every k-th value of a stream, where k doubles as the stream grows.

    Attributes:
        limit: Values to keep; at times there are up to twice as many.
        step: The k above; 1 while all values are kept.
    """

    limit: int
    step: int = 1
    _until_next: int = 0
    _kept: int = 0
    _parts: "list[NDArray[np.float64]]" = field(default_factory=list)

    @classmethod
    def of_values(cls, values: "NDArray[np.float64]", step: int) -> "ThinnedSample":
        """A sample that was taken before, to be looked at but not added to."""
        return cls(max(1, len(values)), step, _kept=len(values), _parts=[values])

    def thinned(self, limit: int) -> "ThinnedSample":
        """A copy of at most so many values."""
        values, step = self.values(), self.step
        while len(values) > limit:
            values, step = values[::2], 2 * step
        return ThinnedSample.of_values(values, step)

    def add(self, values: "NDArray[Any]") -> None:
        """Takes note of the next values of the stream."""
        if self._until_next >= len(values):
            self._until_next -= len(values)
            return
        part = values[self._until_next :: self.step].astype(np.float64)
        self._until_next += len(part) * self.step - len(values)
        self._parts.append(part)
        self._kept += len(part)
        while self._kept > 2 * self.limit:
            self._thin()

    def _thin(self) -> None:
        everything = self.values()
        # The next value would have been kept; it may now be one of those to skip.
        if len(everything) % 2:
            self._until_next += self.step
        self.step *= 2
        self._parts = [everything[::2]]
        self._kept = len(self._parts[0])

    def values(self) -> "NDArray[np.float64]":
        """The sample, in the order of the stream."""
        return np.concatenate(self._parts) if self._parts else np.empty(0)

    @property
    def complete(self) -> bool:
        """Whether it holds every value of the stream."""
        return self.step == 1
