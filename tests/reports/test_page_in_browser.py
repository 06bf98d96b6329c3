"""The page in a real browser: nothing loaded, nothing run that is not its own, readable by all."""

import re
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.reports.samples import BEYOND, FIVE, hostile_report, wide_report

from mlserve_cli.drift.report import DriftReport
from mlserve_cli.reports import write_report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

# Texts whose contrast with what is behind them is below 4.5, the limit of WCAG 2 AA.
PALE_TEXTS = """() => {
  const parts = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b]
    .map((one) => one / 255)
    .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4))
    .reduce((sum, one, place) => sum + one * [0.2126, 0.7152, 0.0722][place], 0);
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = parts(getComputedStyle(element).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const pale = [];
  let seen = 0;
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || element.closest("script")) continue;
    const style = getComputedStyle(element);
    const front = light(parts(element.closest("svg") ? style.fill : style.color));
    const back = light(behind(element));
    const ratio = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    seen += 1;
    if (ratio < 4.5) pale.push([walker.currentNode.data, ratio]);
  }
  return { seen, pale };
}"""
CUT_OFF = """() => {
  document.styleSheets[0].insertRule(".card { content-visibility: visible !important }");
  return [document.documentElement, ...document.querySelectorAll(".checks, .card")]
    .filter((element) => element.scrollWidth > element.clientWidth + 1)
    .map((element) => element.id + " " + element.className);
}"""


@contextmanager
def opened(
    chromium: "Browser", report: DriftReport, folder: Path, **context: Any
) -> "Iterator[Page]":
    """The report's page; nothing but itself may be asked for, nothing said on the console."""
    path = folder / "report.html"
    write_report(report, path)
    incidents: list[str] = []
    with chromium.new_context(**context) as browsing:
        page = browsing.new_page()
        page.on("console", lambda message: incidents.append(message.text))
        page.on("pageerror", lambda error: incidents.append(str(error)))
        page.on("dialog", lambda dialog: incidents.append(dialog.message))
        page.on("request", lambda request: incidents.append(request.url))
        page.goto(path.as_uri())
        yield page
    assert incidents == [path.as_uri()]


def shown_names(page: "Page") -> list[str]:
    return page.locator("#columns tbody tr:visible th").all_inner_texts()


@pytest.mark.parametrize("report", [FIVE, BEYOND], ids=["five", "beyond"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [375, 820, 1280])
def test_all_text_can_be_read(
    chromium: "Browser", tmp_path: Path, report: DriftReport, scheme: str, width: int
) -> None:
    size = {"width": width, "height": 900}
    with opened(chromium, report, tmp_path, color_scheme=scheme, viewport=size) as page:
        contrast = page.evaluate(PALE_TEXTS)
        assert contrast["pale"] == []
        assert contrast["seen"] > 100
        assert page.evaluate(CUT_OFF) == []
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert (background == "rgb(255, 255, 255)") == (scheme == "light")


@pytest.mark.parametrize("width", [375, 1280])
def test_hostile_names_do_nothing(chromium: "Browser", tmp_path: Path, width: int) -> None:
    report = hostile_report()
    with opened(chromium, report, tmp_path, viewport={"width": width, "height": 900}) as page:
        assert page.locator("#columns tbody tr").count() == len(report.columns)
        assert page.locator("article").count() == len(report.columns)
        assert page.locator("img, iframe, object, script + *").count() == 0
        assert page.evaluate("document.scripts.length") == 1
        assert page.evaluate(CUT_OFF) == []


def test_a_course_is_drawn_within_its_picture(chromium: "Browser", tmp_path: Path) -> None:
    with opened(chromium, BEYOND, tmp_path) as page:
        assert page.locator(".course").count() == 2
        frames = page.evaluate(
            """() => [...document.querySelectorAll(".course")].map((picture) => {
              const frame = picture.getBoundingClientRect();
              return [...picture.querySelectorAll("path")].map((path) => {
                const drawn = path.getBoundingClientRect();
                return [drawn.left - frame.left, frame.right - drawn.right,
                  drawn.top - frame.top, frame.bottom - drawn.bottom, drawn.width];
              });
            })"""
        )
        for paths in frames:
            assert min(side for path in paths for side in path[:4]) > -1
            # The distances and their thresholds go from the first window to the last.
            assert paths[0][4] > 200
        dots = page.locator(".course .dots").evaluate(
            "(dots) => getComputedStyle(dots).strokeWidth"
        )
        assert dots == "5px"


def test_the_policy_stops_what_got_in_all_the_same(chromium: "Browser", tmp_path: Path) -> None:
    write_report(FIVE, tmp_path / "report.html")
    messages: list[str] = []
    with chromium.new_context() as browsing:
        page = browsing.new_page()
        page.on("console", lambda message: messages.append(message.text))
        page.goto((tmp_path / "report.html").as_uri())
        page.evaluate(
            """() => {
              const script = document.createElement("script");
              script.textContent = "window.entered = true";
              document.body.append(script);
            }"""
        )
        assert page.evaluate("window.entered") is None
    assert len(messages) == 1
    assert "Content Security Policy" in messages[0]


def test_a_page_is_complete_without_scripts(chromium: "Browser", tmp_path: Path) -> None:
    with opened(chromium, FIVE, tmp_path, java_script_enabled=False) as page:
        assert len(shown_names(page)) == 5
        assert page.locator("article:visible").count() == 5
        assert not page.locator("input:visible").count()


def test_columns_are_sorted_and_picked_with_the_keyboard(
    chromium: "Browser", tmp_path: Path
) -> None:
    with opened(chromium, FIVE, tmp_path) as page:
        assert shown_names(page) == ["gone", "bill_length_mm", "few", "island", "depth"]
        heading = page.locator("#columns th", has_text="Column")
        heading.locator("button").focus()
        page.keyboard.press("Enter")
        assert shown_names(page) == ["bill_length_mm", "depth", "few", "gone", "island"]
        assert heading.get_attribute("aria-sort") == "ascending"
        page.keyboard.press("Enter")
        assert shown_names(page)[0] == "island"
        assert heading.get_attribute("aria-sort") == "descending"
        page.get_by_role("button", name="Effect").click()
        assert shown_names(page)[-1] == "bill_length_mm"
        page.get_by_role("checkbox", name=re.compile("^drift")).focus()
        page.keyboard.press("Space")
        assert "bill_length_mm" not in shown_names(page)
        page.get_by_role("searchbox", name="Find a column").fill("E")
        assert sorted(shown_names(page)) == ["depth", "few", "gone"]
        assert page.locator("article:visible").count() == 3
        assert page.get_by_role("status").inner_text() == "3 of 5 columns shown."


def test_print_is_light_and_complete(chromium: "Browser", tmp_path: Path) -> None:
    with opened(chromium, wide_report(20), tmp_path, color_scheme="dark") as page:
        page.emulate_media(media="print")
        colour = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert colour == "rgb(255, 255, 255)"
        assert page.locator("input:visible").count() == 0
        assert page.locator("#columns th:visible").count() == 7 + 20
        assert page.pdf(format="A4").startswith(b"%PDF")


def test_names_lead_to_their_columns(chromium: "Browser", tmp_path: Path) -> None:
    with opened(chromium, wide_report(20), tmp_path, reduced_motion="reduce") as page:
        name = shown_names(page)[-1]
        page.get_by_role("link", name=name, exact=True).click()
        heading = page.locator(":target h3")
        assert heading.locator("bdi").inner_text() == name
        assert page.evaluate("scrollY") > 0
