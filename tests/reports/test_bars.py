from dataclasses import replace

from tests.reports.samples import GONE, NUMBERS, QUIET

from mlserve_cli.drift.report import Categories, Histogram
from mlserve_cli.reports.bars import bars


def test_both_sides_are_drawn_on_one_scale() -> None:
    # Shares of 25, 50, 25, 0 % and of 0, 25, 50, 25 %.
    assert bars(NUMBERS, 10) == ("▅█▅ ", " ▅█▅")


def test_a_terminal_without_blocks_gets_letters() -> None:
    reference, current = bars(NUMBERS, 10, ascii_only=True)
    assert (reference, current) == ("+@+ ", " +@+")


def test_many_bins_are_added_up_to_the_width() -> None:
    edges = tuple(float(edge) for edge in range(41))
    counts = (0,) * 4 + (1,) * 36
    column = replace(QUIET, histogram=Histogram(edges, counts, counts[::-1]))
    assert bars(column, 10) == (" " + "█" * 9, "█" * 9 + " ")


def test_rare_values_are_seen() -> None:
    histogram = Histogram((0.0, 1.0, 2.0), (1_000_000, 1), (1, 0))
    assert bars(replace(QUIET, histogram=histogram), 10) == ("█▁", "█ ")


def test_categories_take_one_character_each() -> None:
    categories = Categories(("a", "b", "c"), (50, 50, 0), (0, 0, 100), 0, 0, 2, 1)
    column = replace(QUIET, histogram=None, categories=categories)
    assert bars(column, 10) == ("▅▅ ", "  █")


def test_nothing_is_drawn_of_a_column_that_was_not_compared() -> None:
    assert bars(GONE, 10) == ("", "")


def test_a_side_without_values_is_blank() -> None:
    histogram = Histogram((0.0, 1.0, 2.0), (0, 0), (3, 3))
    assert bars(replace(QUIET, histogram=histogram), 10) == ("  ", "██")
