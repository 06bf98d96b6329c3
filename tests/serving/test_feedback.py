"""Labels that clients send, and the quality that a real server measures by them."""

import json
import os
import signal
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from tests.monitoring.alerts.hooks import Hook
from tests.serving.conftest import Serve, Server
from tests.serving.processes import wait_until, workers_of

from mlserve_cli import convert_onnx, save_model

ALL = ("--record-rate", "1e9")
FLOWERS, SPECIES = load_iris(return_X_y=True)
FLOWER = {"features": FLOWERS[0].tolist()}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that knows how good it was when it was saved."""
    root = tmp_path_factory.mktemp("models")
    data = load_iris(as_frame=True)
    iris = LogisticRegression(max_iter=500).fit(data.data.to_numpy(), data.target)
    save_model(iris, name="iris", data=data.frame, target="target", models=root)
    convert_onnx("iris", models=root)
    return root


def predict(running: Server, ids: list[str], flowers: Any) -> list[int]:
    """Predictions, each asked on a connection of its own, so that all workers get some."""
    found = []
    for name, flower in zip(ids, flowers, strict=True):
        with running.client as client:
            body = {"features": flower.tolist()}
            answer = client.post("/predict", json=body, headers={"X-Request-Id": name})
            found.append(answer.json()["prediction"])
    return found


def feedback(running: Server, labels: Any, **options: Any) -> httpx.Response:
    with running.client as client:
        return client.post("/feedback", json=labels, **options)


def labels_of(ids: list[str], labels: Any) -> list[dict[str, Any]]:
    return [{"request_id": n, "label": int(v)} for n, v in zip(ids, labels, strict=True)]


def metrics(running: Server) -> dict[str, float]:
    with running.client as client:
        lines = client.get("/metrics").text.splitlines()
    return {
        name: float(value)
        for name, _, value in (line.rpartition(" ") for line in lines)
        if not name.startswith("#")
    }


def quality(
    running: Server, metric: str = "accuracy", name: str = "mlserve_quality"
) -> float | None:
    return metrics(running).get(f'{name}{{metric="{metric}",model="iris",version="1"}}')


def test_labels_reach_predictions_of_all_workers_and_outlive_them(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    ids = [f"flower-{k}" for k in range(150)]
    options = ("--workers", "2", "--records", tmp_path, *ALL)
    with serve(models, *options) as running:
        predicted = predict(running, ids, FLOWERS)
        share = sum(a == b for a, b in zip(predicted, SPECIES, strict=True)) / 150
        for part in (slice(0, 60), slice(60, 150)):
            told = feedback(running, labels_of(ids[part], SPECIES[part]))
            assert told.json() == {"taken": len(ids[part]), "replaced": 0, "unknown": 0}
        wait_until(lambda: quality(running) == pytest.approx(share))
        assert quality(running, name="mlserve_quality_stored") == pytest.approx(share)
        assert quality(running, name="mlserve_quality_drop") == pytest.approx(0)
        for victim in workers_of(running.process.pid):
            os.kill(victim, signal.SIGKILL)
        predict(running, ["after"], FLOWERS[:1])
        # Whoever measures now knows the labels of before.
        wrong = [(label + 1) % 3 for label in SPECIES]
        again = feedback(running, labels_of([*ids, "after"], [*wrong, 0]))
        assert again.json() == {"taken": 151, "replaced": 150, "unknown": 0}
        # The prediction of just now becomes known a moment after the others.
        judged = 'mlserve_quality_labels{model="iris",version="1"}'
        wait_until(lambda: metrics(running).get(judged) == 151)
        assert (quality(running) or 1) < 0.2
        found = metrics(running)
        assert found['mlserve_feedback_labels_total{outcome="new"}'] == 151
        assert found['mlserve_feedback_labels_total{outcome="replaced"}'] == 150
        with running.client as client:
            shown = client.get("/dashboard/data").json()["quality"]
        (accuracy,) = [one for one in shown if one["metric"] == "accuracy"]
        assert (accuracy["model"], accuracy["labels"]) == ("iris", 151)
        assert accuracy["drop"] == pytest.approx(share - accuracy["value"])


def test_a_label_that_comes_at_once_waits_for_its_prediction(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    with serve(models, "--records", tmp_path) as running:
        for name in ("a", "b", "c"):
            predict(running, [name], FLOWERS[:1])
            assert feedback(running, {"request_id": name, "label": 0}).status_code == 200


def test_what_is_wrong_with_labels_is_told(serve: Serve, models: Path, tmp_path: Path) -> None:
    with serve(models, "--records", tmp_path, "--max-body-bytes", "2000") as running:
        predict(running, ["a"], FLOWERS[:1])
        with running.client as client:
            rows = {"features": FLOWERS[:2].tolist()}
            client.post("/predict", json=rows, headers={"X-Request-Id": "two"})
        known = {"request_id": "a", "label": 0}
        assert feedback(running, known).status_code == 200
        some = feedback(running, [known, {"request_id": "zz", "label": 0}])
        assert (some.status_code, some.json()["unknown"]) == (200, 1)
        assert some.json()["unknown_ids"] == [{"request_id": "zz", "row": 1}]
        none = feedback(running, {"request_id": "zz", "label": 0})
        assert none.status_code == 404
        assert none.json()["error"] == "No prediction is known by the request id 'zz'."
        assert "X-Request-Id" in none.json()["hint"]
        other = feedback(running, {"request_id": "two", "label": 0, "row": 3, "model": "iris"})
        assert other.json()["error"] == (
            "No prediction is known by the request id 'two', row 3, of model 'iris'."
        )
        for label, status, expected in (
            (known | {"label": 5}, 422, "Found the label 5 for iris/1, expected one of 0, 1, 2."),
            ({"request_id": "two", "label": 0}, 422, "had several rows"),
            ([known, {"request_id": "two", "label": 9, "row": 2}], 422, "Found the label 9"),
            (known | {"label": None}, 400, "got `null`"),
            (known | {"lable": 0}, 400, "unknown field `lable`"),
            (known | {"row": 0}, 400, ">= 1"),
            (known | {"request_id": ""}, 400, "length >= 1"),
            (known | {"request_id": "x" * 129}, 400, "length <= 128"),
            ([], 400, "length >= 1"),
            ("text", 400, "Expected"),
            ([known] * 90, 413, "The body is larger than 2000 bytes"),
        ):
            answer = feedback(running, label)
            assert answer.status_code == status, answer.text
            assert expected in answer.json()["error"]
        with running.client as client:
            assert client.post("/feedback", content=b'{"request_id": "a').status_code == 400
            assert client.get("/feedback").status_code == 405
            assert client.post("/feedback", content=b"[" * 1900).status_code == 400
            assert (
                "feedback"
                in client.get("/openapi.json").json()["paths"]["/feedback"]["post"]["operationId"]
            )


def test_more_labels_than_are_taken_at_a_time_are_refused(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    with serve(models, "--records", tmp_path) as running:
        label = {"request_id": "a", "label": 0}
        many = feedback(running, [label] * 10_001)
        assert (many.status_code, "length <= 10000" in many.text) == (400, True)
        large = feedback(running, [label] * 200_000)
        assert (large.status_code, large.json()["hint"]) == (
            413,
            "Send at most 10000 labels at a time.",
        )


def test_a_key_is_needed_where_the_server_needs_one(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    with serve(models, "--records", tmp_path / "records", "--api-key-file", keys) as running:
        label = {"request_id": "a", "label": 0}
        assert feedback(running, label).status_code == 401
        headers = {"Authorization": "Bearer secret"}
        assert feedback(running, label, headers=headers).status_code == 404


@pytest.mark.parametrize("options", [("--records", "none"), ("--record-rate", "0")])
def test_who_records_nothing_takes_no_labels(
    serve: Serve, models: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    environment = {} if options[0] == "--records" else {"MLSERVE_RECORDS": str(tmp_path)}
    with serve(models, *options, **environment) as running:
        answer = feedback(running, {"request_id": "a", "label": 0})
        assert answer.status_code == 404
        assert "records no predictions" in answer.json()["error"]


def test_flask_takes_labels_as_well(serve: Serve, models: Path, tmp_path: Path) -> None:
    with serve(models, "--framework", "flask", "--records", tmp_path) as running:
        predict(running, ["a"], FLOWERS[:1])
        assert feedback(running, {"request_id": "a", "label": 0}).json()["taken"] == 1
        assert feedback(running, {"request_id": "a", "label": 7}).status_code == 422
        wait_until(lambda: quality(running) == 1)


def test_an_alert_fires_and_ends_with_the_quality(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    alerts = tmp_path / "alerts.toml"
    ids = [f"flower-{k}" for k in range(150)]
    with Hook().running() as hook:
        alerts.write_text(
            'interval_seconds = 0.1\n[rules.worse]\nkind = "quality_drop"\nabove = 0.1\n'
            f'[receivers.chat]\nkind = "webhook"\nurl = "{hook.url}"\n'
        )
        options = ("--workers", "2", "--records", tmp_path, "--alerts", alerts, *ALL)
        with serve(models, *options) as running:
            predict(running, ids, FLOWERS)
            feedback(running, labels_of(ids, [(label + 1) % 3 for label in SPECIES]))
            wait_until(lambda: hook.received)
            feedback(running, labels_of(ids, SPECIES))
            wait_until(lambda: len(hook.received) == 2)
    told = [json.loads(one.body) for one in hook.received]
    assert [one["status"] for one in told] == ["firing", "resolved"]
    assert {one["model"] for one in told} == {"iris"}


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A folder whose labels another program writes for a long time."""
    with sqlite3.connect(tmp_path / "feedback.sqlite", isolation_level=None) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("BEGIN EXCLUSIVE")
        yield tmp_path
        database.execute("ROLLBACK")


