"""A server tells when its rules are broken, and answers as before whoever is told."""

import asyncio
import contextlib
import itertools
import json
import socket
from pathlib import Path

import httpx
import pytest
from tests.conftest import Mlserve
from tests.monitoring.alerts.hooks import Hook
from tests.serving.conftest import FakePredictor, Serve, Trained
from tests.serving.processes import wait_until

from mlserve_cli.monitoring.alerts.notice import Notice
from mlserve_cli.monitoring.alerts.receivers.webhook import SIGNATURE_HEADER, signature
from mlserve_cli.monitoring.alerts.rules import Kind, Rule
from mlserve_cli.monitoring.alerts.settings import AlertPlan
from mlserve_cli.monitoring.registry import Reading
from mlserve_cli.serving.alerting import Alerting, model_counts
from mlserve_cli.serving.drift_families import ALARMS
from mlserve_cli.serving.gateway import Gateway
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.service import PredictionService

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'


@pytest.mark.parametrize("workers", ["1", "2"])
def test_an_alert_is_raised_and_over_for_a_real_webhook_while_others_are_broken(
    serve: Serve, trained: Trained, tmp_path: Path, workers: str
) -> None:
    alerts = tmp_path / "alerts.toml"
    with (
        # It is down at first.
        Hook(503).running() as hook,
        socket.create_server(("127.0.0.1", 0)) as stuck,
    ):
        alerts.write_text(
            f"""
interval_seconds = 0.1

[rules.busy]
kind = "p99_latency"
above = 0
window_seconds = 1
min_requests = 3

[receivers.chat]
kind = "webhook"
url = "{hook.url}"
secret_env = "ALERT_SECRET"

[receivers.stuck]
kind = "webhook"
url = "http://127.0.0.1:{stuck.getsockname()[1]}"

[receivers.broken]
kind = "command"
command = ["/nowhere"]
"""
        )
        arguments = ("iris", "--workers", workers, "--alerts", alerts)
        with serve(trained.root, *arguments, ALERT_SECRET="key") as running:

            def ask() -> bool:
                # A new connection each time, so that every worker gets some.
                answer = httpx.post(f"{running.address}/predict", content=BODY, timeout=30)
                assert answer.status_code == 200
                return len(hook.received) >= 2

            wait_until(ask)
            wait_until(lambda: len(hook.received) >= 3)
    first, raised, over = hook.received
    assert first.body == raised.body
    assert [json.loads(told.body)["status"] for told in (raised, over)] == ["firing", "resolved"]
    assert json.loads(raised.body)["id"] == json.loads(over.body)["id"]
    assert raised.headers[SIGNATURE_HEADER.lower()] == signature("key", raised.body)


def test_settings_that_cannot_be_carried_out_end_the_command_before_a_model_is_loaded(
    mlserve: Mlserve, tmp_path: Path
) -> None:
    (tmp_path / "alerts.toml").write_text('[rules.a]\nkind = "eror_rate"\n')
    finished = mlserve("serve", "no-such-model", MLSERVE_ALERTS="alerts.toml")
    assert finished.exit_code == 2
    assert "alerts.toml, line 2: rules.a: kind is 'eror_rate'" in finished.stderr
    assert "no-such-model" not in finished.stderr


def test_counts_are_those_of_a_model_over_its_versions_and_protocols(
    fake: type[FakePredictor],
) -> None:
    old, new, other = (
        LoadedModel(name, version, fake()) for name, version in (("m", 1), ("m", 2), ("n", 1))
    )
    gateway = Gateway(PredictionService([new, other]))
    metrics = gateway.metrics
    metrics.count_request(old, "native", 200, 0.1)
    metrics.count_request(new, "v2", 503, 0.2)
    metrics.count_request(new, "native", 422, 0.3)
    # What scanners ask for is nobody's failure.
    metrics.count_request(None, "native", 500, 0.1)
    metrics.refresh()
    counts = model_counts(metrics.readings())
    assert counts.keys() == {"m", "n"}
    assert (counts["m"].requests, counts["m"].errors, counts["m"].latency.count) == (3, 1, 3)
    assert counts["n"].requests == 0
    assert counts["m"].drifted is None


def test_drift_is_what_the_watch_says_of_any_version(fake: type[FakePredictor]) -> None:
    gateway = Gateway(PredictionService([LoadedModel("m", 2, fake()), LoadedModel("n", 1, fake())]))
    alarms = [Reading(ALARMS, ("m", "1"), 0.0), Reading(ALARMS, ("m", "2"), 3.0)]
    calm = Reading(ALARMS, ("n", "1"), 0.0)
    gateway.metrics.collect_from(lambda: [*alarms, calm], ALARMS)
    gateway.metrics.refresh()
    counts = model_counts(gateway.metrics.readings())
    assert (counts["m"].drifted, counts["n"].drifted) == (True, False)


class Collecting:
    """Takes everything."""

    def __init__(self, name: str, repeat_seconds: float | None) -> None:
        self.name = name
        self.repeat_seconds = repeat_seconds
        self.told: list[Notice] = []

    def deliver(self, told: Notice) -> None:
        self.told.append(told)


def test_only_receivers_that_want_it_are_told_again(fake: type[FakePredictor]) -> None:
    once, often = Collecting("once", None), Collecting("often", 60.0)
    gateway = Gateway(PredictionService([LoadedModel("m", 1, fake())]))
    gateway.metrics.refresh()
    plan = AlertPlan((Rule("quiet", Kind.NO_TRAFFIC, window_seconds=50),), (once, often), 0.1)
    # Forty seconds pass from look to look.
    clock = itertools.count(0, 40)
    alerting = Alerting(gateway.metrics.readings, plan, clock=lambda: next(clock))

    async def run() -> None:
        running = asyncio.create_task(alerting.run())
        while len(often.told) < 3:
            await asyncio.sleep(0.01)
        running.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await running

    asyncio.run(run())
    assert len(once.told) == 1
    assert {told.id for told in often.told} == {once.told[0].id}


def test_a_rule_that_cannot_be_looked_at_is_said_to_be_so(
    fake: type[FakePredictor], caplog: pytest.LogCaptureFixture
) -> None:
    gateway = Gateway(PredictionService([LoadedModel("m", 1, fake())]))
    plan = AlertPlan((Rule("worse", Kind.QUALITY_DROP),), (), 0.1)
    alerting = Alerting(gateway.metrics.readings, plan, {Kind.QUALITY_DROP})

    async def run() -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(alerting.run(), 0.05)

    asyncio.run(run())
    assert "worse is never raised: this server does not measure quality_drop" in caplog.text
