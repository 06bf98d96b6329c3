"""The generated rules in a real Prometheus, and alerts that reach a real Alertmanager."""

import contextlib
import json
import shutil
import socket
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from tests.serving.conftest import Serve, Trained
from tests.serving.processes import wait_until

from mlserve_cli.deploy import deploy

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'
# What a server of one process that fails no request, has no reference and gets no labels says
# nothing about.
SILENT = {
    *("Failed requests", "Workers replaced", "Columns with drift"),
    "Quality by the labels that came",
}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        shutil.which("prometheus") is None or shutil.which("prometheus-alertmanager") is None,
        reason="Prometheus and its Alertmanager are not installed",
    ),
]


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@contextlib.contextmanager
def program(command: Sequence[str], port: int, folder: Path) -> Iterator[str]:
    """A program of Prometheus's project, and its address."""
    address = f"http://127.0.0.1:{port}"
    arguments = [*command, f"--web.listen-address=127.0.0.1:{port}", "--log.level=error"]
    with (
        (folder / f"{command[0]}.log").open("w") as log,
        subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=log) as process,
    ):
        try:

            def is_ready() -> bool:
                assert process.poll() is None, (folder / f"{command[0]}.log").read_text()
                with contextlib.suppress(httpx.TransportError):
                    return httpx.get(f"{address}/-/ready").status_code == 200
                return False

            wait_until(is_ready)
            yield address
        finally:
            process.terminate()


@pytest.fixture
def alertmanager(tmp_path: Path) -> Iterator[str]:
    settings = {"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]}
    (tmp_path / "alertmanager.yaml").write_text(yaml.safe_dump(settings))
    command = [
        "prometheus-alertmanager",
        "--config.file=alertmanager.yaml",
        f"--storage.path={tmp_path / 'alertmanager'}",
        "--cluster.listen-address=",
    ]
    with program(command, free_port(), tmp_path) as address:
        yield address


def active(alertmanager: str) -> dict[str, Any]:
    """Labels of the alerts that are up, by name."""
    found = httpx.get(f"{alertmanager}/api/v2/alerts", params={"active": "true"}).json()
    return {alert["labels"]["alertname"]: alert["labels"] for alert in found}


def configure(folder: Path, server_port: int, alertmanager: str) -> None:
    """The generated files, with shorter times."""
    deploy("prometheus", out=folder)
    path = folder / "prometheus.yaml"
    settings = yaml.safe_load(path.read_text())
    settings["global"] = {"scrape_interval": "300ms", "evaluation_interval": "300ms"}
    targets = {"targets": [f"127.0.0.1:{server_port}"]}
    settings["scrape_configs"][0]["static_configs"] = [targets]
    managers = [{"targets": [alertmanager.removeprefix("http://")]}]
    settings["alerting"] = {"alertmanagers": [{"static_configs": managers}]}
    path.write_text(yaml.safe_dump(settings))
    path = folder / "mlserve.rules.yaml"
    rules = yaml.safe_load(path.read_text())
    for rule in rules["groups"][0]["rules"]:
        rule["for"] = "1s"
    path.write_text(yaml.safe_dump(rules))


def test_a_killed_server_raises_the_alert_and_its_return_ends_it(
    serve: Serve, trained: Trained, tmp_path: Path, alertmanager: str
) -> None:
    command = [
        *("prometheus", "--config.file=prometheus.yaml"),
        f"--storage.tsdb.path={tmp_path / 'tsdb'}",
    ]
    with serve(trained.root, "iris") as running:
        port = running.port
        configure(tmp_path, port, alertmanager)
        with program(command, free_port(), tmp_path) as prometheus:

            def query(expression: str) -> list[Any]:
                answer = httpx.get(f"{prometheus}/api/v1/query", params={"query": expression})
                assert answer.status_code == 200, answer.text
                found: list[Any] = answer.json()["data"]["result"]
                return found

            # Nobody has asked the model for anything.
            wait_until(lambda: "MlserveNoTraffic" in active(alertmanager))
            assert active(alertmanager)["MlserveNoTraffic"]["model"] == "iris"

            def has_traffic() -> bool:
                httpx.post(f"{running.address}/predict", content=BODY, timeout=30)
                return "MlserveNoTraffic" not in active(alertmanager)

            wait_until(has_traffic)
            assert active(alertmanager) == {}
            check_dashboard(tmp_path, query)
            running.process.kill()
            wait_until(lambda: "MlserveDown" in active(alertmanager))
            assert active(alertmanager)["MlserveDown"]["instance"] == f"127.0.0.1:{port}"
            with serve(trained.root, "iris", "--port", str(port)):
                wait_until(lambda: "MlserveDown" not in active(alertmanager))
                assert query("up") != []


def check_dashboard(folder: Path, query: Any) -> None:
    """Every panel has something to show."""
    deploy("grafana", out=folder)
    for panel in json.loads((folder / "grafana.json").read_text())["panels"]:
        for target in panel["targets"]:
            expression = target["expr"].replace("$model", ".*").replace("$__rate_interval", "1m")
            found = query(expression)
            assert bool(found) is (panel["title"] not in SILENT), panel["title"]


def test_alerts_of_the_server_itself_reach_the_alertmanager_and_end_there(
    serve: Serve, trained: Trained, tmp_path: Path, alertmanager: str
) -> None:
    alerts = tmp_path / "alerts.toml"
    alerts.write_text(
        f"""
interval_seconds = 0.2

[rules.silence]
kind = "no_traffic"
window_seconds = 2
severity = "critical"

[receivers.manager]
kind = "alertmanager"
url = "{alertmanager}"
"""
    )
    with serve(trained.root, "iris", "--alerts", alerts) as running:
        wait_until(lambda: "silence" in active(alertmanager))
        assert active(alertmanager)["silence"] == {
            "alertname": "silence",
            "model": "iris",
            "severity": "critical",
            "service": "mlserve",
        }

        def has_ended() -> bool:
            httpx.post(f"{running.address}/predict", content=BODY, timeout=30)
            return active(alertmanager) == {}

        wait_until(has_ended)
