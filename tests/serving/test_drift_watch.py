"""Drift as users see it: a real server, traffic that changes, `/drift` and `/metrics`."""

import contextlib
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tests.serving.conftest import Serve, Server, Trained
from tests.serving.processes import workers_of

from mlserve_cli import convert_onnx, save_model

NUMBERS = [f"f{place}" for place in range(20)]
# More than up to which laws are computed exactly, so that windows follow each other quickly.
REFERENCE_ROWS = 12_000
WINDOW = ("--drift-window", "250", "--drift-window-seconds", "2")
SECONDS = 90
# A watch that hardly rests between two looks says the same, sooner.
HURRIED = "from mlserve_cli.serving import drift_watch\ndrift_watch._REST = 10"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`plain`: 20 numbers, as ONNX. `mixed`: numbers with gaps, and text."""
    root = tmp_path_factory.mktemp("models")
    generator = np.random.default_rng(0)
    plain = pd.DataFrame(generator.normal(size=(REFERENCE_ROWS, 20)), columns=NUMBERS)
    truth = (plain.f0 + plain.f1 > 0).astype(int)
    estimator = make_pipeline(StandardScaler(), LogisticRegression()).fit(plain, truth)
    save_model(estimator, name="plain", data=plain, models=root)
    convert_onnx("plain", models=root)
    mixed = pd.DataFrame(
        {
            "size": np.where(generator.random(REFERENCE_ROWS) < 0.01, np.nan, plain.f0),
            "age": plain.f1,
            "colour": generator.choice(["red", "green", "blue"], REFERENCE_ROWS),
        }
    )
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    words = OneHotEncoder(handle_unknown="ignore")
    transformer = make_column_transformer((numbers, ["size", "age"]), (words, ["colour"]))
    labels = np.where(truth, "yes", "no")
    pipeline = make_pipeline(transformer, LogisticRegression()).fit(mixed, labels)
    save_model(pipeline, name="mixed", data=mixed, models=root)
    return root


class Traffic:
    """Rows like those of training, unless something changes; every answer is looked at."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client
        self.generator = np.random.default_rng(1)
        self.answers = 0

    def plain(self, shift: float = 0.0, both: float = 0.0) -> None:
        rows = self.generator.normal(size=(125, 20))
        rows[:, 7] += shift
        rows[:, :2] += both
        self._ask("plain", {"features": rows.tolist()})

    def mixed(self, missing: float = 0.01, colours: tuple[str, ...] = ()) -> None:
        colour = self.generator.choice(["red", "green", "blue", *colours], 125)
        sizes = self.generator.normal(size=125)
        gone = self.generator.random(125) < missing
        rows = [
            {"size": None if none else size, "age": age, "colour": str(word)}
            for none, size, age, word in zip(
                gone, sizes.tolist(), self.generator.normal(size=125).tolist(), colour, strict=True
            )
        ]
        self._ask("mixed", {"rows": rows})

    def _ask(self, model: str, body: dict[str, Any]) -> None:
        answer = self.client.post(f"/models/{model}/predict", json=body)
        assert answer.status_code == 200, answer.text
        self.answers += 1

    def drift(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            model for model in self.client.get("/drift").json()["models"] if model["name"] == name
        )
        return found

    def until(
        self, name: str, ask: Callable[[], None], condition: Callable[[dict[str, Any]], object]
    ) -> dict[str, Any]:
        """What `/drift` says once the condition holds, while requests go on."""
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            for _ in range(4):
                ask()
            found = self.drift(name)
            if condition(found):
                return found
            # The rows of two windows were sent, each of which takes two seconds at least.
            time.sleep(0.25)
        raise AssertionError(f"This did not come about: {self.drift(name)}")


def windows(count: int) -> Callable[[dict[str, Any]], bool]:
    return lambda drift: drift["windows"] >= count and not drift["learns_outputs"]


def has_alarm(*columns: str) -> Callable[[dict[str, Any]], bool]:
    return lambda drift: set(columns) <= set(alarmed(drift))


def alarmed(drift: dict[str, Any]) -> list[str]:
    return [column["name"] for column in drift["columns"] if column["state"] == "alarm"]


def no_alarm(drift: dict[str, Any]) -> bool:
    return not alarmed(drift)


@pytest.fixture(scope="module")
def watching(models: Path, serve: Serve) -> Iterator[Server]:
    with serve(models, *WINDOW, before=HURRIED) as server:
        yield server


@contextlib.contextmanager
def traffic_to(server: Server) -> Iterator[Traffic]:
    with server.client as client:
        yield Traffic(client)


@pytest.fixture
def traffic(watching: Server) -> Iterator[Traffic]:
    with traffic_to(watching) as traffic:
        yield traffic


def gauges(traffic: Traffic, name: str) -> dict[str, float]:
    """Values of a gauge by column."""
    text = traffic.client.get("/metrics").text
    return {
        sample.labels.get("column", ""): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == name and sample.labels.get("model", "plain") == "plain"
    }


