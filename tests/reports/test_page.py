import base64
import hashlib
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from tests.reports.samples import (
    BEYOND,
    FIVE,
    HOSTILE_NAMES,
    MISSING,
    QUIET,
    hostile_report,
    report,
    wide_report,
)

from mlserve_cli.drift.report import DriftReport
from mlserve_cli.reports.legible import legible
from mlserve_cli.reports.page import render_html

KNOWN_TAGS = set(
    re.findall(
        r"\w+",
        "html head meta link title style script body header main section article div span p h1 h2 "
        "h3 dl dt dd ul li table thead tbody tr th td a bdi br wbr label input svg defs g path "
        "text use",
    )
)


class Page(HTMLParser):
    """Tags with their attributes, and texts by tag, as a browser would find them."""

    def __init__(self, content: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(content)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.tags[-1][0] if self.tags else "", data))

    def attributes(self, name: str) -> list[str | None]:
        """Values of an attribute on all tags."""
        return [attributes[name] for _, attributes in self.tags if name in attributes]


@pytest.fixture(scope="module", params=["five", "beyond", "hostile", "wide"])
def drawn(request: pytest.FixtureRequest) -> tuple[DriftReport, str]:
    match request.param:
        case "five":
            made = FIVE
        case "beyond":
            made = BEYOND
        case "hostile":
            made = hostile_report()
        case _:
            made = wide_report(50)
    return made, render_html(made)


def test_a_page_holds_everything_that_it_shows(drawn: tuple[DriftReport, str]) -> None:
    page = Page(drawn[1])
    assert page.attributes("src") == []
    assert all(href == "data:," or (href or "").startswith("#") for href in page.attributes("href"))
    style = next(text for tag, text in page.texts if tag == "style")
    assert not re.search(r"@import|url\(", style)


def test_references_inside_of_a_page_meet_one_target_each(drawn: tuple[DriftReport, str]) -> None:
    page = Page(drawn[1])
    ids = page.attributes("id")
    assert len(ids) == len(set(ids))
    wanted = [href[1:] for href in page.attributes("href") if href and href.startswith("#")]
    wanted += [name for name in page.attributes("aria-labelledby") if name]
    assert set(wanted) <= set(ids)
    assert len(wanted) >= 2 * len(drawn[0].columns)


def test_a_page_has_only_its_own_tags_and_no_handlers(drawn: tuple[DriftReport, str]) -> None:
    page = Page(drawn[1])
    assert {tag for tag, _ in page.tags} <= KNOWN_TAGS
    assert sum(tag == "script" for tag, _ in page.tags) == 1
    names = {name for _, attributes in page.tags for name in attributes}
    assert not any(name.startswith("on") or name == "style" for name in names)


def test_the_policy_admits_its_own_style_and_script_only(drawn: tuple[DriftReport, str]) -> None:
    page = Page(drawn[1])
    (policy,) = (
        attributes["content"]
        for tag, attributes in page.tags
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    for tag in ("style", "script"):
        text = next(text for owner, text in page.texts if owner == tag)
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert rules.pop(f"{tag}-src") == f"'sha256-{digest}'"
    assert rules == {
        "default-src": "'none'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }


def test_every_heading_of_a_table_says_of_what(drawn: tuple[DriftReport, str]) -> None:
    scopes = {attributes.get("scope") for tag, attributes in Page(drawn[1]).tags if tag == "th"}
    assert scopes == {"col", "row"}


def test_names_are_shown_as_they_are() -> None:
    texts = [text for tag, text in Page(render_html(hostile_report())).texts if tag == "bdi"]
    assert {legible(name, 50) for name in HOSTILE_NAMES} <= set(texts)


def test_pictures_are_said_in_numbers_too() -> None:
    content = render_html(FIVE)
    assert 'PSI <span class="n">0.258 ≥ 0.1</span>' in content
    assert "Median 12.1 → 14.9. Type int64 → double. Missing 0\N{NO-BREAK SPACE}%" in content
    assert "The current data have no column &#39;gone&#39;." in content


@pytest.mark.parametrize(
    "text", ["", "a" * 100, "日" * 100, "<" * 60], ids=["short", "long", "wide", "escaped"]
)
def test_fifty_columns_take_less_than_300_kilobytes(text: str) -> None:
    content = render_html(wide_report(50, text=text, window=4))
    assert content.count('class="course"') == 50
    assert len(content.encode()) < 300_000


def test_what_is_beyond_columns_is_shown() -> None:
    content = render_html(BEYOND)
    texts = [text for tag, text in Page(content).texts if tag in ("h2", "th", "td")]
    for part in (
        "Quality of predictions, by species: worse",
        "Whole rows: drift",
        "Interval (99.5 %)",
    ):
        assert part in texts
    assert "8 windows of 1d by when: 1 of 2 columns drifted in some" in texts
    assert content.count('<span class="kind">prediction</span>') == 1
    # The only drifted window dots and the only change are the island's.
    assert content.count('class="dots"') == content.count('class="change"') == 1


def test_the_same_report_gives_the_same_bytes() -> None:
    assert render_html(FIVE) == render_html(FIVE)


def test_of_very_many_columns_the_worst_are_shown() -> None:
    columns = [replace(QUIET, name=f"x{place}") for place in range(600)]
    content = render_html(report(*columns, schema=(MISSING,) * 120))
    assert content.count("<article") == 500
    assert "and 100 more columns: 100 ok." in content
    assert "and 20 more differences." in content


def test_a_report_without_drift_says_so() -> None:
    content = render_html(report(QUIET, drifted=False, summary="No drift in 1 column."))
    assert '<span class="verdict v4">No drift</span> No drift in 1 column.' in content
    assert 'id="schema"' not in content


def test_a_report_without_columns_is_a_page() -> None:
    assert "<article" not in render_html(report(schema=(MISSING,)))
