from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token
from tests.reports.samples import (
    BEYOND,
    FIVE,
    HOSTILE_NAMES,
    NUMBERS,
    QUIET,
    hostile_report,
    report,
    wide_report,
)

from mlserve_cli.reports.legible import legible
from mlserve_cli.reports.markdown import code, paragraph, prose, render_markdown
from mlserve_cli.reports.wording import typeset

GOLDEN = Path(__file__).with_name("golden")
JOINER = "\N{WORD JOINER}"
GITHUB = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
ANYTHING = st.text(max_size=40) | st.text("a1 <>&|`*_\\[]()#@:~-+.!\"'$\n", max_size=20)


def inline(text: str) -> list[Token]:
    """Every token inside of the lines of a Markdown text."""
    return [
        child
        for token in GITHUB.parse(text)
        if token.type == "inline"
        for child in token.children or []
    ]


def shown(tokens: list[Token]) -> str:
    """What a reader sees of tokens that may be text, code and the tags around code."""
    kinds = {token.type for token in tokens}
    assert kinds <= {"text", "text_special", "code_inline", "html_inline"}, kinds
    tags = {token.content for token in tokens if token.type == "html_inline"}
    assert tags <= {"<code>", "</code>"}, tags
    return plain("".join(token.content for token in tokens if token.type != "html_inline"))


def plain(text: str) -> str:
    """Without what only looks better or keeps GitHub from acting."""
    return text.replace(JOINER, "").replace("\N{NO-BREAK SPACE}", " ").strip()


def test_a_comment_for_a_pull_request() -> None:
    assert render_markdown(FIVE) == (GOLDEN / "report.md").read_text("utf-8")


def test_a_comment_with_what_is_beyond_columns() -> None:
    assert render_markdown(BEYOND) == (GOLDEN / "beyond.md").read_text("utf-8")


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_hostile_names_stay_in_their_cells(name: str) -> None:
    text = render_markdown(report(replace(NUMBERS, name=name, direction=f"of {name}")))
    tokens = GITHUB.parse(text)
    (first, *others) = [
        tokens[place + 1] for place, token in enumerate(tokens) if token.type == "td_open"
    ]
    assert len(others) == 4
    assert shown(first.children or []) == plain(legible(name, 60))
    assert shown(others[-1].children or []).startswith(plain(legible(f"Of {name}"))[:60])


@given(ANYTHING)
@example("a|b\\|c`d``e\\")
@example("&lt;script&gt;")
@example("<b>")
def test_any_text_is_shown_as_it_is_in_a_cell(text: str) -> None:
    table = f"| a | b |\n|---|---|\n| {prose(text)} | {code(text)} |\n"
    cells = [token for token in GITHUB.parse(table) if token.type == "inline"]
    assert len(cells) == 4
    assert shown(cells[3].children or []) == plain(legible(text, 60))
    assert shown(cells[2].children or []) == (plain(legible(typeset(text))) if text else "")


@given(ANYTHING)
@example("1. one")
@example("- one")
@example("# one")
@example("> one")
def test_any_text_is_a_paragraph_at_the_start_of_a_line(text: str) -> None:
    blocks = [token.type for token in GITHUB.parse(paragraph(text))]
    assert blocks == (["paragraph_open", "inline", "paragraph_close"] if text else [])


def test_nobody_is_called_and_nothing_linked() -> None:
    text = prose("@everyone #1 owner/name#2 :tada: https://example.com www.example.com")
    assert text == (
        f"@{JOINER}everyone #{JOINER}1 owner/name#{JOINER}2 :{JOINER}tada: "
        f"https:{JOINER}//example.com www\\.example.com"
    )


def test_a_hostile_report_holds_no_markup_of_its_own() -> None:
    text = render_markdown(hostile_report())
    tags = {token.content for token in inline(text) if token.type == "html_inline"}
    assert tags <= {"<code>", "</code>"}
    blocks = {token.content.strip() for token in GITHUB.parse(text) if token.type == "html_block"}
    assert all(block.startswith(("<details><summary>", "</details>")) for block in blocks)
    assert not {token.type for token in inline(text)} & {"link_open", "image", "s_open", "em_open"}


def test_a_comment_of_a_thousand_columns_is_one_that_github_takes() -> None:
    drifted = (replace(NUMBERS, name=f"{place} " + "<" * 90) for place in range(500))
    quiet = (replace(QUIET, name=f"x{place}") for place in range(500))
    text = render_markdown(report(*drifted, *quiet))
    assert "... and 460 more columns: 460 drift" in text
    assert "Other columns: 500 ok" in text
    assert len(text) < 65_536
    assert len(render_markdown(wide_report(100, text="<|`" * 40))) < 65_536


def test_a_quiet_report_opens_with_no_drift() -> None:
    text = render_markdown(report(QUIET, drifted=False, summary="No drift in 1 column."))
    assert text.startswith("### 🟢 No drift: No drift in 1 column.")
    assert "<details><summary>Other columns: 1 ok</summary>" in text
