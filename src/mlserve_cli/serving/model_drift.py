"""The drift of one served model: its inputs and its outputs, each in windows of their own."""

import logging
import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mlserve_cli.drift.alarms import WatchState
from mlserve_cli.drift.report import ColumnReport, Kind
from mlserve_cli.drift.sources.interface import Field, Texts
from mlserve_cli.drift.window import DriftWindows
from mlserve_cli.drift.yardsticks import yardsticks_of_file
from mlserve_cli.errors import MlserveError
from mlserve_cli.monitoring.registry import Reading
from mlserve_cli.serving import drift_families as families
from mlserve_cli.serving.drift_tap import has_text_labels, output_names

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.budget import WatchOptions
    from mlserve_cli.serving.drift_tap import Served
    from mlserve_cli.serving.model import LoadedModel

_LOGGER = logging.getLogger("mlserve")
# Columns with series of their own, and how many may have had one since the server began.
_SHOWN, _EVER_SHOWN = 50, 200
_CHECKS = 4
# Windows whose rows may wait.
_MOST_WINDOWS = 3


class ModelDrift:
    """Watches one model.

    Its inputs are compared with the rows that were stored with it. Its predictions and
    probabilities are compared with those of the first 2,000 rows it has served
    while its inputs were as they should be: those of its own training rows are more certain than
    any others, and would alarm on clean data.

    Args:
        model: The model.
        options: When windows close, and how often an alarm may be false.
        now: The time in seconds.
    """

    def __init__(self, model: "LoadedModel", options: "WatchOptions", now: float) -> None:
        self.model = model
        self.problem = ""
        self.evaluated: float | None = None
        self.since: float | None = None
        self._options = options
        self._inputs: DriftWindows | None = None
        self._outputs: DriftWindows | None = None
        self._state = WatchState.NO_REFERENCE
        self._shown: dict[str, None] = {}
        if model.reference is None:
            return
        self._state = WatchState.WAITING
        try:
            self._start(now)
        # Whatever a file holds, only the watch of this model ends.
        except Exception as error:
            _LOGGER.warning(
                "drift of %s, version %d, is not watched: %s",
                model.name,
                model.version,
                error,
                exc_info=None if isinstance(error, MlserveError) else error,
            )
            # Where files lie is nobody's business outside.
            self.problem = "The stored reference cannot be used; the log of the server says why."
            self._state = WatchState.FAILED

    def _start(self, now: float) -> None:
        signature = self.model.signature
        assert self.model.reference is not None
        yardsticks = yardsticks_of_file(
            self.model.reference(), signature.names, named=signature.named
        )
        # Where there is no field of that name, nothing is compared.
        inputs = [
            Field(name, column.dtype.value, yardsticks[name].fields[0].kind)
            if name in yardsticks
            else Field(name, column.dtype.value, Kind.NUMERIC)
            for name, column in zip(signature.names, signature.columns, strict=True)
        ]
        label = Kind.TEXT if has_text_labels(signature) else Kind.NUMERIC
        outputs = [
            Field(name, "", label if place < len(signature.outputs) else Kind.NUMERIC)
            for place, name in enumerate(output_names(signature))
        ]
        series = _CHECKS * (len(inputs) + len(outputs))
        self._inputs = DriftWindows(inputs, yardsticks, self._options, now, series=series)
        self._outputs = DriftWindows(outputs, None, self._options, now, series=series)

    @property
    def state(self) -> WatchState:
        """What is known about the model."""
        if self._inputs is None or self._outputs is None:
            return self._state
        states = (self._inputs.state, self._outputs.state)
        return states[1] if states[1].severity > states[0].severity else states[0]

    def memory(self) -> tuple[Any, ...]:
        """All that it knows, for the process that replaces this one."""
        return (self.evaluated, self.since, self._shown, self._inputs, self._outputs)

    def remember(self, memory: tuple[Any, ...]) -> None:
        """Goes on with what another process knew."""
        self.evaluated, self.since, self._shown, self._inputs, self._outputs = memory

    def add(self, served: "Served") -> None:
        """Takes rows."""
        for windows, columns in ((self._inputs, served.inputs), (self._outputs, served.outputs)):
            if windows is None or not columns:
                continue
            room = max(0, _MOST_WINDOWS * self._options.rows - windows.waiting_rows)
            if not room:
                continue
            # Of one large request a part is enough, and is taken evenly.
            step = -(-len(columns[0]) // room)
            values = [
                _values(column[::step], field.kind)
                for column, field in zip(columns, windows.fields, strict=True)
            ]
            windows.add(values, len(values[0]))

    def evaluate(self, now: float, pause: Callable[[], None]) -> bool:
        """Closes windows that are due, and says so where the state changes."""
        before, alarmed = self.state, self._alarmed()
        if self._inputs is None or self._outputs is None:
            return False
        closed = self._inputs.close_due(now, pause)
        if self._outputs.is_learning and self._inputs.state.severity:
            # What is predicted for rows of a test, say, is no measure of what comes later.
            self._outputs.start_over()
        closed += self._outputs.close_due(now, pause)
        if not closed:
            return self.state is not before
        self.evaluated = time.time()
        self._tell(alarmed)
        return True

    def _alarmed(self) -> dict[str, ColumnReport]:
        return {
            report.name: report for report, state in self.columns() if state is WatchState.ALARM
        }

    def _tell(self, before: dict[str, ColumnReport]) -> None:
        after = self._alarmed()
        name, version = self.model.name, self.model.version
        if new := [report for report in after.values() if report.name not in before]:
            said = "; ".join(f"{report.name}: {report.direction}" for report in new[:5])
            more = f" and {len(new) - 5} more" if len(new) > 5 else ""
            _LOGGER.warning("drift in %s, version %d: %s%s", name, version, said, more)
        if gone := [column for column in before if column not in after]:
            listed = ", ".join(gone[:5]) + (", ..." if len(gone) > 5 else "")
            _LOGGER.info("no more drift in %s, version %d: %s", name, version, listed)
        if after and not before:
            self.since = self.evaluated
        elif not after:
            self.since = None

    def columns(self) -> list[tuple[ColumnReport, WatchState]]:
        """What was found about each column, the worst first."""
        found = [
            pair
            for windows in (self._inputs, self._outputs)
            if windows
            for pair in windows.columns()
        ]
        return sorted(found, key=lambda pair: (-pair[1].severity, -_ratio(pair[0])))

    def describe(self) -> dict[str, Any]:
        """All of it as JSON-able values; each column is a `ColumnReport` with a `state`."""
        inputs, outputs = self._inputs, self._outputs
        columns = [
            {**msgspec.to_builtins(report, enc_hook=_number), "state": state.value}
            for report, state in self.columns()
        ]
        return {
            "name": self.model.name,
            "version": self.model.version,
            "state": self.state.value,
            "drifted": self.state is WatchState.ALARM,
            "problem": self.problem or None,
            "since": self.since,
            "evaluated": self.evaluated,
            "windows": inputs.windows if inputs else 0,
            "window_rows": inputs.window_rows if inputs else 0,
            "waiting_rows": inputs.waiting_rows if inputs else 0,
            "horizon_rows": inputs.horizon_rows if inputs else 0,
            "reference_rows": inputs.reference_rows if inputs else 0,
            "learns_outputs": outputs is not None and outputs.is_learning,
            "alpha": inputs.level if inputs and inputs.windows else None,
            "columns": columns,
        }

    def readings(self) -> list[Reading]:
        """Gauges: of the worst columns, and of the model."""
        if self._inputs is None:
            return []
        labels = (self.model.name, str(self.model.version))
        columns = self.columns()
        found = [Reading(families.WINDOWS, labels, self._inputs.windows)]
        if not columns or self.evaluated is None:
            return found
        found += [
            Reading(families.EVALUATED, labels, self.evaluated),
            Reading(families.WINDOW_ROWS, labels, self._inputs.window_rows),
            Reading(families.WORST, labels, max(_ratio(report) for report, _ in columns)),
            Reading(families.ALARMS, labels, len(self._alarmed())),
        ]
        for report, state in columns[:_SHOWN]:
            if len(self._shown) >= _EVER_SHOWN and report.name not in self._shown:
                continue
            self._shown[report.name] = None
            own = (*labels, report.name)
            found.append(Reading(families.STATE, own, state.severity))
            if report.effect is not None and report.threshold is not None:
                found.append(Reading(families.STATISTIC, own, report.effect))
                found.append(Reading(families.THRESHOLD, own, report.threshold))
        return found


def _number(value: Any) -> float:
    """A number of numpy as JSON takes it."""
    return float(value)


def _ratio(report: ColumnReport) -> float:
    if report.effect is None or report.threshold is None or not math.isfinite(report.effect):
        return 0.0
    return report.effect / max(report.threshold, 1e-300)


def _values(column: "NDArray[Any]", kind: Kind) -> "NDArray[Any] | Texts":
    if kind is not Kind.TEXT:
        if column.dtype == np.object_:
            return np.array([math.nan if v is None else float(v) for v in column], np.float64)
        return column.astype(np.float64)
    places: dict[str, int] = {}
    codes = [
        # NaN is the missing number, and the only value that differs from itself.
        -1 if value is None or value != value else places.setdefault(str(value), len(places))  # noqa: PLR0124
        for value in column.tolist()
    ]
    return Texts(np.array(codes, np.intp), list(places))
