"""When a difference that keeps coming back is an alarm, and when the alarm ends."""

from collections import deque
from collections.abc import Collection
from enum import StrEnum

# An alarm takes so many flagged windows ...
_FLAGS = 2
# ... of so many, and as many quiet ones in a row end it.
_WINDOWS = 3


class WatchState(StrEnum):
    """What is known about a column or a model that is watched.

    WAITING: no window has been closed. INSUFFICIENT: for a long time there have been too few rows.
    OK, SUSPECTED, ALARM: no, one, or enough windows differ. NO_REFERENCE: nothing to compare with.
    FAILED: the reference cannot be used.
    """

    WAITING = "waiting"
    INSUFFICIENT = "insufficient"
    OK = "ok"
    SUSPECTED = "suspected"
    ALARM = "alarm"
    NO_REFERENCE = "no reference"
    FAILED = "failed"

    @property
    def severity(self) -> int:
        """2 for an alarm, 1 for a suspicion, else 0."""
        return {WatchState.ALARM: 2, WatchState.SUSPECTED: 1}.get(self, 0)


class _Series:
    def __init__(self) -> None:
        self.flags: deque[bool] = deque(maxlen=_WINDOWS)
        self.quiet = 0
        self.is_alarm = False

    def update(self, *, flagged: bool, quiet: bool) -> None:
        self.flags.append(flagged)
        self.quiet = self.quiet + 1 if quiet else 0
        if flagged and sum(self.flags) >= _FLAGS:
            self.is_alarm = True
        elif self.is_alarm and self.quiet >= _WINDOWS:
            self.is_alarm = False
            self.flags.clear()


class Alarms:
    """The alarms of one stream of windows, by column and check."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, str], _Series] = {}

    def update(
        self, column: str, flagged: Collection[str], unquiet: Collection[str]
    ) -> "WatchState":
        """Takes note of a window; what is known about the column then.

        Args:
            column: Name of the column.
            flagged: Checks that found drift.
            unquiet: Checks that are not so far from drift that an alarm may end.
        """
        for check in flagged:
            self._series.setdefault((column, check), _Series())
        for (name, check), series in self._series.items():
            if name == column:
                series.update(flagged=check in flagged, quiet=check not in unquiet)
        return self.state(column)

    def state(self, column: str) -> WatchState:
        """What is known about a column."""
        found = [series for (name, _), series in self._series.items() if name == column]
        if any(series.is_alarm for series in found):
            return WatchState.ALARM
        return WatchState.SUSPECTED if any(any(s.flags) for s in found) else WatchState.OK
