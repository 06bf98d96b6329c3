"""Which window a row belongs to: by its number, or by its time."""

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from mlserve_cli.drift.course.report import Window
from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.interface import Dataset, Field, Texts
from mlserve_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_WINDOWS = 500
_SPAN = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
# 1970 began on a Thursday; windows of weeks begin on Mondays.
_FIRST_MONDAY = 4 * 86_400


@dataclass(frozen=True, slots=True)
class WindowSize:
    """How large a window is.

    Attributes:
        text: As the user wrote it.
        rows: How many rows it has; None for a span.
        seconds: How long it lasts; None for rows.
    """

    text: str
    rows: int | None
    seconds: float | None

    @classmethod
    def parse(cls, window: "int | str") -> "WindowSize":
        """From a number of rows, or a span such as `30m`, `6h`, `1d`, `2w`.

        Raises:
            UsageError: It is neither.
        """
        text = str(window).strip()
        if text.isdecimal() and int(text) > 0:
            return cls(text, int(text), None)
        found = _SPAN.fullmatch(text)
        seconds = float(found[1]) * _SECONDS[found[2]] if found else 0.0
        if not 0 < seconds < 1e9:
            raise UsageError(
                f"The window {text!r} is neither a number of rows nor a span of time.",
                hint="Such as: 1000 for rows, or 30m, 6h, 1d, 2w.",
            )
        return cls(text, None, seconds)


@dataclass(slots=True)
class Windows:
    """The windows of some data, found while their rows go by.

    Args:
        size: How large each is.
        time: The column of times; None for the order of rows.
        name: What the user calls the data.

    Raises:
        UsageError: Spans need a column of times, and its values must be times.
    """

    size: WindowSize
    time: Field | None
    name: str
    without_time: int = 0
    _rows: int = 0
    _latest: float = float("-inf")
    _numbers: dict[int, int] = field(default_factory=dict)
    _starts: list[float] = field(default_factory=list)

    @classmethod
    def of(cls, data: Dataset, time: str | None, window: int | str) -> Self:
        """The windows of some data, before any row.

        Raises:
            UsageError: There is no such column or size, or they do not fit each other.
        """
        names = [column.name for column in data.fields]
        if time is not None and time not in names:
            raise UsageError(f"{data.name} has no column {time!r}; it has {', '.join(names)}.")
        column = None if time is None else data.fields[names.index(time)]
        return cls(WindowSize.parse(window), column, data.name)

    def __post_init__(self) -> None:
        if self.size.rows is not None:
            return
        if self.time is None:
            raise UsageError(
                f"Windows of {self.size.text} need a column with times.",
                hint="Name it with --time COLUMN, or give --window a number of rows.",
            )
        if self.time.kind not in (Kind.TIME, Kind.TEXT):
            raise self._no_times()

    def _no_times(self) -> UsageError:
        assert self.time is not None
        return UsageError(
            f"Column {self.time.name!r} of {self.name} holds values of type {self.time.dtype}, "
            "expected times.",
            hint="Store times as 2024-05-01T12:00:00 in CSV or as timestamps in Parquet, or leave "
            "out --time and give --window a number of rows.",
        )

    def __len__(self) -> int:
        return len(self._starts)

    def places(self, times: "NDArray[Any] | Texts | None", rows: int) -> "NDArray[np.intp]":
        """The number of each row's window from 0, or -1 where it has no time; shape `(rows,)`.

        Args:
            times: Times of the rows, numbers or ISO 8601; None where there is no such column.
            rows: How many they are.

        Raises:
            UsageError: There are too many windows, or rows are not in the order of time.
        """
        if isinstance(times, Texts):
            times = self._seconds(times)
        if self.size.seconds is None:
            found = self._by_row(times, rows)
        else:
            assert times is not None
            found = self._by_time(times, self.size.seconds)
        self._rows += rows
        if len(self._starts) > MOST_WINDOWS:
            raise UsageError(
                f"{self.name} has more than {MOST_WINDOWS} windows of {self.size.text}.",
                hint="Give --window a larger number of rows, or a longer span.",
            )
        return found

    def _seconds(self, texts: Texts) -> "NDArray[np.float64]":
        """Times that JSON Lines and others hold as text."""
        try:
            moments = [datetime.fromisoformat(label) for label in texts.labels]
        except ValueError as error:
            raise self._no_times() from error
        known = [m.replace(tzinfo=m.tzinfo or UTC).timestamp() for m in moments]
        seconds: NDArray[np.float64] = np.array([*known, np.nan])[texts.codes]
        return seconds

    def _by_row(self, times: "NDArray[Any] | None", rows: int) -> "NDArray[np.intp]":
        assert self.size.rows is not None
        if times is not None:
            self._refuse_disorder(times)
        numbers = (self._rows + np.arange(rows)) // self.size.rows
        for number in range(len(self._starts), int(numbers[-1]) + 1 if rows else 0):
            first = number * self.size.rows
            self._starts.append(first if times is None else self._time_at(times, first))
        return numbers

    def _time_at(self, times: "NDArray[Any]", row: int) -> float:
        """The first time that is known from this row on, or else the latest one before."""
        later = times[row - self._rows :]
        known = later[np.isfinite(later)]
        return float(known[0]) if len(known) else self._latest

    def _refuse_disorder(self, times: "NDArray[Any]") -> None:
        assert self.time is not None
        known = times[np.isfinite(times)]
        if not len(known):
            if self._latest == float("-inf"):
                raise UsageError(f"{self.name} begins with rows without a {self.time.name!r}.")
            return
        if known[0] < self._latest or (np.diff(known) < 0).any():
            raise UsageError(
                f"The rows of {self.name} are not in the order of {self.time.name!r}; windows of "
                f"{self.size.text} rows would mix times.",
                hint="Sort the rows, or give --window a span, such as 1d.",
            )
        self._latest = float(known[-1])

    def _by_time(self, times: "NDArray[Any]", seconds: float) -> "NDArray[np.intp]":
        known = np.isfinite(times)
        self.without_time += int((~known).sum())
        offset = _FIRST_MONDAY if seconds % _SECONDS["w"] == 0 else 0
        spans = np.floor((times[known] - offset) / seconds).astype(np.int64)
        different, place = np.unique(spans, return_inverse=True)
        for span in different.tolist()[: MOST_WINDOWS + 1]:
            if span not in self._numbers:
                self._numbers[span] = len(self._starts)
                self._starts.append(span * seconds + offset)
        numbers = np.array([self._numbers.get(span, 0) for span in different.tolist()], np.intp)
        found = np.full(len(times), -1, np.intp)
        found[known] = numbers[place]
        return found

    def told(self, rows: "NDArray[np.int64]") -> tuple[Window, ...]:
        """Every window in the order of its number; `rows` says how many rows each has."""
        return tuple(
            Window(self._label(start), start, count)
            for start, count in zip(self._starts, rows.tolist(), strict=True)
        )

    def _label(self, start: float) -> str:
        if self.time is None:
            return f"row {int(start) + 1:,}"
        if self.time.kind not in (Kind.TIME, Kind.TEXT):
            return f"{start:.15g}"
        try:
            moment = datetime.fromtimestamp(start, UTC)
        except (OverflowError, OSError, ValueError) as error:
            raise InputError(
                f"{self.name}, column {self.time.name!r}, holds a time that is no date: {start} s."
            ) from error
        if moment.second:
            return f"{moment:%Y-%m-%d %H:%M:%S}"
        at_midnight = (moment.hour, moment.minute) == (0, 0)
        return f"{moment:%Y-%m-%d}" if at_midnight else f"{moment:%Y-%m-%d %H:%M}"
