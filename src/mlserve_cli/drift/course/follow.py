"""The current data window by window, each compared with the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.course.cells import Cells
from mlserve_cli.drift.course.report import Change, ColumnCourse, Course, Window
from mlserve_cli.drift.course.thresholds import critical_distance, expected_distance
from mlserve_cli.drift.course.windows import Windows
from mlserve_cli.drift.statistics.change_points import find_change_points
from mlserve_cli.drift.statistics.correction import Correction

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair
    from mlserve_cli.drift.rule import Rule
    from mlserve_cli.drift.sources.interface import Dataset

# A change of level is told from this share of the wanted effect on: windows are noisy, and what
# exceeds a threshold in few of them may begin here.
_TOLD_CHANGE = 0.5
# Random orders of windows tell smaller p-values than this apart no more.
_SMALLEST_LEVEL = 0.001


def follow(
    current: "Dataset",
    columns: "Sequence[tuple[NumberPair | CategoryPair, int]]",
    rule: "Rule",
    *,
    time: str | None,
    window: int | str,
) -> Course:
    """Compares each window with the reference by the total variation distance.

    A window has drifted from a distance on that chance hardly reaches in any window of any column,
    and that is at least the wanted effect. Thresholds follow from the numbers of rows alone: no
    window helps to set its own.

    Args:
        current: The current data; one more pass.
        columns: Counted columns, and where they stand in the current data.
        rule: Its `alpha`, `correction` and effects.
        time: Column with times; None for the order of rows.
        window: Rows of a window, or a span such as `1d`.

    Raises:
        UsageError: There is no such column, it holds no times, or there are too many windows.
        InputError: The data cannot be read.
    """
    windows = Windows.of(current, time, window)
    place = None if time is None else [field.name for field in current.fields].index(time)
    expected = windows.size.rows or _typical_rows(current, place, Windows.of(current, time, window))
    used = [(Cells.of(pair, expected), at) for pair, at in columns if at != place]
    kept = [(cells, at) for cells, at in used if cells is not None]
    rows, tables = _count(current, place, kept, windows)
    told = windows.told(rows)
    order = list(range(len(told)))
    if windows.size.rows is None:
        order.sort(key=lambda number: told[number].start)
    told, rows = tuple(told[number] for number in order), rows[order]
    level = _levels(rule, len(kept), len(told))
    courses = [
        _course(cells, table[order], told, rule, level)
        for (cells, _), table in zip(kept, tables, strict=True)
    ]
    courses.sort(key=_most_drifted_first)
    return Course(windows.size.text, time, told, tuple(courses), windows.without_time)


@dataclass(frozen=True, slots=True)
class _Levels:
    """Levels of significance: of one window of one column, and of one change of level."""

    window: float
    change: float


def _levels(rule: "Rule", columns: int, windows: int) -> _Levels:
    if rule.correction is Correction.NONE:
        return _Levels(rule.alpha, rule.alpha)
    columns = max(1, columns)
    change = min(rule.alpha, max(_SMALLEST_LEVEL, rule.alpha / columns))
    return _Levels(rule.alpha / (columns * max(1, windows)), change)


def _typical_rows(data: "Dataset", place: int | None, windows: Windows) -> int:
    """Median rows of a window, from a pass over the times alone."""
    rows, _ = _count(data, place, [], windows)
    return max(1, int(np.median(rows))) if len(rows) else 1


def _count(
    data: "Dataset", time: int | None, columns: Sequence[tuple[Cells, int]], windows: Windows
) -> "tuple[NDArray[np.int64], list[NDArray[np.int64]]]":
    """Rows of each window, and for each column its rows by window and cell."""
    positions = [*([] if time is None else [time]), *(at for _, at in columns)]
    rows = np.zeros(0, np.int64)
    tables = [np.zeros((0, len(cells.reference)), np.int64) for cells, _ in columns]
    for block in data.blocks(positions) if positions else ():
        times = None if time is None else block[0]
        found = windows.places(times, len(block[0]))
        known = found >= 0
        rows = _grown(rows, len(windows))
        rows += np.bincount(found[known], minlength=len(windows))
        for number, (cells, _) in enumerate(columns):
            values: Any = block[number + (time is not None)]
            width = len(cells.reference)
            keys = found[known] * width + cells.places(values)[known]
            table = _grown(tables[number], len(windows))
            table += np.bincount(keys, minlength=table.size).reshape(table.shape)
            tables[number] = table
    return rows, tables


def _grown(table: "NDArray[np.int64]", windows: int) -> "NDArray[np.int64]":
    more = np.zeros((windows - len(table), *table.shape[1:]), np.int64)
    return np.concatenate([table, more]) if len(more) else table


def _course(
    cells: Cells,
    table: "NDArray[np.int64]",
    windows: Sequence[Window],
    rule: "Rule",
    level: _Levels,
) -> ColumnCourse:
    rows = table.sum(axis=1).astype(np.float64)
    total = int(cells.reference.sum())
    shares = cells.reference / total
    distances = np.abs(table / rows[:, None] - shares).sum(axis=1) / 2
    filled = int((cells.reference > 0).sum())
    noise = critical_distance(max(2, filled), level.window) * np.sqrt(1 / rows + 1 / total)
    wanted = rule.effect_of(cells.pair.name)
    thresholds = np.minimum(np.maximum(noise, wanted), 1.0)
    excess = distances - expected_distance(cells.reference, rows)
    changes = [
        Change(
            found.position, windows[found.position].label, found.p_value, found.before, found.after
        )
        for found in find_change_points(excess, level.change)
        if abs(found.after - found.before) >= _TOLD_CHANGE * wanted
    ]
    return ColumnCourse(
        name=cells.pair.name,
        statistic="total_variation",
        values=tuple(distances.tolist()),
        thresholds=tuple(thresholds.tolist()),
        exceeded=tuple(np.flatnonzero(distances >= thresholds).tolist()),
        changes=tuple(changes),
    )


def _most_drifted_first(course: ColumnCourse) -> tuple[int, float]:
    ratios = [value / limit for value, limit in zip(course.values, course.thresholds, strict=True)]
    return -len(course.exceeded), -max(ratios, default=0.0)
