"""Histograms out of characters."""

from collections.abc import Sequence

from mlserve_cli.drift.course.report import ColumnCourse
from mlserve_cli.drift.report import ColumnReport

_BLOCKS = "▁▂▃▄▅▆▇█"
_LETTERS = ".:-=+*#@"


def bars(column: ColumnReport, width: int, *, ascii_only: bool = False) -> tuple[str, str]:
    """Both sides of a column as small histograms on one scale; empty where there is nothing.

    Args:
        column: The column.
        width: Most characters of each.
        ascii_only: Whether the terminal shows nothing else.
    """
    if column.histogram is not None:
        histogram = column.histogram
        sides = [_merged(counts, width) for counts in (histogram.reference, histogram.current)]
    elif column.categories is not None:
        categories = column.categories
        sides = [counts[:width] for counts in (categories.reference, categories.current)]
    else:
        return "", ""
    totals = [max(1, sum(counts)) for counts in sides]
    shares = [
        [count / total for count in counts] for counts, total in zip(sides, totals, strict=True)
    ]
    highest = max((max(side, default=0.0) for side in shares), default=0.0)
    levels = _LETTERS if ascii_only else _BLOCKS
    reference, current = ("".join(_bar(one, highest, levels) for one in side) for side in shares)
    return reference, current


def line(course: ColumnCourse, width: int, *, ascii_only: bool = False) -> str:
    """A column's distance in each window; neighbours share a character, and the largest counts."""
    each = max(1, -(-len(course.values) // width))
    values = [max(course.values[k : k + each]) for k in range(0, len(course.values), each)]
    top = max([*values, *course.thresholds], default=0.0)
    levels = _LETTERS if ascii_only else _BLOCKS
    return "".join(levels[0] if value <= 0 else _bar(value, top, levels) for value in values)


def _merged(counts: Sequence[int], width: int) -> Sequence[int]:
    """Neighbouring bins added up, so that at most `width` are left."""
    each = -(-len(counts) // width)
    return [sum(counts[start : start + each]) for start in range(0, len(counts), each)]


def _bar(share: float, highest: float, levels: str) -> str:
    if not share:
        return " "
    return levels[min(len(levels) - 1, int(share / highest * len(levels)))]
