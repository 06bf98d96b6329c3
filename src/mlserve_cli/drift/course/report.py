"""The course of a drift check over windows, as plain data."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Window:
    """Rows of the current data that follow each other, or that are of the same span of time.

    Attributes:
        label: Where it begins: a row number from 1, or a time (UTC).
        start: The same as a number: rows before it, or seconds since 1970.
        rows: How many rows it has.
    """

    label: str
    start: float
    rows: int


@dataclass(frozen=True, slots=True)
class Change:
    """A change of level.

    Attributes:
        window: Number of the first window of the new level, from 0.
        label: That window's label.
        p_value: Share of random orders of the windows with as large a change.
        before: Median of the distance less what chance gives, since the change before.
        after: The same up to the next change.
    """

    window: int
    label: str
    p_value: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class ColumnCourse:
    """One column over all windows.

    Attributes:
        name: The column.
        statistic: What is measured in each window: `total_variation`, on bins between quantiles
            of the reference or on categories, missing values being one of them.
        values: Its value in each window.
        thresholds: Value from which a window of so many rows has drifted.
        exceeded: Numbers of the windows that reached it, from 0.
        changes: When the level changed.
    """

    name: str
    statistic: str
    values: tuple[float, ...]
    thresholds: tuple[float, ...]
    exceeded: tuple[int, ...]
    changes: tuple[Change, ...]


@dataclass(frozen=True, slots=True)
class Course:
    """The current data in windows, each compared with the reference.

    It informs; whether the check fails is decided on all rows together.

    Attributes:
        window: What was asked for: rows, or a span of time.
        time: Column that the windows are by; None for the order of rows.
        windows: Every window that has rows.
        columns: Every column, those with the most drifted windows first.
        rows_without_time: Rows that belong to no window.
    """

    window: str
    time: str | None
    windows: tuple[Window, ...]
    columns: tuple[ColumnCourse, ...]
    rows_without_time: int = 0