def test_a_locked_file_fails_labels_and_no_prediction(
    serve: Serve, models: Path, locked: Path
) -> None:
    with serve(models, "--records", locked) as running:
        predict(running, ["a"], FLOWERS[:1])
        answer = feedback(running, {"request_id": "a", "label": 0})
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        predict(running, ["b"], FLOWERS[:1])


def test_a_damaged_file_fails_labels_and_no_prediction(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    (tmp_path / "feedback.sqlite").write_bytes(os.urandom(9000))
    with serve(models, "--records", tmp_path) as running:
        predict(running, ["a"], FLOWERS[:1])
        assert feedback(running, {"request_id": "a", "label": 0}).status_code == 503
        assert predict(running, ["b"], FLOWERS[:1]) == [0]
        assert metrics(running)['mlserve_records_dropped_total{reason="disk"}'] == 0
        running.process.terminate()
        _, said = running.process.communicate(timeout=60)
    assert "Labels are not kept in" in said
    assert "Traceback" not in said


def test_many_who_wait_are_sent_away_and_others_are_answered(
    serve: Serve, models: Path, tmp_path: Path
) -> None:
    statuses: list[int] = []
    with serve(models, "--records", tmp_path) as running:

        def ask() -> None:
            statuses.append(feedback(running, {"request_id": "nobody", "label": 0}).status_code)

        threads = [threading.Thread(target=ask) for _ in range(100)]
        for thread in threads:
            thread.start()
        assert predict(running, ["a"], FLOWERS[:1]) == [0]
        for thread in threads:
            thread.join()
    assert set(statuses) <= {404, 503}
    assert statuses.count(404) >= 64


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_server_that_has_stopped_leaves_files_that_are_whole_by_themselves(
    serve: Serve, models: Path, tmp_path: Path, workers: str
) -> None:
    folder = tmp_path / "records"
    with serve(models, "iris", "--workers", workers, "--records", folder, *ALL) as running:
        predict(running, ["a", "b"], FLOWERS[:2])
        assert feedback(running, labels_of(["a"], SPECIES[:1])).status_code == 200
    kept = sorted(file.name for file in folder.iterdir() if file.is_file())
    assert kept == ["feedback.sqlite", "history.sqlite"]
    with sqlite3.connect(folder / "feedback.sqlite") as database:
        assert database.execute("SELECT request_id FROM labelled").fetchall() == [("a",)]
    database.close()