@pytest.mark.slow
def test_a_shift_of_one_feature_of_twenty_is_found_and_forgotten(
    traffic: Traffic,
) -> None:
    quiet = traffic.until("plain", traffic.plain, windows(6))
    assert alarmed(quiet) == []
    assert quiet["drifted"] is False
    assert len(quiet["columns"]) == 20 + 3

    moved = traffic.until("plain", lambda: traffic.plain(shift=0.5), has_alarm("f7"))
    assert alarmed(moved) == ["f7"]
    assert (moved["state"], moved["drifted"]) == ("alarm", True)
    assert moved["windows"] - quiet["windows"] <= 8
    worst = moved["columns"][0]
    assert worst["name"] == "f7"
    histogram = worst["histogram"]
    assert len(histogram["reference"]) == len(histogram["current"]) == len(histogram["edges"]) - 1
    assert sum(histogram["current"]) == 250
    time.sleep(1.2)
    assert gauges(traffic, "mlserve_drift_state")["f7"] == 2
    assert gauges(traffic, "mlserve_drift_alarms") == {"": 1}
    statistics = gauges(traffic, "mlserve_drift_statistic")
    assert statistics["f7"] > gauges(traffic, "mlserve_drift_threshold")["f7"]

    back = traffic.until("plain", traffic.plain, no_alarm)
    assert back["since"] is None
    assert gauges(traffic, "mlserve_drift_failures_total") == {"": 0}


@pytest.mark.slow
def test_predictions_that_change_are_found(traffic: Traffic) -> None:
    traffic.until("plain", traffic.plain, lambda drift: not drift.get("learns_outputs", True))

    moved = traffic.until(
        "plain", lambda: traffic.plain(both=0.6), has_alarm("prediction", "probability of 1")
    )

    prediction = next(column for column in moved["columns"] if column["name"] == "prediction")
    assert prediction["categories"]["labels"] == ["1", "0"]


@pytest.mark.slow
def test_gaps_and_new_categories_are_found(traffic: Traffic) -> None:
    assert alarmed(traffic.until("mixed", traffic.mixed, windows(3))) == []

    gone = traffic.until("mixed", lambda: traffic.mixed(missing=0.3), has_alarm("size"))
    assert "missing 1." in gone["columns"][0]["direction"]

    new = traffic.until("mixed", lambda: traffic.mixed(colours=("mauve",)), has_alarm("colour"))
    colour = next(column for column in new["columns"] if column["name"] == "colour")
    assert [share["label"] for share in colour["new_categories"]] == ["mauve"]


def test_all_workers_watch_one_stream_and_say_the_same(models: Path, serve: Serve) -> None:
    with (
        serve(models, *WINDOW, "plain", "--workers", "2") as server,
        contextlib.ExitStack() as stack,
    ):
        # Enough connections for each worker to have one.
        traffics = [stack.enter_context(traffic_to(server)) for _ in range(12)]

        def ask() -> None:
            for traffic in traffics[:4]:
                traffic.plain(shift=0.8)

        moved = traffics[0].until("plain", ask, has_alarm("f7"))

        assert len(workers_of(server.process.pid)) == 2
        for traffic in traffics:
            again = traffic.drift("plain")
            assert again["windows"] >= moved["windows"]
            assert again["state"] == "alarm"


def test_a_reference_that_is_damaged_is_only_logged(
    models: Path, serve: Serve, tmp_path: Path
) -> None:
    shutil.copytree(models, tmp_path / "models")
    for reference in (tmp_path / "models" / "plain" / "1").glob("reference.*"):
        content = bytearray(reference.read_bytes())
        content[len(content) // 2] ^= 0xFF
        reference.write_bytes(content)

    with serve(tmp_path / "models", *WINDOW, "plain") as server, traffic_to(server) as traffic:
        found = traffic.until("plain", traffic.plain, lambda drift: drift["state"] == "failed")
        assert "cannot be used" in found["problem"]
        assert str(tmp_path) not in str(found)
        traffic.plain()
        server.process.terminate()
        _, errors = server.process.communicate(timeout=30)
    assert "drift of plain, version 1, is not watched" in errors
    assert "Traceback" not in errors


def test_models_without_a_reference_say_so(trained: Trained, serve: Serve) -> None:
    body = {"features": trained.flowers[:50].tolist()}
    with serve(trained.root, "iris") as server, server.client as client:
        before = client.get("/drift").json()["models"]
        for _ in range(20):
            assert client.post("/predict", json=body).status_code == 200
        after = client.get("/drift").json()["models"]

    assert [model["state"] for model in (*before, *after)] == ["no reference"] * 2


def test_who_does_not_want_it_has_no_watch(models: Path, serve: Serve) -> None:
    with serve(models, "plain", "--no-drift") as server, server.client as client:
        assert client.get("/drift").status_code == 404
        assert "mlserve_drift" not in client.get("/metrics").text


def test_requests_are_all_answered_well_while_windows_are_compared(
    models: Path, serve: Serve
) -> None:
    body = {"features": np.random.default_rng(3).normal(size=20).tolist()}
    with (
        serve(models, *WINDOW, "plain", before=HURRIED) as server,
        ThreadPoolExecutor(8) as pool,
    ):

        def ask(_: int) -> Counter[int]:
            with traffic_to(server) as traffic:
                statuses: Counter[int] = Counter()
                while traffic.drift("plain")["windows"] < 2:
                    statuses.update(
                        traffic.client.post("/predict", json=body).status_code for _ in range(50)
                    )
                return statuses

        found = list(pool.map(ask, range(8)))
        with traffic_to(server) as traffic:
            text = traffic.client.get("/metrics").text

    assert set().union(*found) == {200}
    assert "mlserve_drift_failures_total 0.0" in text
    counted = sum(statuses[200] for statuses in found)
    assert f'status="200",version="1"}} {float(counted)}' in text


def test_watching_an_onnx_model_loads_no_heavy_library(models: Path, serve: Serve) -> None:
    with serve(models, *WINDOW, "plain") as server, traffic_to(server) as traffic:
        traffic.until("plain", traffic.plain, lambda drift: drift["windows"] >= 1)
        mapped = Path(f"/proc/{server.process.pid}/maps").read_text()

    assert "onnxruntime" in mapped
    for library in ("/pyarrow/", "/sklearn/", "/pandas/", "/scipy/"):
        assert library not in mapped
