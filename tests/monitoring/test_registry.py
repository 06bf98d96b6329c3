"""What a scrape shows."""

import shutil
import subprocess
from typing import Any

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text

from mlserve_cli.monitoring.families import Family, Kind
from mlserve_cli.monitoring.registry import Reading, Registry

ASKED = Family("asked_total", "Asked.", Kind.COUNTER, ("model",))
DEPTH = Family("depth", "How deep.", labels=("model",))
TIMES = Family("times_seconds", "How long.", Kind.HISTOGRAM, bounds=(0.5, 2.0))


def samples(registry: Registry) -> dict[str, float]:
    families = plain_text(registry.expose().body.decode())
    return {
        f"{sample.name}{sample.labels or ''}": sample.value
        for family in families
        for sample in family.samples
        if not sample.name.startswith("process_")
    }


def test_counters_and_gauges_are_shown_with_their_labels() -> None:
    registry = Registry([TIMES])
    registry.counter(ASKED, "a").add(2)
    registry.collect_from(lambda: [Reading(DEPTH, ('a "b"\n',), 1.5)], DEPTH)
    registry.sheet.series(TIMES)[2] += 1.0
    registry.refresh()
    assert samples(registry) == {
        "asked_total{'model': 'a'}": 2.0,
        "depth{'model': 'a \"b\"\\n'}": 1.5,
        "times_seconds_bucket{'le': '0.5'}": 0.0,
        "times_seconds_bucket{'le': '2'}": 1.0,
        "times_seconds_bucket{'le': '+Inf'}": 1.0,
        "times_seconds_count": 1.0,
        "times_seconds_sum": 0.0,
        "mlserve_workers": 1.0,
    }


def test_gauges_that_are_no_longer_given_are_gone() -> None:
    found = [Reading(DEPTH, ("a",), 1.0), Reading(DEPTH, ("b",), 2.0)]
    registry = Registry()
    registry.collect_from(lambda: found, DEPTH)
    registry.refresh()
    del found[0]
    registry.refresh()
    assert {name for name in samples(registry) if name.startswith("depth")} == {
        "depth{'model': 'b'}"
    }


def test_a_collector_that_fails_hides_nobody_elses_values(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail() -> list[Reading]:
        raise ZeroDivisionError

    registry = Registry()
    registry.collect_from(fail)
    registry.collect_from(lambda: [Reading(DEPTH, ("a",), 1.0)], DEPTH)
    registry.refresh()
    assert samples(registry)["depth{'model': 'a'}"] == 1.0
    assert "ZeroDivisionError" in caplog.text


def test_a_counter_that_somebody_else_keeps_goes_on_after_a_restart() -> None:
    registry = Registry()
    registry.collect_from(lambda: [Reading(ASKED, ("a",), 3.0)], ASKED)
    registry.refresh()
    registry.refresh()
    # As the process that replaces this one would.
    registry.take(0)
    registry.refresh()
    assert samples(registry)["asked_total{'model': 'a'}"] == 6.0


def test_counters_move_with_the_process_to_its_place() -> None:
    registry = Registry()
    counter = registry.counter(ASKED, "a")
    registry.share(2)
    registry.take(1)
    counter.add()
    assert samples(registry)["asked_total{'model': 'a'}"] == 1.0


def test_open_metrics_is_for_those_who_ask_for_it() -> None:
    registry = Registry()
    registry.counter(ASKED, "a").add()
    asked = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    found = registry.expose(asked)
    assert found.content_type.startswith("application/openmetrics-text; version=1.0.0")
    parsed: Any = open_metrics(found.body.decode())  # type: ignore[no-untyped-call]
    names = [family.name for family in parsed]
    assert "asked" in names


@pytest.mark.parametrize(
    "accept", ["", "*/*", "text/plain", "application/openmetric-text", "a;version=\xff,;;=,"]
)
def test_everybody_else_gets_the_text_format(accept: str) -> None:
    found = Registry().expose(accept)
    assert found.content_type == "text/plain; version=0.0.4; charset=utf-8"


def test_the_process_is_measured() -> None:
    registry = Registry()
    registry.refresh()
    text = registry.expose().body.decode()
    found = {f.name: f.samples[0].value for f in plain_text(text) if f.name.startswith("process_")}
    assert found["process_resident_memory_bytes"] > 10_000_000
    assert found["process_open_fds"] > 2
    assert found["process_cpu_seconds"] > 0
    assert 1.7e9 < found["process_start_time_seconds"] < 1e10


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say() -> None:
    registry = Registry([TIMES])
    registry.counter(ASKED, "a").add()
    registry.sheet.series(TIMES)[1] += 1.0
    registry.refresh()
    found = subprocess.run(
        ["promtool", "check", "metrics"],
        input=registry.expose().body,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert (found.returncode, found.stderr) == (0, b"")
