"""`mlserve metrics` beside real servers, and when they are gone."""

import contextlib
import functools
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import joblib
import pexpect
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from tests.serving.processes import wait_until

from mlserve_cli import save_model


@pytest.fixture
def free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


@pytest.fixture
def start(clean_environment: dict[str, str], tmp_path: Path) -> Any:
    """Serves the model `double` in the test's folder, until the block ends."""
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), tmp_path / "double.joblib")

    return functools.partial(served, clean_environment, tmp_path, "serve", "double.joblib")


@contextlib.contextmanager
def served(environment: dict[str, str], folder: Path, *arguments: str) -> Iterator[httpx.Client]:
    """A server, until the block ends."""
    process = subprocess.Popen(
        [Path(sys.executable).with_name("mlserve"), *arguments],
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    try:
        with httpx.Client(base_url=address, timeout=30) as client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def ask(client: httpx.Client, times: int) -> None:
    for k in range(times):
        assert client.post("/predict", json={"features": [float(k)]}).status_code == 200
    assert client.post("/predict", json={"features": ["x"]}).status_code == 422


def test_a_server_is_told_of_while_it_runs_and_when_it_is_gone(
    mlserve: Any, start: Any, free_port: str
) -> None:
    with start("--port", free_port) as client:
        ask(client, 7)
        found = mlserve("metrics", "--json", MLSERVE_PORT=free_port)
        assert found.exit_code == 0, found.stderr
        live = json.loads(found.stdout)
        assert live["source"] == f"http://127.0.0.1:{free_port}"
        table = mlserve("metrics", MLSERVE_PORT=free_port)
        assert re.search(r"double/1 +8 +7 +1 \(12\.5%\)", table.stdout), table.stdout
    gone = json.loads(mlserve("metrics", "--json", MLSERVE_PORT=free_port).stdout)
    assert gone["source"] == ".mlserve/records"
    for summary in (live, gone):
        (model,) = summary["models"]
        assert (model["model"], model["version"]) == ("double", "1")
        assert (model["requests"], model["rows"], model["client_errors"]) == (8, 7, 1)
        assert 0 < model["min_seconds"] <= model["p50_seconds"] <= model["max_seconds"]
        assert summary["total"]["requests"] == 8
    assert sum(minute["requests"] for minute in gone["minutes"]) == 8
    named = mlserve("metrics", "--records", ".mlserve/records", "--since", "1h", "--window", "5")
    assert "last 5 rows" in named.stdout
    assert mlserve("metrics", "-m", "other", MLSERVE_PORT=free_port).exit_code == 4


def test_drift_and_quality_are_told_while_a_server_runs_and_when_it_is_gone(
    mlserve: Any, clean_environment: dict[str, str], tmp_path: Path, free_port: str
) -> None:
    data = load_iris(as_frame=True)
    iris = LogisticRegression(max_iter=500).fit(data.data.to_numpy(), data.target)
    save_model(iris, name="iris", data=data.frame, target="target", models=tmp_path / "models")
    flowers = data.data.to_numpy()
    options = ("--workers", "2", "--drift-window", "150", "--records", "kept", "--port", free_port)
    with served(clean_environment, tmp_path, "serve", "iris", *options) as client:
        for k in range(150):
            client.post(
                "/predict",
                json={"features": flowers[k % 50].tolist()},
                headers={"X-Request-Id": f"r{k}"},
            )
        labels = [{"request_id": f"r{k}", "label": k % 2} for k in range(150)]
        assert client.post("/feedback", json=labels).json()["taken"] == 150
        wait_until(lambda: client.get("/drift").json()["models"][0]["windows"])
        wait_until(lambda: "mlserve_quality{" in client.get("/metrics").text)
        table = mlserve("metrics", MLSERVE_PORT=free_port).stdout
        live = json.loads(mlserve("metrics", "--json", MLSERVE_PORT=free_port).stdout)
    gone = json.loads(mlserve("metrics", "--json", "--records", "kept").stdout)
    assert live["source"] != gone["source"]
    assert (live["drift"], live["quality"]) == (gone["drift"], gone["quality"])
    (drift,), (quality,) = live["drift"], live["quality"]
    assert (drift["model"], drift["version"]) == ("iris", "1")
    # They are flowers of one species.
    assert drift["state"] == "suspected"
    assert drift["worst"] in data.feature_names
    assert drift["effect"] > drift["threshold"]
    assert drift["evaluated"] > 1.7e9
    assert quality["labels"] == 150
    assert quality["figures"]["accuracy"] == 0.5
    assert quality["drops"]["accuracy"] == quality["stored"]["accuracy"] - 0.5
    assert re.search(rf"iris/1 +suspected +{re.escape(drift['worst'])}", table), table
    assert re.search(r"iris/1 +150 +accuracy +0\.5 ", table), table


def test_a_server_elsewhere_is_named(mlserve: Any, start: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("secret\n")
    with start("--port", "0", "--api-key-file", "keys", "--records", "none") as client:
        client.headers["x-api-key"] = "secret"
        ask(client, 3)
        address = str(client.base_url)
        without = mlserve("metrics", "--url", address)
        assert (without.exit_code, without.stdout) == (2, "")
        assert "wants an API key" in without.stderr
        for url in (address, f"{address}/metrics", address.removeprefix("http://")):
            found = mlserve("metrics", "--url", url, "--json", MLSERVE_API_KEY="secret")
            assert found.exit_code == 0, found.stderr
            # It keeps no history, and knows its totals all the same.
            assert json.loads(found.stdout)["total"]["requests"] == 4
        text = mlserve("metrics", "--url", address, "--prometheus", "--api-key", "secret").stdout
        assert 'mlserve_rows_total{model="double",version="1"} 3.0' in text


def test_what_is_asked_now_is_seen_by_who_watches(
    start: Any, clean_environment: dict[str, str], tmp_path: Path, free_port: str
) -> None:
    environment = clean_environment | {"MLSERVE_PORT": free_port, "TERM": "xterm-256color"}
    environment.pop("NO_COLOR")
    environment.pop("COLUMNS")
    with start("--port", free_port) as client:
        ask(client, 1)
        terminal = pexpect.spawn(
            str(Path(sys.executable).with_name("mlserve")),
            ["metrics", "--watch"],
            env=environment,
            cwd=str(tmp_path),
            dimensions=(24, 80),
            timeout=60,
            encoding="utf-8",
        )
        # The other screen of the terminal.
        terminal.expect_exact("\x1b[?1049h")
        terminal.expect("double/1 +2 +1 +")
        ask(client, 4)
        terminal.expect("double/1 +7 +5 +")
        terminal.sendintr()
        terminal.expect_exact("\x1b[?1049l")
        terminal.expect(pexpect.EOF)
        terminal.close()
    assert terminal.exitstatus == 0


def test_who_watches_waits_for_a_server_that_comes_back(
    start: Any, clean_environment: dict[str, str], tmp_path: Path, free_port: str
) -> None:
    with start("--port", free_port) as client:
        ask(client, 1)
        terminal = pexpect.spawn(
            str(Path(sys.executable).with_name("mlserve")),
            ["metrics", "--watch", "--url", f"localhost:{free_port}"],
            env=clean_environment | {"TERM": "xterm"},
            cwd=str(tmp_path),
            dimensions=(24, 80),
            timeout=60,
            encoding="utf-8",
        )
        terminal.expect("double/1 +2 +1 +")
    terminal.expect("No server answers")
    with start("--port", free_port) as client:
        ask(client, 8)
        terminal.expect("double/1 +9 +8 +")
    terminal.sendintr()
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


class Stranger(BaseHTTPRequestHandler):
    """A server of another kind."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "2")
        self.end_headers()
        self.wfile.write(b"hi")

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


class Liar(Stranger):
    """A server that promises more than it sends."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "1000")
        self.end_headers()
        self.wfile.write(b"hi")


@contextlib.contextmanager
def stranger(kind: type[BaseHTTPRequestHandler] = Stranger) -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), kind) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield str(server.server_port)
        server.shutdown()
        thread.join()


