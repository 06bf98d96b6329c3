"""What the first worker does for all of them goes on when it is killed."""

import contextlib
import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from tests.monitoring.alerts.hooks import Hook
from tests.serving.conftest import Serve, Server
from tests.serving.processes import wait_until, workers_of

from mlserve_cli import save_model
from mlserve_cli.monitoring.history import read_drift, read_history
from mlserve_cli.monitoring.traffic import together

OPTIONS = ("--workers", "2", "--drift-window", "50", "--drift-window-seconds", "0.5")


@pytest.fixture
def models(tmp_path: Path) -> Path:
    """A model with a reference of two columns."""
    random = np.random.default_rng(1)
    rows = pd.DataFrame(random.normal(size=(1000, 2)), columns=["x", "y"])
    estimator = LogisticRegression().fit(rows, rows.sum(axis=1) > 0)
    save_model(estimator, name="plane", data=rows, models=tmp_path / "models")
    return tmp_path / "models"


def drift(running: Server) -> Any:
    with running.client as client:
        return client.get("/drift").json()["models"][0]


def gauge(running: Server, name: str) -> float | None:
    with running.client as client:
        lines = client.get("/metrics").text.splitlines()
    return next((float(line.split()[-1]) for line in lines if line.startswith(name)), None)


def test_drift_history_and_alerts_go_on_when_the_first_worker_is_killed(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    shifted = {"features": np.random.default_rng(2).normal(2, size=(50, 2)).tolist()}
    folder, alerts = tmp_path / "records", tmp_path / "alerts.toml"
    sent = 0
    with Hook().running() as hook, contextlib.ExitStack() as stack:
        alerts.write_text(
            'interval_seconds = 0.1\n[rules.moved]\nkind = "drift"\n'
            f'[receivers.chat]\nkind = "webhook"\nurl = "{hook.url}"\n'
        )
        options = (*OPTIONS, "--records", folder, "--alerts", alerts)
        running = stack.enter_context(serve(models, *options))

        def asked_and(condition: Callable[[Any], bool]) -> Callable[[], bool]:
            def ask() -> bool:
                nonlocal sent
                with running.client as client:
                    assert client.post("/predict", json=shifted).status_code == 200
                sent += 1
                return condition(drift(running))

            return ask

        wait_until(asked_and(lambda found: found["drifted"]))
        wait_until(lambda: hook.received)
        before = drift(running)
        # What the first worker knows lies there for the next one.
        wait_until(asked_and(lambda found: found["evaluated"] > before["evaluated"] + 4))
        since = drift(running)["since"]
        first = min(workers_of(running.process.pid))
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: first not in workers_of(running.process.pid))
        wait_until(lambda: len(workers_of(running.process.pid)) == 2)
        windows = drift(running)["windows"]
        wait_until(asked_and(lambda found: found["windows"] > windows))
        after = drift(running)
        assert (after["drifted"], after["since"]) == (True, since)
        assert after["windows"] > before["windows"]
        wait_until(lambda: gauge(running, "mlserve_drift_alarms"))
        wait_until(lambda: read_drift(folder)[0].evaluated == drift(running)["evaluated"])
        # The alert that is up is not told again.
        assert [json.loads(one.body)["status"] for one in hook.received] == ["firing"]
    assert together(minute.traffic for minute in read_history(folder)).requests == sent


def test_what_the_first_worker_could_not_tell_yet_is_told_by_the_next_one(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    alerts = tmp_path / "alerts.toml"
    with Hook(503).running() as hook:
        alerts.write_text(
            'interval_seconds = 0.1\n[rules.quiet]\nkind = "no_traffic"\nwindow_seconds = 1\n'
            f'[receivers.chat]\nkind = "webhook"\nurl = "{hook.url}"\n'
        )
        with serve(models, "--workers", "2", "--alerts", alerts) as running:
            wait_until(lambda: hook.received)
            # It was refused, and would be tried again half a second later.
            os.kill(min(workers_of(running.process.pid)), signal.SIGKILL)
            wait_until(lambda: len(hook.received) > 1)
            with running.client as client:
                ask = {"features": [1.0, 2.0]}
                wait_until(
                    lambda: (
                        client.post("/predict", json=ask)
                        and b'"resolved"' in hook.received[-1].body
                    )
                )
    told = [json.loads(one.body) for one in hook.received]
    # A slow machine leaves the first worker the time to try again.
    assert {one["status"] for one in told[:-1]} == {"firing"}
    assert len({one["id"] for one in told}) == 1
