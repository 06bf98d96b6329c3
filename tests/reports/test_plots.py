import re
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.reports.samples import GONE, NUMBERS, QUIET

from mlserve_cli.drift.report import Categories, ColumnReport, Histogram, Kind
from mlserve_cli.reports.plots import HEIGHT, WIDTH, CategoryPlot, HistogramPlot, plot

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def histogram_of(column: ColumnReport) -> HistogramPlot:
    drawn = plot(column)
    assert isinstance(drawn, HistogramPlot)
    return drawn


def test_both_outlines_start_and_end_on_the_axis() -> None:
    drawn = histogram_of(NUMBERS)
    # Shares of 25, 50, 25 and 0 %: the highest bar is 4 units below the top edge.
    assert drawn.reference == "M0 96V50H80V4H160V50H240V96H320V96"
    assert drawn.current == "M0 96H80V50H160V4H240V50H320V96"
    assert drawn.highest == 0.5


def test_few_rows_are_drawn_in_fewer_bins() -> None:
    edges = tuple(float(edge) for edge in range(41))
    for rows, bins in ((1, 10), (99, 10), (100, 20), (199, 20), (200, 40), (10**6, 40)):
        # One row in each of the first bins, the others in the last one.
        filled = min(rows, 39)
        counts = (1,) * filled + (0,) * (39 - filled) + (rows - filled,)
        histogram = Histogram(edges, counts, (0,) * 40)
        assert (
            len(
                set(
                    re.findall(
                        r"H(\d+)", histogram_of(replace(QUIET, histogram=histogram)).reference
                    )
                )
            )
            == bins
        )


def test_round_numbers_stand_below_the_axis() -> None:
    drawn = histogram_of(NUMBERS)
    assert [(tick.x, tick.text) for tick in drawn.ticks] == [(80, "10"), (160, "20"), (240, "30")]


def test_dates_stand_below_the_axis_of_times() -> None:
    day = 86400.0
    histogram = Histogram((0.0, 50 * day, 100 * day), (1, 1), (1, 1))
    drawn = histogram_of(replace(NUMBERS, kind=Kind.TIME, histogram=histogram))
    assert [tick.text for tick in drawn.ticks] == ["1970-01-16", "1970-02-20", "1970-03-27"]


@given(FINITE, FINITE, st.lists(st.integers(0, 10**12), min_size=40, max_size=40))
def test_any_histogram_stays_inside_of_its_picture(
    first: float, second: float, counts: list[int]
) -> None:
    low, high = min(first, second), max(first, second)
    edges = [low + part / 40 * (high / 2 - low / 2) * 2 for part in range(40)] + [high]
    if not all(one < other for one, other in pairwise(edges)):
        return
    histogram = Histogram(tuple(edges), tuple(counts), tuple(counts[::-1]))
    drawn = histogram_of(replace(NUMBERS, histogram=histogram))
    for path in (drawn.reference, drawn.current):
        assert re.fullmatch(rf"M0 {HEIGHT}([VH]\d+)*H{WIDTH}V{HEIGHT}", path)
        assert max(map(int, re.findall(r"H(\d+)", path))) <= WIDTH
        assert max(map(int, re.findall(r"V(\d+)", path))) <= HEIGHT
    assert all(0 <= tick.x <= WIDTH for tick in drawn.ticks)
    assert len(drawn.ticks) <= 7


def test_categories_that_changed_most_are_drawn_and_the_others_added_up() -> None:
    labels = tuple(f"c{place}" for place in range(40))
    categories = Categories(labels, (10,) * 40, (10,) * 39 + (510,), 100, 500, 50, 45)
    drawn = plot(replace(QUIET, histogram=None, categories=categories))
    assert isinstance(drawn, CategoryPlot)
    assert [bar.label for bar in drawn.bars[-2:]] == ["c39", "41 others"]
    assert len(drawn.bars) == 10
    assert sum(bar.reference for bar in drawn.bars) == pytest.approx(1)
    assert sum(bar.current for bar in drawn.bars) == pytest.approx(1)
    assert max(max(bar.reference_length, bar.current_length) for bar in drawn.bars) == 100


def test_all_of_few_categories_are_drawn_in_their_order() -> None:
    categories = Categories(("b", "a", "c"), (50, 50, 0), (0, 0, 100), 0, 0, 2, 1)
    drawn = plot(replace(QUIET, histogram=None, categories=categories))
    assert isinstance(drawn, CategoryPlot)
    lengths = [(bar.label, bar.reference_length, bar.current_length) for bar in drawn.bars]
    assert lengths == [("b", 50, 0), ("a", 50, 0), ("c", 0, 100)]


def test_nothing_is_drawn_where_there_is_nothing() -> None:
    assert plot(GONE) is None
    empty = Categories((), (), (), 10, 10, 100_000, 100_000)
    assert plot(replace(QUIET, histogram=None, categories=empty)) is None


def test_sides_without_values_are_flat() -> None:
    histogram = Histogram((0.0, 1.0, 2.0), (0, 0), (0, 0))
    drawn = histogram_of(replace(QUIET, histogram=histogram))
    assert drawn.reference == f"M0 {HEIGHT}H160H320V{HEIGHT}"
