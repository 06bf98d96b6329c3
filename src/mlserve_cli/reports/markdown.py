"""A drift report as Markdown, for the comments of pull requests on GitHub and the like."""

import re
from collections.abc import Iterator, Sequence

from mlserve_cli.drift.course.report import ColumnCourse
from mlserve_cli.drift.report import ColumnReport, DriftReport, SchemaFinding, Verdict
from mlserve_cli.reports.bars import line
from mlserve_cli.reports.legible import legible
from mlserve_cli.reports.sections import Section, performance_section, sections
from mlserve_cli.reports.wording import (
    effect_against_threshold,
    effect_name,
    probability,
    remarks,
    rule_in_words,
    tally_in_words,
    typeset,
)

# GitHub takes 65,536 characters in a comment: at most so many rows of at most so many characters.
_SHOWN_COLUMNS = 40
_SHOWN_FINDINGS = 20
_NAME_CHARACTERS = 60
_REMARKS_CHARACTERS = 200
_LINE_CHARACTERS = 24
_SIGNS = {
    Verdict.SCHEMA_PROBLEM: "🟣",
    Verdict.DRIFT: "🔴",
    Verdict.INSUFFICIENT_DATA: "🟡",
    Verdict.NEGLIGIBLE_SHIFT: "🔵",
    Verdict.OK: "🟢",
}
# These verdicts are shown at once, the others on request.
_URGENT = {Verdict.SCHEMA_PROBLEM, Verdict.DRIFT}
_HEADINGS = ("Column", "Verdict", "Effect", "Adjusted p", "What changed")
# What Markdown may take for markup, within a line and at its start; what GitHub adds to that.
_ACTING = re.compile(r"[$&*<\[\\\]_`|~]|(?<=[wW]{3})\.")
_CALLING = re.compile(r"[#:@](?=[\w/+-])")
_BLOCK_START = re.compile(r"^(\d*)([-+=.)#>])")
_HARMLESS = re.compile(r"\w([\w .,/()%+-]*[\w)%])?")
# Behind a sign it keeps GitHub from making `@name` a mention, `#1` a link and `:sign:` a picture.
_JOINER = "\N{WORD JOINER}"


def render_markdown(report: DriftReport) -> str:
    """The report as a heading, a table of what drifted, and sections that can be opened.

    Nothing that comes from the data is taken for Markdown or HTML, nor calls anybody.
    """
    sign = _SIGNS[Verdict.DRIFT if report.drifted else Verdict.OK]
    blocks = [
        f"### {sign} {'Drift' if report.drifted else 'No drift'}: {prose(report.summary)}",
        (
            f"{code(report.reference)} ({report.reference_rows:,} rows) against "
            f"{code(report.current)} ({report.current_rows:,} rows)"
        ),
        *_schema(report.schema),
        *_predictions(report),
        *_columns(report.columns[len(report.predictions) :]),
        *(block for section in sections(report, _drawn) for block in _section(section)),
        *(paragraph(note) for note in report.notes),
        *_folded("How it was decided", paragraph(rule_in_words(report))),
    ]
    return "\n\n".join(blocks) + "\n"


def _schema(findings: Sequence[SchemaFinding]) -> Iterator[str]:
    if not findings:
        return
    lines = [f"- {paragraph(finding.detail)}" for finding in findings[:_SHOWN_FINDINGS]]
    hidden = len(findings) - _SHOWN_FINDINGS
    if hidden > 0:
        lines.append(f"- ... and {hidden:,} more differences")
    yield "\n".join(["**Schema**", "", *lines])


def _predictions(report: DriftReport) -> Iterator[str]:
    """What is said of predictions, before all other columns."""
    columns = report.columns[: len(report.predictions)]
    if not columns:
        return
    yield "**Predictions**"
    yield _table(columns[:_SHOWN_COLUMNS])
    yield from _rest(columns[_SHOWN_COLUMNS:])
    if report.performance is not None:
        yield from _section(performance_section(report.performance))
    yield "**Other columns**"


def _drawn(course: ColumnCourse) -> str:
    return line(course, _LINE_CHARACTERS)


def _section(section: Section) -> Iterator[str]:
    """A table beyond columns, with its heading and remarks."""
    yield f"**{prose(section.title, _REMARKS_CHARACTERS)}**"
    if section.rows:
        lines = [_row([prose(f"{text[0].upper()}{text[1:]}") for text in section.headings])]
        lines.append(f"|{'---|' * len(section.headings)}")
        for first, *cells in section.rows:
            lines.append(_row([code(first), *(prose(cell, _REMARKS_CHARACTERS) for cell in cells)]))
        yield "\n".join(lines)
    yield from (prose(remark, _REMARKS_CHARACTERS) for remark in section.remarks)


def _columns(columns: Sequence[ColumnReport]) -> Iterator[str]:
    urgent = [column for column in columns if column.verdict in _URGENT]
    others = columns[len(urgent) :]
    if urgent:
        yield _table(urgent[:_SHOWN_COLUMNS])
        yield from _rest(urgent[_SHOWN_COLUMNS:])
    if others:
        space = max(0, _SHOWN_COLUMNS - len(urgent))
        shown = [_table(others[:space])] if space else []
        hidden = others[space:]
        yield from _folded(
            f"Other columns: {tally_in_words(others)}", *shown, *_rest(hidden if space else ())
        )


def _rest(hidden: Sequence[ColumnReport]) -> Iterator[str]:
    if hidden:
        yield f"... and {len(hidden):,} more columns: {tally_in_words(hidden)}"


def _folded(title: str, *blocks: str) -> Iterator[str]:
    """A section that can be opened; Markdown inside of it needs blank lines around."""
    yield f"<details><summary>{title}</summary>"
    yield from blocks
    yield "</details>"


def _table(columns: Sequence[ColumnReport]) -> str:
    lines = [_row(_HEADINGS), "|---|---|---|--:|---|"]
    for column in columns:
        effect = f"{effect_name(column)} {effect_against_threshold(column)}"
        verdict = f"{_SIGNS[column.verdict]} {column.verdict}"
        words = " ".join(remarks(column))
        cells = (
            code(column.name),
            verdict,
            prose(effect.strip()),
            prose(probability(column.adjusted_p_value)),
            prose(words, _REMARKS_CHARACTERS),
        )
        lines.append(_row(cells))
    return "\n".join(lines)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def prose(text: str, limit: int | None = None) -> str:
    """Words that may quote the data, as Markdown shows them inside of a line."""
    return _escaped(legible(typeset(text), limit)) if text else ""


def _escaped(text: str) -> str:
    return _CALLING.sub(rf"\g<0>{_JOINER}", _ACTING.sub(r"\\\g<0>", text.strip()))


def paragraph(text: str) -> str:
    """The same at the start of a line."""
    return _BLOCK_START.sub(r"\1\\\2", prose(text))


def code(text: str) -> str:
    """A name of unknown origin as code that Markdown shows as it is."""
    shown = legible(text, _NAME_CHARACTERS)
    # Backticks would do for all names, if there were no way out of a cell of a table.
    return f"`{shown}`" if _HARMLESS.fullmatch(shown) else f"<code>{_escaped(shown)}</code>"
