"""Numbers that the processes of one server write for whichever of them is asked.

The memory is mapped before the processes are forked and has one sheet for each of them. Only one
process writes to a sheet, so nothing is locked; everybody reads all of them. Whoever replaces a
dead process goes on with its sheet, so that nothing that was counted is lost, and no sum goes down.
The memory is nameless and goes with the last process.
"""

import math
import mmap
import os
import struct
import threading
import time
from typing import TYPE_CHECKING, NamedTuple

import msgspec
import numpy as np

from mlserve_cli.monitoring.families import Family, Kind, Merge

if TYPE_CHECKING:
    from numpy.typing import NDArray

    # The numbers of a series, to be changed in place.
    Numbers = memoryview[float]

# Only what is used of it is real memory: about 9 KiB for a histogram of fine buckets.
SHEET_BYTES = 4 << 20
# Kept for the series that take the counts of those for which there is no room any more.
_RESERVE_BYTES = 512 << 10
# What stands in their labels.
OTHER = "other"

# Where the series end, and which process has the sheet.
_HEAD = struct.Struct("<qq")
# Bytes that name a series, and the numbers that it has.
_ENTRY = struct.Struct("<II")


class _Name(msgspec.Struct, array_like=True):
    family: str
    kind: Kind
    merge: Merge
    labels: tuple[str, ...]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Name).decode


class SeriesKey(NamedTuple):
    """Which series it is.

    Attributes:
        family: Name of its family.
        labels: Values of its labels.
    """

    family: str
    labels: tuple[str, ...]


class Sheet:
    """The numbers of one process.

    Args:
        memory: Its part of the shared memory.
    """

    def __init__(self, memory: memoryview) -> None:
        self._bytes = memory
        self._numbers = memory.cast("d")
        self._series: dict[SeriesKey, Numbers] = {}
        self._adding = threading.Lock()

    @property
    def process(self) -> int:
        """Who writes here; 0 for nobody yet."""
        found: int = _HEAD.unpack_from(self._bytes)[1]
        return found

    def take(self) -> None:
        """Makes it the sheet of this process, which goes on with the counts of the one before."""
        self._series.clear()
        for name, numbers in self._entries():
            self._series[SeriesKey(name.family, name.labels)] = numbers
            if name.kind is Kind.GAUGE:
                # It said something about a process that is no more.
                numbers[0] = math.nan
        _HEAD.pack_into(self._bytes, 0, self._end, os.getpid())

    def series(self, family: Family, labels: tuple[str, ...] = ()) -> "Numbers":
        """The numbers of a series, to be changed in place; see `Family.cells`.

        A series that finds no room is counted together with others of its family.
        """
        key = SeriesKey(family.name, labels)
        found = self._series.get(key)
        if found is None:
            with self._adding:
                found = self._series.get(key) or self._add(family, labels)
        return found

    def read(self) -> "list[tuple[SeriesKey, Kind, Merge, NDArray[np.float64]]]":
        """A copy of all of it."""
        return [
            (
                SeriesKey(name.family, name.labels),
                name.kind,
                name.merge,
                np.array(numbers, np.float64),
            )
            for name, numbers in self._entries()
        ]

    @property
    def _end(self) -> int:
        found: int = _HEAD.unpack_from(self._bytes)[0]
        return max(found, _HEAD.size)

    def _entries(self) -> "list[tuple[_Name, Numbers]]":
        found = []
        position, end = _HEAD.size, self._end
        while position < end:
            name_bytes, cells = _ENTRY.unpack_from(self._bytes, position)
            start = position + _ENTRY.size
            name = _decode(self._bytes[start : start + name_bytes])
            first = _aligned(start + name_bytes)
            position = first + 8 * cells
            found.append((name, self._numbers[first // 8 : position // 8]))
        return found

    def _add(self, family: Family, labels: tuple[str, ...]) -> "Numbers":
        """Writes a series behind the last one; it is there once the end has moved."""
        name = _encode(_Name(family.name, family.kind, family.merge, labels))
        position = self._end
        start = position + _ENTRY.size
        first = _aligned(start + len(name))
        end = first + 8 * family.cells
        others = (OTHER,) * len(labels)
        room = len(self._bytes) - (0 if labels == others else _RESERVE_BYTES)
        if end > room:
            # Families are few: each of them finds its room in the reserve.
            assert labels != others
            return self._series.get(SeriesKey(family.name, others)) or self._add(family, others)
        _ENTRY.pack_into(self._bytes, position, len(name), family.cells)
        self._bytes[start : start + len(name)] = name
        numbers = self._numbers[first // 8 : end // 8]
        if family.kind is Kind.GAUGE:
            numbers[0] = math.nan
        _HEAD.pack_into(self._bytes, 0, end, os.getpid())
        self._series[SeriesKey(family.name, labels)] = numbers
        return numbers


class SharedNumbers:
    """The sheets of all processes.

    Args:
        places: How many processes there are at a time; see `Sheet.take`.
    """

    def __init__(self, places: int = 1) -> None:
        self.sheets = []
        memory = memoryview(mmap.mmap(-1, SHEET_BYTES * places))
        for place in range(places):
            part = memory[place * SHEET_BYTES : (place + 1) * SHEET_BYTES]
            self.sheets.append(Sheet(part))

    def merged(self) -> "dict[SeriesKey, NDArray[np.float64]]":
        """The numbers of every series over all processes; gauges that nobody has set are left out.

        Counters and histograms are summed, those of processes that have died among them.
        """
        found: dict[SeriesKey, NDArray[np.float64]] = {}
        for sheet in self.sheets:
            for key, kind, merge, numbers in sheet.read():
                if kind is Kind.GAUGE and math.isnan(numbers[0]):
                    continue
                before = found.get(key)
                found[key] = numbers if before is None else _both(kind, merge, before, numbers)
        return found


def set_gauge(numbers: "Numbers", value: float, now: float | None = None) -> None:
    """Sets a gauge; NaN takes it away.

    Args:
        numbers: Of its series.
        value: From now on.
        now: Seconds since 1970; the clock's where it is not given.
    """
    numbers[1] = time.time() if now is None else now
    numbers[0] = value


def _both(
    kind: Kind, merge: Merge, one: "NDArray[np.float64]", other: "NDArray[np.float64]"
) -> "NDArray[np.float64]":
    if kind is not Kind.GAUGE or merge is Merge.SUM:
        return one + other
    if merge is Merge.MAX:
        return one if one[0] >= other[0] else other
    return one if one[1] >= other[1] else other


def _aligned(position: int) -> int:
    """The next multiple of eight, where numbers may stand."""
    return -(-position // 8) * 8
