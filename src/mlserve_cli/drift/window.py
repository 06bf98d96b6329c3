"""A stream of rows, watched in windows that do not overlap, and over a long horizon."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from mlserve_cli.drift.alarms import Alarms, WatchState
from mlserve_cli.drift.budget import WatchOptions, horizon_level, window_level
from mlserve_cli.drift.check import report_of
from mlserve_cli.drift.comparison import compare
from mlserve_cli.drift.report import Check, ColumnReport
from mlserve_cli.drift.rule import Rule
from mlserve_cli.drift.sources.arrays import ColumnsDataset
from mlserve_cli.drift.sources.interface import Field, Texts
from mlserve_cli.drift.sources.remembered import joined
from mlserve_cli.drift.statistics.correction import Correction
from mlserve_cli.drift.yardsticks import yardsticks_of_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.profile import Profile

    Values = NDArray[Any] | Texts
    Columns = list[Values]

# Checks that a column has at most: distribution, missing, infinite, out of range.
_CHECKS = 4
# The horizon holds every tenth row of so many windows, and is looked at after some of them.
_HORIZON_WINDOWS, _HORIZON_STEP, _HORIZON_EVERY = 100, 10, 20
# What changes slowly is to be found while it is small.
_HORIZON_EFFECT, _HORIZON_SHARE = 0.05, 0.025
# An alarm ends in windows with a p-value above this, or half of the effect that counts.
_QUIET_P, _QUIET_EFFECT = 0.01, 0.5
# Windows that make up a reference where there is none.
_LEARNT_WINDOWS = 4


class DriftWindows:
    """Some columns of a stream.

    A window that closes is compared with the reference column by column, by the rule of
    `drift_check`, with the level of `budget.window_level`. Over it stands the horizon: every tenth
    row of the last 100 windows, looked at after each 20.

    Args:
        fields: The columns.
        yardsticks: A profile of each column, by name; columns without one are not watched. None
            where the first windows are to be the reference.
        options: When windows close, and how often an alarm may be false.
        series: Checks that the budget is for, where other columns of the model share it.
        now: The time in seconds, by any clock.
    """

    def __init__(
        self,
        fields: Sequence[Field],
        yardsticks: "dict[str, Profile] | None",
        options: WatchOptions,
        now: float,
        *,
        series: int | None = None,
    ) -> None:
        self.fields = tuple(fields)
        self.options = options
        self.windows = 0
        self.window_rows = 0
        self.horizon_rows = 0
        self.level = 0.0
        self.waiting_rows = 0
        self.is_late = False
        self._yardsticks = yardsticks
        self._series = series or _CHECKS * len(self.fields)
        self._closed = now
        self._waiting: list[Columns] = []
        self._learnt: list[Columns] = []
        self._horizon: deque[Columns] = deque(maxlen=_HORIZON_WINDOWS)
        self._looked = now
        self._short, self._long = Alarms(), Alarms()
        self._reports: dict[str, ColumnReport] = {}
        self._long_reports: dict[str, ColumnReport] = {}

    @property
    def is_learning(self) -> bool:
        """Whether the reference is not known yet."""
        return self._yardsticks is None

    @property
    def reference_rows(self) -> int:
        """Rows of the reference; 0 where it is not known yet."""
        rows = [profile.columns[0]["rows"] for profile in (self._yardsticks or {}).values()]
        return max(rows, default=0)

    @property
    def state(self) -> WatchState:
        """What is known about the columns together."""
        if self.is_late:
            return WatchState.INSUFFICIENT
        states = (state for _, state in self.columns())
        return max(states, key=lambda state: state.severity, default=WatchState.WAITING)

    def columns(self) -> list[tuple[ColumnReport, WatchState]]:
        """What was found about each watched column, and what follows from that."""
        found = []
        for name, report in self._reports.items():
            short, long = self._short.state(name), self._long.state(name)
            if long.severity > short.severity:
                found.append((self._long_reports[name], long))
            else:
                found.append((report, short))
        return found

    def add(self, columns: "Columns", rows: int) -> None:
        """Takes rows.

        Args:
            columns: Values of each field, of shape `(rows,)`.
            rows: How many; at least one.
        """
        self._waiting.append(columns)
        self.waiting_rows += rows

    def start_over(self) -> None:
        """Leaves out the rows that wait, and those that were to be the reference."""
        self._waiting, self._learnt = [], []
        self.waiting_rows = 0

    def close_due(self, now: float, pause: Callable[[], None] = lambda: None) -> int:
        """Closes every window that is full, or is old and has enough rows; gives their number.

        Args:
            now: The time, by the clock of the first time.
            pause: Called between short steps of work.
        """
        options = self.options
        is_old = now - self._closed >= options.seconds
        full = self.waiting_rows // options.rows
        self.is_late = is_old and not full and self.waiting_rows < options.least_rows
        if full:
            sizes = [options.rows] * full
        elif is_old and not self.is_late:
            sizes = [self.waiting_rows]
        else:
            return 0
        # Those that close together share the time that has passed.
        seconds = (now - self._closed) / len(sizes)
        self._closed = now
        for size in sizes:
            self._close(self._taken(size), size, seconds, now, pause)
        return len(sizes)

    def _taken(self, rows: int) -> "Columns":
        together = [
            joined([columns[place] for columns in self._waiting])
            for place in range(len(self.fields))
        ]
        self.waiting_rows -= rows
        rest = [_part(values, slice(rows, None)) for values in together]
        self._waiting = [rest] if self.waiting_rows else []
        return [_part(values, slice(0, rows)) for values in together]

    def _close(
        self, columns: "Columns", rows: int, seconds: float, now: float, pause: Callable[[], None]
    ) -> None:
        if self._yardsticks is None:
            self._learn(columns)
            return
        self.windows += 1
        self.window_rows = rows
        budget = self.options.budget(seconds)
        self.level = window_level(budget, self._series, rows, self.reference_rows)
        rule = Rule(alpha=self.level, correction=Correction.NONE)
        before = self._alarmed()
        self._look(columns, rule, self._reports, self._short, pause)
        if before - self._alarmed():
            # What the horizon holds of it was told already.
            self._horizon.clear()
            self._long = Alarms()
        self._horizon.append([_every(_HORIZON_STEP, values) for values in columns])
        if self.windows % _HORIZON_EVERY == 0:
            self._look_far(now, pause)

    def _alarmed(self) -> set[str]:
        states = {name: self._short.state(name) for name in self._reports}
        return {name for name, state in states.items() if state is WatchState.ALARM}

    def _learn(self, columns: "Columns") -> None:
        self._learnt.append(columns)
        if len(self._learnt) < _LEARNT_WINDOWS:
            return
        whole = [joined([part[place] for part in self._learnt]) for place in range(len(columns))]
        self._yardsticks = yardsticks_of_rows(whole, self.fields, "the first rows served")
        self._learnt = []

    def _look_far(self, now: float, pause: Callable[[], None]) -> None:
        columns = [
            joined([part[place] for part in self._horizon]) for place in range(len(self.fields))
        ]
        self.horizon_rows = len(columns[0])
        level = horizon_level(self.options.budget(now - self._looked), self._series)
        self._looked = now
        rule = Rule(
            alpha=level,
            correction=Correction.NONE,
            min_effect=_HORIZON_EFFECT,
            min_share=_HORIZON_SHARE,
        )
        self._look(columns, rule, self._long_reports, self._long, pause)

    def _look(
        self,
        columns: "Columns",
        rule: Rule,
        reports: dict[str, ColumnReport],
        alarms: Alarms,
        pause: Callable[[], None],
    ) -> None:
        assert self._yardsticks is not None
        for field, values in zip(self.fields, columns, strict=True):
            yardstick = self._yardsticks.get(field.name)
            if yardstick is None:
                continue
            current = ColumnsDataset([values], (field,), "the rows served")
            comparison = compare(yardstick, current, None)
            pause()
            report = report_of(comparison, rule, pause=pause).columns[0]
            reports[field.name] = report
            flagged = {check.name for check in report.checks if check.drifted}
            unquiet = {check.name for check in report.checks if not _is_quiet(check)}
            alarms.update(field.name, flagged, unquiet)
            pause()


def _is_quiet(check: Check) -> bool:
    if check.p_value is None or check.p_value > _QUIET_P:
        return True
    return all(
        measure.threshold is None or measure.value < _QUIET_EFFECT * measure.threshold
        for measure in check.measures
    )


def _part(values: "Values", rows: slice) -> "Values":
    if isinstance(values, Texts):
        return Texts(values.codes[rows], values.labels)
    return values[rows]


def _every(step: int, values: "Values") -> "Values":
    """A copy of some rows, so that the others are let go of."""
    if isinstance(values, Texts):
        return Texts(values.codes[::step].copy(), values.labels)
    return values[::step].copy()
