"""The dashboard in a real browser: what it shows, what it asks for, what it does not do."""

import re
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'


@dataclass
class Opened:
    """A page, and what it let out."""

    page: "Page"
    messages: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def shows(self, place: str, text: str) -> None:
        """Waits until this text is there."""
        self.page.locator(place).get_by_text(text).first.wait_for()

    def has_an_example(self) -> None:
        """Waits until the form holds the model's example row."""
        from playwright.sync_api import expect

        expect(self.page.locator("#trial-body")).to_have_value(re.compile("features"))


@contextmanager
def opened(browser: "Browser", address: str, **context: Any) -> Iterator[Opened]:
    own = browser.new_context(**context)
    found = Opened(own.new_page())
    found.page.on("console", lambda message: found.messages.append(message.text))
    found.page.on("pageerror", lambda error: found.messages.append(str(error)))
    found.page.on("request", lambda request: found.requests.append(request.url))
    found.page.goto(f"{address}/dashboard")
    yield found
    own.close()


def ask(address: str, times: int, path: str = "/predict", body: bytes = BODY) -> None:
    for _ in range(times):
        httpx.post(f"{address}{path}", content=body, timeout=30)


def test_an_untouched_server_says_so_and_the_form_sends_the_first_request(
    chromium: "Browser", serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris") as running, opened(chromium, running.address) as found:
        found.shows("#empty", "No requests yet.")
        page = found.page
        found.has_an_example()
        page.locator("#trial-send").press("Enter")
        found.shows("#trial-status", "200")
        assert '"prediction": 0' in page.locator("#trial-answer").inner_text()
        found.shows("#tiles", "1 requests, 1 rows")
        page.locator("#empty").wait_for(state="hidden")
        page.locator("#recent").get_by_text("iris/1").wait_for()
        assert found.messages == []
        outside = [u for u in found.requests if not u.startswith((running.address, "data:"))]
        assert outside == []


@pytest.mark.parametrize("workers", ["1", "2"])
def test_it_shows_what_a_client_counted(
    chromium: "Browser", serve: Serve, trained: Trained, workers: str
) -> None:
    with (
        serve(trained.root, "iris", "--workers", workers) as running,
        opened(chromium, running.address) as found,
    ):
        found.shows("#facts", f"{workers} worker")
        ask(running.address, 12)
        ask(running.address, 3, body=b"{")
        ask(running.address, 2, body=b'{"features":[[1,2,3,4],[5,6,7,8]]}')
        found.shows("#tiles", "17 requests, 16 rows")
        found.shows("#tiles", "3 of 17 since start")
        found.shows("#statuses", "14 · 82 %")
        found.shows("#statuses", "400 malformed")
        assert found.page.locator("#models tbody td").all_inner_texts()[:6] == [
            *("iris", "1", "onnx", "17", "3", "16")
        ]
        found.page.locator("#recent tbody tr").nth(16).wait_for()
        assert found.page.locator("#recent tbody tr").count() == 17
        # Rates appear with the second look.
        found.page.locator("#throughput path.series").first.wait_for(state="attached")
        assert found.messages == []


def test_it_says_when_the_server_is_gone_and_goes_on_when_it_is_back(
    chromium: "Browser", serve: Serve, trained: Trained
) -> None:
    with serve(trained.root, "iris") as running, opened(chromium, running.address) as found:
        found.shows("#state", "Live")
        running.process.send_signal(signal.SIGTERM)
        found.shows("#trouble", "The server does not answer.")
        found.shows("#state", "Not connected")
        running.process.wait(60)
        with serve(trained.root, "iris", "--port", str(running.port)):
            found.page.locator("#trouble").wait_for(state="hidden")
            found.shows("#state", "Live")


def test_a_key_is_asked_for_and_kept_for_the_tab(
    chromium: "Browser", serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("secret\n")
    arguments = ("iris", "--api-key-file", tmp_path / "keys")
    with serve(trained.root, *arguments) as running, opened(chromium, running.address) as found:
        page = found.page
        page.locator("#key").wait_for()
        assert not page.locator("#main").is_visible()
        assert found.messages == []
        page.locator("#key-text").fill("wrong")
        page.keyboard.press("Enter")
        found.shows("#key-refused", "does not take this key")
        page.locator("#key-text").fill("secret")
        page.keyboard.press("Enter")
        found.shows("#state", "Live")
        page.locator("#trial-send").click()
        found.shows("#trial-status", "200")
        page.reload()
        found.shows("#state", "Live")
        assert not any("secret" in url for url in found.requests)
        assert page.evaluate("JSON.stringify(localStorage)") == "{}"


def test_a_hostile_name_of_a_model_is_only_text(
    chromium: "Browser", serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    name = "<img src=x onerror=alert(1)>\"'&amp;"
    artifact = trained.root / "iris" / "1"
    estimator = next(
        file for file in artifact.iterdir() if file.stem == "model" and file.suffix != ".onnx"
    )
    hostile = tmp_path / f"{name}{estimator.suffix}"
    shutil.copy(estimator, hostile)
    with serve(trained.root, hostile) as running, opened(chromium, running.address) as found:
        dialogs: list[str] = []
        found.page.on("dialog", lambda dialog: dialogs.append(dialog.message))
        found.has_an_example()
        found.page.locator("#trial-send").click()
        found.shows("#trial-status", "200")
        found.page.locator("#recent tbody td.name").wait_for()
        assert found.page.locator("#models td.name").inner_text() == name
        assert found.page.locator("#recent td.name").inner_text() == f"{name}/1"
        assert found.page.locator("img").count() == 0
        assert (dialogs, found.messages) == ([], [])


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_a_phone_and_follows_the_scheme(
    chromium: "Browser", server: Server, scheme: str
) -> None:
    size = {"width": 375, "height": 812}
    with opened(chromium, server.address, viewport=size, color_scheme=scheme) as found:
        ask(server.address, 1, "/models/iris/predict")
        found.page.locator("#recent tbody tr").first.wait_for()
        assert found.page.evaluate("document.documentElement.scrollWidth") == 375
        shade = found.page.evaluate("getComputedStyle(document.body).backgroundColor")
        red = int(shade.removeprefix("rgb(").split(",")[0])
        assert (red > 128) == (scheme == "light")
        assert found.messages == []


def test_arrow_keys_move_through_the_time_of_a_chart(chromium: "Browser", server: Server) -> None:
    with opened(chromium, server.address) as found:
        # Three looks, so that there are two points.
        for _ in range(3):
            with found.page.expect_response("**/dashboard/data"):
                pass
        found.shows("#throughput .when", "now")
        found.page.locator("#throughput svg.chart").press("ArrowLeft")
        found.shows("#throughput .when", "s ago")
        found.page.keyboard.press("Escape")
        found.shows("#throughput .when", "now")


def test_everything_is_reached_by_the_tab_key(chromium: "Browser", server: Server) -> None:
    with opened(chromium, server.address) as found:
        found.page.locator("#latency svg.chart").wait_for()
        reached = set()
        for _ in range(20):
            found.page.keyboard.press("Tab")
            reached.add(
                found.page.evaluate(
                    "document.activeElement.id || document.activeElement.parentElement.id"
                )
            )
        assert reached >= {
            *("throughput", "latency", "models", "recent", "trial-model", "trial-reset"),
            *("trial-body", "trial-send", "trial-answer"),
        }


def test_drift_is_drawn_over_the_reference_where_it_is_watched(
    chromium: "Browser", serve: Serve, trained: Trained
) -> None:
    arguments = ("pets", "--drift-window", "50")
    with serve(trained.root, *arguments) as running, opened(chromium, running.address) as found:
        animal = b'{"weight":300,"age":1,"colour":"black","size":"S"}'
        ask(running.address, 1, body=b'{"rows":[%b]}' % b",".join([animal] * 60))
        drift = found.page.locator("#drift")
        drift.get_by_role("heading", name="pets/1").wait_for()
        drift.get_by_role("heading", name="weight").wait_for()
        assert drift.locator("path.reference").count() >= 1
        assert drift.locator("path.current").count() >= 1
        assert drift.locator("rect.current-bar").count() >= 2
        assert found.messages == []


def test_drift_that_nobody_watches_is_said_to_be_so(
    chromium: "Browser", serve: Serve, trained: Trained
) -> None:
    arguments = ("iris", "--no-drift")
    with serve(trained.root, *arguments) as running, opened(chromium, running.address) as found:
        found.shows("#drift", "Not watched.")
        assert found.messages == []
