"""The shapes that a page draws of a column: both sides laid over each other, in SVG units."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from mlserve_cli.drift.report import Categories, ColumnReport, Histogram, Kind
from mlserve_cli.reports.legible import legible
from mlserve_cli.reports.wording import number, value_of

# Size of a drawn histogram.
WIDTH = 320
HEIGHT = 96
# At most so many numbers stand below an axis.
_TICKS = 6
# Half the width of a number below the axis.
_TICK_MARGIN = 22
# On average, on the side with fewer rows.
_ROWS_PER_BIN = 5
# Categories drawn by name; the others are added up.
_DRAWN_CATEGORIES = 9
_LABEL_CHARACTERS = 20


@dataclass(frozen=True, slots=True)
class Tick:
    """A place on the axis and the value there."""

    x: int
    text: str


@dataclass(frozen=True, slots=True)
class HistogramPlot:
    """Both histograms on one scale.

    Attributes:
        reference: The SVG path of its outline.
        current: The same for the current data.
        highest: Share of a side's rows at the top edge, from 0 to 1.
        ticks: Values below the axis.
    """

    reference: str
    current: str
    highest: float
    ticks: tuple[Tick, ...]


@dataclass(frozen=True, slots=True)
class Bar:
    """A category: shares of both sides from 0 to 1, and the lengths of their bars from 0 to 100."""

    label: str
    reference: float
    current: float
    reference_length: int
    current_length: int


@dataclass(frozen=True, slots=True)
class CategoryPlot:
    """Categories below each other.

    Attributes:
        bars: Those that changed most, in the order of the report, and what is left.
        reference: The SVG path of the same as columns beside each other, for a small picture.
        current: The same for the current data.
    """

    bars: tuple[Bar, ...]
    reference: str
    current: str


def plot(column: ColumnReport) -> HistogramPlot | CategoryPlot | None:
    """What to draw of a column; None where there is nothing."""
    if column.histogram is not None and len(column.histogram.reference):
        return _histogram(column.histogram, column.kind)
    if column.categories is not None and column.categories.labels:
        return _categories(column.categories)
    return None


def _histogram(histogram: Histogram, kind: Kind) -> HistogramPlot:
    histogram = _smoothed(histogram)
    low, high = histogram.edges[0], histogram.edges[-1]
    places = [round(WIDTH * _part(low, high, edge)) for edge in histogram.edges]
    sides = [_shares(counts) for counts in (histogram.reference, histogram.current)]
    highest = max(map(max, sides))
    reference, current = (_steps(places, side, highest) for side in sides)
    ticks = [
        Tick(x, value_of(kind, value))
        for value in _tick_values(low, high, kind)
        if _TICK_MARGIN <= (x := round(WIDTH * _part(low, high, value))) <= WIDTH - _TICK_MARGIN
    ]
    return HistogramPlot(reference, current, highest, tuple(ticks))


def _smoothed(histogram: Histogram) -> Histogram:
    """Neighbouring bins merged where rows are so few that the picture would be all gaps."""
    bins = len(histogram.reference)
    rows = [total for total in (sum(histogram.reference), sum(histogram.current)) if total]
    each = next((each for each in (1, 2) if min(rows, default=0) * each >= _ROWS_PER_BIN * bins), 4)
    if bins % each:
        return histogram
    reference, current = (
        tuple(sum(counts[start : start + each]) for start in range(0, bins, each))
        for counts in (histogram.reference, histogram.current)
    )
    return Histogram(histogram.edges[::each], reference, current)


def _part(low: float, high: float, value: float) -> float:
    """Where a value stands between two others, from 0 to 1; their difference may overflow."""
    return (value / 2 - low / 2) / (high / 2 - low / 2)


def _shares(counts: Sequence[int]) -> list[float]:
    total = max(1, sum(counts))
    return [count / total for count in counts]


def _steps(places: Sequence[int], shares: Sequence[float], highest: float) -> str:
    """The outline of bars that touch each other, from the axis and back to it."""
    path, before = f"M{places[0]} {HEIGHT}", HEIGHT
    for end, share in zip(places[1:], shares, strict=True):
        top = HEIGHT - _height(share, highest)
        if top != before:
            path += f"V{top}"
            before = top
        path += f"H{end}"
    return f"{path}V{HEIGHT}"


def _height(share: float, highest: float) -> int:
    # What is there is seen, however rare.
    return max(1, round((HEIGHT - 4) * share / highest)) if share else 0


def _tick_values(low: float, high: float, kind: Kind) -> Iterator[float]:
    if kind is Kind.TIME:
        yield from (low + (high - low) * part for part in (0.15, 0.5, 0.85))
        return
    step = _round_step(high / _TICKS - low / _TICKS)
    if not step:
        return
    first = math.ceil(low / step)
    for place in range(first, math.floor(high / step) + 1):
        yield place * step


def _round_step(wanted: float) -> float:
    """1, 2 or 5 times a power of ten, at least as large; 0 where doubles have none."""
    if wanted < 1e-300:
        return 0.0
    power = 10.0 ** math.floor(math.log10(wanted))
    return next((part * power for part in (1, 2, 5) if part * power >= wanted), 10 * power)


def _categories(categories: Categories) -> CategoryPlot:
    totals = (
        max(1, sum(categories.reference) + categories.other_reference),
        max(1, sum(categories.current) + categories.other_current),
    )
    entries = [
        (legible(label, _LABEL_CHARACTERS), before / totals[0], after / totals[1])
        for label, before, after in zip(
            categories.labels, categories.reference, categories.current, strict=True
        )
    ]
    highest = max((max(before, after) for _, before, after in entries), default=0.0) or 1.0
    width = WIDTH // len(entries)
    places = [width * place for place in range(len(entries) + 1)]
    reference = _steps(places, [before for _, before, _ in entries], highest)
    current = _steps(places, [after for _, _, after in entries], highest)
    shown = _most_changed(entries)
    names = max(categories.distinct_reference, categories.distinct_current) - len(shown)
    rest_before = max(0.0, 1 - sum(before for _, before, _ in shown))
    rest_after = max(0.0, 1 - sum(after for _, _, after in shown))
    if max(rest_before, rest_after) > 1e-9:
        shown.append((f"{number(max(1, names))} others", rest_before, rest_after))
    highest = max(max(before, after) for _, before, after in shown)
    bars = [
        Bar(label, before, after, round(100 * before / highest), round(100 * after / highest))
        for label, before, after in shown
    ]
    return CategoryPlot(tuple(bars), reference, current)


def _most_changed(entries: list[tuple[str, float, float]]) -> list[tuple[str, float, float]]:
    """The categories whose shares differ most, in the order of the report."""
    if len(entries) <= _DRAWN_CATEGORIES + 1:
        return list(entries)
    ranked = sorted(
        range(len(entries)), key=lambda place: -abs(entries[place][1] - entries[place][2])
    )
    return [entries[place] for place in sorted(ranked[:_DRAWN_CATEGORIES])]
