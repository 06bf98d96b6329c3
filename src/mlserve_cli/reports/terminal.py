"""A drift report on a terminal, or as plain lines where the output is not one."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from mlserve_cli.drift.course.report import ColumnCourse
from mlserve_cli.drift.report import ColumnReport, DriftReport, Verdict
from mlserve_cli.reports.bars import bars, line
from mlserve_cli.reports.legible import legible
from mlserve_cli.reports.sections import Section, performance_section, sections
from mlserve_cli.reports.wording import (
    effect_against_threshold,
    effect_name,
    probability,
    remarks,
    tally_in_words,
)

if TYPE_CHECKING:
    from rich.console import Console

# Columns and differences of the schema that are shown, the worst first; --json has them all.
_SHOWN_COLUMNS = 30
_SHOWN_FINDINGS = 20
# 40 bins, four to a character.
_BAR_CHARACTERS = 10
_LINE_CHARACTERS = 24
_NAME_CHARACTERS, _CELL_CHARACTERS = 60, 100
# Wider tables are hard to read along.
_WIDEST = 120
_HEADINGS = (
    *("column", "verdict", "effect", "against threshold", "adjusted p", "reference", "current"),
    "what changed",
)
_STYLES = {
    Verdict.SCHEMA_PROBLEM: "bold magenta",
    Verdict.DRIFT: "bold red",
    Verdict.INSUFFICIENT_DATA: "yellow",
    Verdict.NEGLIGIBLE_SHIFT: "cyan",
    Verdict.OK: "green",
}
# Of cells in the tables beyond columns.
_CELL_STYLES = {"drift": "bold red", "worse": "bold red", "ok": "green"}


def print_report(report: DriftReport, console: "Console") -> None:
    """Prints a report, predictions and then the worst column first, and the summary last.

    On a terminal each column takes two lines and more, with a histogram of either side. Elsewhere
    it takes one line, however long, without colour.
    """

    def say(text: str, style: str = "") -> None:
        console.print(_text(text, console, style), soft_wrap=not console.is_terminal)

    say(_sides(report))
    for text in _schema(report):
        say(text, "magenta")
    console.print()
    predictions = [column for column in report.columns if column.name in report.predictions]
    others = report.columns[len(predictions) :]
    if predictions:
        say("Predictions", "bold")
        _print_columns(predictions, console)
        console.print()
        if report.performance is not None:
            _print_section(performance_section(report.performance), console)
        say("Other columns", "bold")
    _print_columns(others, console)
    console.print()
    for section in sections(report, lambda course: _line(course, console)):
        _print_section(section, console)
    for note in report.notes:
        say(note)
    say(report.summary, _STYLES[Verdict.DRIFT if report.drifted else Verdict.OK])


def _print_columns(columns: Sequence[ColumnReport], console: "Console") -> None:
    shown, hidden = columns[:_SHOWN_COLUMNS], columns[_SHOWN_COLUMNS:]
    if console.is_terminal:
        console.print(_table(shown, console))
    else:
        for text in _lines(shown, console):
            console.print(_text(text, console), soft_wrap=True)
    if hidden:
        text = f"... and {len(hidden):,} more columns: {tally_in_words(hidden)}"
        console.print(_text(text, console), soft_wrap=not console.is_terminal)


def _print_section(section: Section, console: "Console") -> None:
    """A table beyond columns, with its heading and remarks."""
    console.print(_text(section.title, console, "bold"), soft_wrap=not console.is_terminal)
    cells = [
        tuple(cell and legible(cell, _CELL_CHARACTERS) for cell in row) for row in section.rows
    ]
    if not console.is_terminal:
        for text in _aligned([section.headings, *cells] if cells else []):
            console.print(_text(text, console), soft_wrap=True)
    elif cells:
        table = Table(box=None, header_style="bold", pad_edge=False, width=_width(console))
        for heading in section.headings:
            table.add_column(heading, overflow="fold")
        for row in cells:
            table.add_row(*(_text(cell, console, _CELL_STYLES.get(cell, "")) for cell in row))
        console.print(table)
    for remark in section.remarks:
        console.print(_text(remark, console, "dim"), soft_wrap=not console.is_terminal)
    console.print()


def _line(course: ColumnCourse, console: "Console") -> str:
    return line(course, _LINE_CHARACTERS, ascii_only=console.options.ascii_only)


def _width(console: "Console") -> int:
    return min(console.width, _WIDEST)


def _text(text: str, console: "Console", style: str = "") -> Text:
    """Text that the terminal's encoding has."""
    if not text:
        return Text()
    shown = legible(text).encode(console.encoding, "backslashreplace").decode(console.encoding)
    return Text(shown, style)


def _sides(report: DriftReport) -> str:
    return (
        f"{report.reference} ({report.reference_rows:,} rows) against "
        f"{report.current} ({report.current_rows:,} rows)"
    )


def _schema(report: DriftReport) -> Iterator[str]:
    for finding in report.schema[:_SHOWN_FINDINGS]:
        yield f"schema: {finding.detail}"
    hidden = len(report.schema) - _SHOWN_FINDINGS
    if hidden > 0:
        yield f"schema: ... and {hidden:,} more differences"


def _table(columns: Sequence[ColumnReport], console: "Console") -> Table:
    table = Table(box=None, header_style="bold", pad_edge=False, width=_width(console))
    table.add_column("verdict\nadjusted p", no_wrap=True)
    table.add_column("column\nwhat changed", overflow="fold", ratio=1)
    table.add_column("reference\ncurrent", no_wrap=True)
    table.add_column("effect\nthreshold", no_wrap=True)
    for column in columns:
        p_value = probability(column.adjusted_p_value)
        verdict = Text(column.verdict.value, _STYLES[column.verdict])
        name = _text(legible(column.name, _NAME_CHARACTERS), console, "bold")
        words = " ".join(remarks(column))
        reference, current = _bars(column, console)
        table.add_row(
            Text.assemble(verdict, f"\np {p_value}" if p_value else ""),
            Text("\n").join([name, _text(words, console)]) if words else name,
            Text.assemble((reference, "dim"), "\n", current),
            f"{effect_name(column)}\n{effect_against_threshold(column)}",
        )
    return table


def _bars(column: ColumnReport, console: "Console") -> tuple[str, str]:
    return bars(column, _BAR_CHARACTERS, ascii_only=console.options.ascii_only)


def _lines(columns: Sequence[ColumnReport], console: "Console") -> Iterator[str]:
    """A heading and one line for each column, in columns that stand below each other."""
    return _aligned([_HEADINGS, *(_cells(column, console) for column in columns)])


def _aligned(rows: Sequence[tuple[str, ...]]) -> Iterator[str]:
    widths = [max(map(cell_len, cells)) for cells in zip(*rows, strict=True)]
    for row in rows:
        cells = zip(row[:-1], widths, strict=False)
        padded = [cell + " " * (width - cell_len(cell)) for cell, width in cells]
        yield "  ".join([*padded, row[-1]]).rstrip()


def _cells(column: ColumnReport, console: "Console") -> tuple[str, ...]:
    return (
        legible(column.name, _NAME_CHARACTERS),
        column.verdict.value,
        effect_name(column),
        effect_against_threshold(column),
        probability(column.adjusted_p_value),
        *_bars(column, console),
        " ".join(remarks(column)),
    )
