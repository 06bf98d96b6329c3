"""A real browser without a way to other servers: what its user presses works."""

import shutil

import pytest
from tests.serving.conftest import Server

sync_api = pytest.importorskip("playwright.sync_api")
CHROMIUM = shutil.which("chromium")


@pytest.mark.slow
@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_every_example_is_answered_when_execute_is_pressed(server: Server) -> None:
    elsewhere: list[str] = []
    errors: list[str] = []
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page()
        page.on("request", lambda request: elsewhere.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{server.address}/docs")
        page.wait_for_selector(".opblock")
        operations = page.locator(".opblock").all()
        assert len(operations) >= 12
        for operation in operations:
            operation.locator(".opblock-summary-control").click()
            operation.locator(".execute").click()
            status = operation.locator(".live-responses-table .response-col_status").nth(1)
            status.wait_for()
            text = operation.inner_text()
            # Nobody has asked for a prediction under the example's name.
            expected = "404" if "/feedback" in text.splitlines()[:2] else "200"
            assert status.inner_text().startswith(expected), text
            operation.locator(".opblock-summary-control").click()
        browser.close()
    assert [url for url in elsewhere if not url.startswith((server.address, "data:"))] == []
    assert errors == []
