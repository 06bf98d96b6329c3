"""The shapes that a page draws of a column's course, in SVG units."""

from dataclasses import dataclass

from mlserve_cli.drift.course.report import ColumnCourse

# Size of a drawn course.
WIDTH, HEIGHT = 320, 48
# Windows drawn one by one; of more, neighbours share a place.
_PLACES = 80


@dataclass(frozen=True, slots=True)
class CoursePlot:
    """A column's distance over the windows, with its thresholds.

    Attributes:
        values: The SVG path of the distances.
        thresholds: The SVG path of the thresholds.
        drifted: The SVG path of dots where a window drifted.
        changes: The SVG path of upright lines where the level changed.
    """

    values: str
    thresholds: str
    drifted: str
    changes: str


def course_plot(column: ColumnCourse) -> CoursePlot:
    """What to draw of a column; of windows that share a place the one furthest from quiet."""
    count = len(column.values)
    each = max(1, -(-count // _PLACES))
    shown = [
        max(range(start, min(start + each, count)), key=lambda k: _ratio(column, k))
        for start in range(0, count, each)
    ]
    top = max([*column.values, *column.thresholds], default=1.0) or 1.0
    heights = [round(HEIGHT - 2 - (HEIGHT - 4) * column.values[k] / top) for k in shown]
    limits = [round(HEIGHT - 2 - (HEIGHT - 4) * column.thresholds[k] / top) for k in shown]
    places = [round(WIDTH * (number + 0.5) / len(shown)) for number in range(len(shown))]
    drifted = set(column.exceeded)
    points = list(zip(places, heights, strict=True))
    return CoursePlot(
        values="M" + "L".join(f"{x} {y}" for x, y in points),
        thresholds=_steps(limits),
        drifted="".join(
            f"M{x} {y}h0" for (x, y), k in zip(points, shown, strict=True) if k in drifted
        ),
        changes="".join(
            f"M{round(WIDTH * (one.window // each) / len(shown))} 0V{HEIGHT}"
            for one in column.changes
        ),
    )


def _ratio(column: ColumnCourse, window: int) -> float:
    return column.values[window] / max(column.thresholds[window], 1e-300)


def _steps(limits: list[int]) -> str:
    path, before = "", None
    for number, limit in enumerate(limits):
        x = round(WIDTH * number / len(limits))
        if before is None:
            path += f"M{x} {limit}"
        elif limit != before:
            path += f"H{x}V{limit}"
        before = limit
    return f"{path}H{WIDTH}"
