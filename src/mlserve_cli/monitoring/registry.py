"""The metrics of a server of one or more processes, over all of them.

Counting happens in memory that all processes share, so nothing is locked and whichever of them is
asked knows the sums. Gauges are set whenever a process refreshes its own.
"""

import logging
import math
import os
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from mlserve_cli.monitoring.exposition import Exposition, Readings, expose
from mlserve_cli.monitoring.families import Family, Kind
from mlserve_cli.monitoring.processes import process_readings
from mlserve_cli.monitoring.shared import SeriesKey, SharedNumbers, Sheet, set_gauge

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from mlserve_cli.monitoring.shared import Numbers

_LOGGER = logging.getLogger("mlserve")

WORKERS = Family("mlserve_workers", "Processes that answer requests.")
CPU_SECONDS = Family(
    "process_cpu_seconds_total",
    "Total user and system CPU time of the processes that answer requests, in seconds.",
    Kind.COUNTER,
)


class Reading(NamedTuple):
    """A value that somebody reports when it is asked.

    Attributes:
        family: What is measured.
        labels: Values of its labels.
        value: Of a gauge: now; of a counter: since the process began.
    """

    family: Family
    labels: tuple[str, ...]
    value: float


Collector = Callable[[], Iterable[Reading]]


class Counter:
    """A number that only grows, also beyond the death of the process that counts.

    One thread may add to it.

    Args:
        family: What is counted.
        labels: Values of its labels.
        numbers: Of its series.
    """

    __slots__ = ("family", "labels", "numbers")

    def __init__(self, family: Family, labels: tuple[str, ...], numbers: "Numbers") -> None:
        self.family = family
        self.labels = labels
        self.numbers = numbers

    def add(self, amount: float = 1.0) -> None:
        """Counts."""
        self.numbers[0] += amount


class Registry:
    """Counts, and asks others for what they know.

    Args:
        families: What is counted by name; `counter` and `collect_from` add to them.
    """

    sheet: Sheet
    """Where this process counts."""

    def __init__(self, families: Iterable[Family] = ()) -> None:
        self._families = {family.name: family for family in families}
        self._counters: list[Counter] = []
        self._collectors: list[Collector] = []
        # Gauges that this process has set.
        self._set: dict[SeriesKey, Numbers] = {}
        # What counters said when this process first reported them.
        self._before: dict[SeriesKey, float] = {}
        self.collect_from(_own_readings, WORKERS, CPU_SECONDS)
        self.share(1)
        self.take(0)

    def share(self, places: int) -> None:
        """Makes room for so many processes, before they are forked and before anything counts."""
        self._shared = SharedNumbers(places)
        self._owner = os.getpid()

    def take(self, place: int) -> None:
        """Counts from now on in one of the places, and goes on with what was counted there."""
        self.sheet = self._shared.sheets[place]
        self.sheet.take()
        self._set.clear()
        self._before.clear()
        for counter in self._counters:
            counter.numbers = self.sheet.series(counter.family, counter.labels)

    def counter(self, family: Family, *labels: str) -> Counter:
        """A counter.

        Args:
            family: What is counted.
            labels: Values of its labels, from a bounded set.
        """
        self._families[family.name] = family
        counter = Counter(family, labels, self.sheet.series(family, labels))
        self._counters.append(counter)
        return counter

    def collect_from(self, collector: Collector, *families: Family) -> None:
        """Asks for values with every refresh.

        Args:
            collector: Gives all that it has now; gauges that it does not give any more are gone.
            families: Which it may give.
        """
        self._families |= {family.name: family for family in families}
        self._collectors.append(collector)

    def refresh(self) -> None:
        """Asks for all values of this process; in the thread where collectors are to be called."""
        now = time.time()
        gone, self._set = self._set, {}
        for family, labels, value in self._collected():
            key = SeriesKey(family.name, labels)
            numbers = gone.pop(key, None) or self.sheet.series(family, labels)
            if family.kind is Kind.COUNTER:
                numbers[0] = self._before.setdefault(key, numbers[0]) + value
            else:
                self._set[key] = numbers
                set_gauge(numbers, value, now)
        for numbers in gone.values():
            set_gauge(numbers, math.nan, now)

    def _collected(self) -> Iterator[Reading]:
        for collect in self._collectors:
            try:
                yield from list(collect())
            # What one part of the server cannot say must not hide what the others do.
            except Exception:
                _LOGGER.exception("metrics cannot be collected")

    def counted(self) -> "dict[SeriesKey, NDArray[np.float64]]":
        """The numbers of all series over all processes; any thread may ask."""
        return self._shared.merged()

    def readings(self) -> list[Readings]:
        """Everything that is known, over all processes; any thread may ask."""
        found: dict[str, dict[tuple[str, ...], list[float]]] = {}
        for key, numbers in self._shared.merged().items():
            found.setdefault(key.family, {})[key.labels] = numbers.tolist()
        known = [
            Readings(family, found[name])
            for name, family in self._families.items()
            if name in found
        ]
        processes = {sheet.process for sheet in self._shared.sheets} - {0}
        return known + process_readings(sorted(processes | {self._owner}))

    def expose(self, accept: str = "") -> Exposition:
        """All metrics as text; any thread may ask.

        Args:
            accept: The `Accept` field of the request; see `exposition.expose`.
        """
        return expose(self.readings(), accept)


def _own_readings() -> Iterable[Reading]:
    return (Reading(WORKERS, (), 1.0), Reading(CPU_SECONDS, (), time.process_time()))
