"""What `/metrics` says is what clients counted, whichever worker is asked."""

import os
import shutil
import signal
import subprocess
from collections import Counter
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.serving.conftest import FakePredictor, Serve, Server, Trained
from tests.serving.processes import wait_until, workers_of

from mlserve_cli.serving.metrics import ServingMetrics
from mlserve_cli.serving.model import LoadedModel

BODY = b'{"features":[5.1,3.5,1.4,0.2]}'


def parsed(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Values by name and values of the labels, in the order of the labels' names."""
    return {
        (sample.name, tuple(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def metrics_of(server: Server) -> dict[tuple[str, tuple[str, ...]], float]:
    return parsed(httpx.get(f"{server.address}/metrics", timeout=30).text)


@pytest.fixture
def metrics() -> ServingMetrics:
    return ServingMetrics()


def shown(metrics: ServingMetrics) -> dict[tuple[str, tuple[str, ...]], float]:
    metrics.refresh()
    return parsed(metrics.expose().body.decode())


def test_requests_are_counted_by_model_version_protocol_and_status(
    metrics: ServingMetrics, fake: type[FakePredictor]
) -> None:
    model = LoadedModel("m", 3, fake())
    metrics.count_request(model, "native", 200, 0.0004, (10, 20))
    metrics.count_request(model, "native", 422, 0.0001, (10, 20))
    metrics.count_request(None, "v2", 404, 0.5)
    found = shown(metrics)
    # Labels are in the order of their names: model, protocol, status, version.
    assert found["mlserve_requests_total", ("m", "native", "200", "3")] == 1
    assert found["mlserve_requests_total", ("m", "native", "422", "3")] == 1
    assert found["mlserve_requests_total", ("", "v2", "404", "")] == 1
    name = "mlserve_request_duration_seconds"
    assert found[f"{name}_bucket", ("0.0001", "m", "native", "3")] == 1
    assert found[f"{name}_bucket", ("0.0005", "m", "native", "3")] == 2
    assert found[f"{name}_sum", ("m", "native", "3")] == pytest.approx(0.0005)
    assert found["mlserve_request_bytes_total", ("m", "native", "3")] == 20
    assert found["mlserve_response_bytes_total", ("m", "native", "3")] == 40


def test_requests_counted_together_are_as_if_counted_one_by_one(
    fake: type[FakePredictor],
) -> None:
    model = LoadedModel("m", 1, fake())
    seconds = [2000.0, 20.0, 0.003, 0.003, 0.00005, 1e-5]
    one, other = ServingMetrics(), ServingMetrics()
    for value in seconds:
        one.count_request(model, "native", 200, value, (3, 4))
    other.count_good(model, "native", seconds, (18, 24))
    names = ("mlserve_request", "mlserve_response")
    assert {key: value for key, value in shown(one).items() if key[0].startswith(names)} == {
        key: value for key, value in shown(other).items() if key[0].startswith(names)
    }


def test_latency_is_known_to_one_per_cent(
    metrics: ServingMetrics, fake: type[FakePredictor]
) -> None:
    model = LoadedModel("m", 1, fake())
    metrics.count_good(model, "native", [0.001 * n for n in range(1000, 0, -1)], (0, 0))
    found = metrics.latency()["m", "1", "native"]
    assert found.quantile(0.99) == pytest.approx(0.99, rel=0.01)


def test_a_model_that_is_gone_leaves_its_counts(
    metrics: ServingMetrics, fake: type[FakePredictor]
) -> None:
    old, new = LoadedModel("m", 1, fake()), LoadedModel("m", 2, fake())
    for model in (old, new):
        metrics.count_request(model, "native", 200, 0.1)
        metrics.count_batch(model, 2, 5, 0.01, 0.001)
    metrics.forget_all_but([new])
    metrics.count_request(old, "native", 200, 0.1)
    found = shown(metrics)
    assert found["mlserve_requests_total", ("m", "native", "200", "1")] == 2
    assert found["mlserve_rows_total", ("m", "1")] == 5
    assert found["mlserve_queue_wait_seconds_count", ("m", "2")] == 1


def test_models_and_addresses_that_clients_make_up_make_no_series(server: Server) -> None:
    with server.client as client:
        client.get("/health")
        before = {key[:2] for key in metrics_of(server)}
        for number in range(20):
            client.post(f"/models/made-up-{number}/predict", content=b"{}")
            client.post(f"/models/iris/versions/{number + 50}/predict", content=b"{}")
            client.get(f"/made-up-{number}")
            client.get(f"/v2/models/made-up-{number}")
            client.request(f"BREW{chr(65 + number)}", "/health")
        text = client.get("/metrics").text
    assert "made-up" not in text
    # One each: no such model, no such version (of a known protocol), nothing there, and so on.
    names = {"mlserve_requests_total", "mlserve_other_requests_total"}
    added = {key for key in parsed(text) if key not in before and key[0] in names}
    assert len(added) <= 6


def test_a_wrong_method_counts_for_the_model_that_was_meant(server: Server) -> None:
    key = "mlserve_requests_total", ("iris", "native", "405", "1")
    before = metrics_of(server).get(key, 0)
    with server.client as client:
        assert client.get("/models/iris/predict").status_code == 405
    assert metrics_of(server)[key] == before + 1


def test_models_are_described(server: Server) -> None:
    found = metrics_of(server)
    assert found["mlserve_model_info", ("onnx", "iris", "1")] == 1
    for name in ("loaded", "created"):
        assert found[f"mlserve_model_{name}_timestamp_seconds", ("iris", "1")] > 1.7e9
    assert found["mlserve_model_load_seconds", ("iris", "1")] > 0


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_has_nothing_to_say(server: Server) -> None:
    text = httpx.get(f"{server.address}/metrics", timeout=30).content
    found = subprocess.run(
        ["promtool", "check", "metrics"], input=text, capture_output=True, timeout=60, check=False
    )
    assert (found.returncode, found.stdout, found.stderr) == (0, b"", b"")


def test_open_metrics_is_given_to_those_who_ask(server: Server) -> None:
    asked = {"accept": "application/openmetrics-text; version=1.0.0"}
    answer = httpx.get(f"{server.address}/metrics", headers=asked, timeout=30)
    assert answer.headers["content-type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")


def test_sums_over_workers_are_what_the_client_counted_even_if_some_are_killed(
    serve: Serve, trained: Trained
) -> None:
    sent: Counter[Any] = Counter()
    requests = [
        ("native", "/predict", BODY),
        ("native", "/predict", b'{"features":[[1,2,3,4],[5,6,7,8]]}'),
        ("native", "/predict", b"{"),
        ("tensorflow", "/v1/models/iris:predict", b'{"instances":[[1,2,3,4]]}'),
    ]

    def ask(address: str) -> None:
        # A new connection each time, so that every worker gets some.
        for protocol, path, body in requests:
            answer = httpx.post(f"{address}{path}", content=body, timeout=30)
            sent["iris", protocol, str(answer.status_code), "1"] += 1
            sent["received", protocol] += len(answer.content)

    with serve(trained.root, "iris", "--workers", "2") as running:
        workers = workers_of(running.process.pid)
        for _ in range(10):
            ask(running.address)
        for worker in sorted(workers):
            os.kill(worker, signal.SIGKILL)
        wait_until(lambda: len(workers_of(running.process.pid) - workers) == 2)
        wait_until(lambda: metrics_of(running)["mlserve_workers", ()] == 2)
        for _ in range(10):
            ask(running.address)
        # Whoever is asked.
        for _ in range(4):
            found = metrics_of(running)
            counted = {k[1]: v for k, v in found.items() if k[0] == "mlserve_requests_total"}
            assert counted == {key: n for key, n in sent.items() if len(key) == 4}
            for protocol in ("native", "tensorflow"):
                key = ("mlserve_response_bytes_total", ("iris", protocol, "1"))
                assert found[key] == sent["received", protocol]
            assert found["mlserve_rows_total", ("iris", "1")] == 20 * 4
            assert found["mlserve_worker_restarts_total", ()] == 2
