import io
import re
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console
from tests.reports.samples import (
    BEYOND,
    FIVE,
    HOSTILE_NAMES,
    MISSING,
    QUIET,
    hostile_report,
    report,
)

from mlserve_cli.drift.report import DriftReport
from mlserve_cli.reports.terminal import print_report

COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def printed(
    report: DriftReport, *, width: int = 80, terminal: bool = True, encoding: str = "utf-8"
) -> str:
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding, write_through=True)
    console = Console(
        file=stream,
        width=width,
        force_terminal=terminal,
        color_system="standard" if terminal else None,
        highlight=False,
        legacy_windows=False,
        _environ={},
    )
    print_report(report, console)
    stream.seek(0)
    return stream.read()


def test_lines_for_a_pipe() -> None:
    expected = Path(__file__).with_name("golden") / "report.txt"
    assert printed(FIVE, terminal=False) == expected.read_text("utf-8")


def test_what_is_beyond_columns_in_lines_for_a_pipe() -> None:
    expected = Path(__file__).with_name("golden") / "beyond.txt"
    assert printed(BEYOND, terminal=False) == expected.read_text("utf-8")


@pytest.mark.parametrize("width", [60, 80, 120])
def test_a_terminal_shows_what_is_beyond_columns_in_its_width(width: int) -> None:
    text = COLOUR.sub("", printed(BEYOND, width=width))
    assert max(map(cell_len, text.splitlines())) <= width
    words = " ".join(text.split())
    for part in (
        "Predictions",
        "species: worse",
        "Other columns",
        "Whole rows: drift",
        "8 windows",
    ):
        assert part in words
    assert "\x1b[1;31mworse" in printed(BEYOND, width=width)


def test_a_terminal_without_blocks_draws_courses_in_letters() -> None:
    assert printed(BEYOND, terminal=False, encoding="ascii").isascii()


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_a_terminal_shows_everything_in_its_width(width: int) -> None:
    text = COLOUR.sub("", printed(FIVE, width=width))
    assert max(map(cell_len, text.splitlines())) <= width
    words = " ".join(text.split())
    for part in ("bill_length_mm", "0.258 >= 0.1", "p 6e-09", "insufficient data", "▅█▅"):
        assert part in words
    assert text.rstrip().endswith("1 of 5 columns drifted.")


def test_verdicts_have_colours_and_words() -> None:
    text = printed(FIVE)
    assert "\x1b[1;31mdrift\x1b[0m" in text
    assert "\x1b[32mok\x1b[0m" in text
    assert "\x1b" not in printed(FIVE, terminal=False)


def test_of_many_columns_the_worst_are_shown_and_the_others_counted() -> None:
    many = report(*(replace(QUIET, name=f"x{place}") for place in range(1000)))
    for terminal in (True, False):
        text = COLOUR.sub("", printed(many, terminal=terminal))
        assert "x29" in text
        assert "x30" not in text
        assert "... and 970 more columns: 970 ok" in text


def test_of_many_schema_differences_the_first_are_shown() -> None:
    text = printed(replace(FIVE, schema=(MISSING,) * 25), terminal=False)
    assert text.count("schema: The current") == 20
    assert "schema: ... and 5 more differences" in text


def test_names_cannot_act_on_the_terminal() -> None:
    for terminal in (True, False):
        text = COLOUR.sub("", printed(hostile_report(), terminal=terminal, width=400))
        assert not set(text) & {"\x1b", "\x07", "\r", "\t", "\u202e"}
        assert "\\x1b[31mred" in text
    lines = printed(hostile_report(), terminal=False).splitlines()
    headings = [place for place, line in enumerate(lines) if re.match("column +verdict", line)]
    # Two of them are predictions.
    assert lines[headings[0] + 3] == ""
    assert lines[headings[1] + len(HOSTILE_NAMES) - 1] == ""


def test_a_terminal_that_is_not_unicode_gets_letters_and_escapes() -> None:
    text = printed(
        replace(FIVE, reference="Ålesund.csv"), terminal=False, encoding="ascii", width=200
    )
    assert text.startswith("\\xc5lesund.csv (1,000 rows)")
    assert "+@+" in text