def test_another_program_on_the_port_is_no_server_of_ours(mlserve: Any) -> None:
    with stranger() as port:
        found = mlserve("metrics", "--url", f"http://127.0.0.1:{port}")
        assert (found.exit_code, found.stdout) == (6, "")
        assert "is not mlserve serve" in found.stderr
        assert mlserve("metrics", MLSERVE_PORT=port).exit_code == 4


def test_an_answer_that_ends_too_early_is_named(mlserve: Any) -> None:
    with stranger(Liar) as port:
        found = mlserve("metrics", "--url", f"http://127.0.0.1:{port}")
    assert (found.exit_code, found.stdout) == (4, "")
    assert "its answer ends too early" in found.stderr


def test_a_proxy_of_the_environment_is_not_asked_for_this_machine(mlserve: Any, start: Any) -> None:
    with start("--port", "0") as client:
        ask(client, 1)
        options = ("metrics", "--url", str(client.base_url), "--json")
        found = mlserve(*options, http_proxy="http://127.0.0.1:9")
    assert json.loads(found.stdout)["total"]["requests"] == 2


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--since", "5"], 2, "--since 5 is no time"),
        (["--since", "-1h"], 2, "is no time"),
        (["--json", "--watch"], 2, "Only one of --json, --prometheus and --watch"),
        (["--watch", "--records", "."], 2, "--watch needs a terminal"),
        (["--url", "x", "--records", "."], 2, "only one can be looked at"),
        (["--url", "ftp://x"], 2, "no address of a server"),
        (["--url", "http://[::1"], 2, "no address of a server"),
        (["--url", "http://127.0.0.1:99999"], 2, "no address of a server"),
        (["--url", "x", "--window", "3"], 2, "--window looks at the records"),
        (["--url", "http://127.0.0.1:9"], 6, "No server answers at http://127.0.0.1:9: Conn"),
        (["--url", "http://no-such-host.invalid"], 6, "No server answers at"),
        (["--prometheus", "--records", "."], 2, "not the history"),
        (["--records", "nowhere"], 4, "There is no history in nowhere"),
        ([], 4, "There is no history in .mlserve/records either"),
    ],
    ids=lambda value: None if isinstance(value, int) else str(value)[:40],
)
def test_mistakes_are_one_clear_error(
    mlserve: Any, arguments: list[str], exit_code: int, message: str
) -> None:
    finished = mlserve("metrics", *arguments, MLSERVE_PORT="9")
    assert (finished.exit_code, finished.stdout) == (exit_code, "")
    assert finished.stderr.startswith("error: ")
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
