"""What is at the addresses of the dashboard, over real connections."""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.processes import wait_until

from mlserve_cli.serving.dashboard.files import FOLDER, KINDS, PAGE, PAGE_PATHS

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'
# Of everything that a browser loads to show it.
MOST_BYTES = 150_000


@pytest.fixture(scope="module")
def flask_server(serve: Serve, trained: Trained) -> Iterator[Server]:
    with serve(trained.root, "--framework", "flask") as running:
        yield running


def test_its_address_is_announced(server: Server) -> None:
    assert f"Dashboard    {server.address}/dashboard\n" in server.announced


def test_all_of_it_is_small(server: Server) -> None:
    with server.client as client:
        sizes = [len(client.get(path).raise_for_status().content) for path in PAGE_PATHS]
    assert sum(sizes) < MOST_BYTES


def test_every_file_of_the_page_is_listed_and_every_listed_one_is_there() -> None:
    assert {file.name for file in FOLDER.iterdir()} == {PAGE, *KINDS}


def test_it_names_no_other_server_and_no_inline_code() -> None:
    text = "".join(file.read_text() for file in FOLDER.iterdir())
    namespace = "http://www.w3.org/2000/svg"
    assert (
        re.findall(r"\b(?:https?:)?//[a-z0-9.-]+\.[a-z]+[^\s\"']*", text.replace(namespace, ""))
        == []
    )
    page = (FOLDER / PAGE).read_text()
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", page) == []
    assert (
        re.findall(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b", text) == []
    )


@pytest.mark.parametrize("path", sorted(PAGE_PATHS))
def test_a_strict_policy_goes_with_every_file(server: Server, path: str) -> None:
    answer = httpx.get(f"{server.address}{path}", timeout=30)
    directives = answer.headers["content-security-policy"].split("; ")
    rules = dict(directive.split(" ", 1) for directive in directives)
    assert rules["default-src"] == rules["base-uri"] == rules["frame-ancestors"] == "'none'"
    assert rules["script-src"] == rules["style-src"] == rules["connect-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("name", ["index.html", "routes.py", "..%2froutes.py", "none"])
def test_nothing_else_is_served(server: Server, name: str) -> None:
    assert httpx.get(f"{server.address}/dashboard/{name}", timeout=30).status_code == 404


@pytest.mark.parametrize("framework", ["fastapi", "flask"])
def test_the_page_opens_without_a_key_and_its_data_only_with_one(
    serve: Serve, trained: Trained, tmp_path: Path, framework: str
) -> None:
    (tmp_path / "keys").write_text("secret\n")
    arguments = ("iris", "--api-key-file", tmp_path / "keys", "--framework", framework)
    with serve(trained.root, *arguments) as running, running.client as client:
        assert 'data-key="needed"' in client.get("/dashboard").text
        assert {client.get(path).status_code for path in PAGE_PATHS} == {200}
        assert client.get("/dashboard/data").status_code == 401
        assert client.get("/dashboard/none").status_code == 401
        asked = client.get("/dashboard/data", headers={"authorization": "Bearer secret"})
        assert asked.json()["workers"] == 1


def test_flask_serves_the_same_files(server: Server, flask_server: Server) -> None:
    with server.client as fastapi, flask_server.client as flask:
        for path in PAGE_PATHS:
            here, there = fastapi.get(path), flask.get(path)
            assert here.content == there.content
            names = ("content-type", "content-security-policy", "cache-control")
            assert [here.headers[n] for n in names] == [there.headers[n] for n in names]


@pytest.mark.parametrize(
    "arguments", [(), ("--workers", "2"), ("--framework", "flask", "--workers", "2")], ids=" ".join
)
def test_its_numbers_are_what_a_client_counted_whichever_worker_is_asked(
    serve: Serve, trained: Trained, arguments: tuple[str, ...]
) -> None:
    sent: Counter[str] = Counter()

    def ask(number: int) -> None:
        # A new connection each time, so that every worker gets some.
        for path, body in (
            ("/predict", BODY),
            ("/models/iris/predict", b'{"features":[[1,2,3,4],[5,6,7,8]]}'),
            ("/predict", b"{"),
            ("/models/none/predict", BODY),
        ):
            headers = {"x-request-id": f"{number}{path}"}
            answer = httpx.post(
                f"{running.address}{path}", content=body, headers=headers, timeout=30
            )
            sent[str(answer.status_code)] += 1

    def data() -> dict[str, Any]:
        found: dict[str, Any] = httpx.get(f"{running.address}/dashboard/data", timeout=30).json()
        return found

    with serve(trained.root, "iris", *arguments) as running:
        for number in range(10):
            ask(number)
        for _ in range(6):
            found = data()
            assert found["statuses"] == sent
            assert sum(count for _, count in found["latency"]) == 40
            assert found["rows"] == 30
            assert found["workers"] == (2 if "2" in arguments else 1)
            assert [(m["name"], m["requests"], m["errors"]) for m in found["models"]] == [
                ("iris", 30, 10)
            ]
        # Other workers show theirs once a second.
        wait_until(lambda: len(data()["recent"]) == 30)
        recent = data()["recent"]
        times = [one["time"] for one in recent]
        assert times == sorted(times, reverse=True)
        assert {one["request_id"][0] for one in recent} >= set("56789")
        assert {one["status"] for one in recent} == {200, 400, 404}
        assert {one["rows"] for one in recent} == {1, 2, None}
        assert not any("features" in str(one) for one in recent)
