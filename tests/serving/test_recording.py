"""What servers were asked and what they said, in files that survive them."""

import asyncio
import contextlib
import os
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
import pytest
from fastapi import FastAPI
from tests.serving.conftest import FakePredictor, Serve, Server, Trained
from tests.serving.load_client import iris_questions, load
from tests.serving.processes import wait_until, workers_of

from mlserve_cli.errors import UsageError
from mlserve_cli.inference.predictor import Prediction
from mlserve_cli.monitoring.history import read_history
from mlserve_cli.monitoring.records.reading import record_files
from mlserve_cli.monitoring.traffic import Subject, Traffic, together
from mlserve_cli.serving.app import create_app
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.recording import RecordOptions
from mlserve_cli.serving.service import PredictionService

ALL = ("--record-rate", "1e9")
ROW = {"features": [5.1, 3.5, 1.4, 0.2]}


def rows_in(folder: Path) -> list[dict[str, Any]]:
    return [row for file in record_files(folder) for row in file.read().to_pylist()]


def traffic_in(folder: Path) -> Traffic:
    return together(minute.traffic for minute in read_history(folder))


def metric(running: Server, line: str) -> float:
    with running.client as client:
        text = client.get("/metrics").text
    return sum(float(found.split()[-1]) for found in text.splitlines() if found.startswith(line))


def test_records_are_what_was_asked_and_answered(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    with (
        serve(trained.root, "iris", "--records", tmp_path, *ALL) as running,
        running.client as client,
    ):
        one = {"features": trained.flowers[0].tolist()}
        single = client.post(
            "/models/iris/predict", json=one, headers={"X-Request-Id": "single"}
        ).json()
        several = client.post(
            "/models/iris/predict",
            json={"features": trained.flowers[[60, 120]].tolist()},
            headers={"X-Request-Id": "several"},
        ).json()
        client.post("/models/iris/predict", json={"features": [1]})
        wait_until(lambda: len(rows_in(tmp_path)) == 3)
    found = {(row["_request_id"], row["_row"]): row for row in rows_in(tmp_path)}
    assert list(found) == [("single", 1), ("several", 1), ("several", 2)]
    for key, flower in {("single", 1): 0, ("several", 1): 60, ("several", 2): 120}.items():
        row = found[key]
        assert list(row.values())[:4] == trained.flowers[flower].tolist()
        assert 0 < row["_latency_seconds"] < 30
        assert abs(row["_time"].timestamp() - time.time()) < 300
    assert found["single", 1]["prediction"] == single["prediction"]
    assert [found["several", n]["prediction"] for n in (1, 2)] == several["predictions"]
    probabilities = [[found["several", n][f"probability_{k}"] for k in range(3)] for n in (1, 2)]
    assert probabilities == several["probabilities"]
    traffic = traffic_in(tmp_path)
    assert (traffic.requests, traffic.rows, traffic.errors) == (3, 3, 1)


def test_every_protocol_and_kind_of_column_is_recorded(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    animal = {"weight": 4.5, "age": 3, "colour": "black", "size": "S"}
    tensors = [
        {"name": name, "shape": [1], "datatype": kind, "data": [value]}
        for name, kind, value in (
            *(("weight", "FP64", 5.0), ("age", "INT64", 7)),
            *(("colour", "BYTES", "grün"), ("size", "BYTES", "L")),
        )
    ]
    wanted = {"inputs": tensors, "outputs": [{"name": "decision_function"}]}
    with serve(trained.root, "--records", tmp_path, *ALL) as running, running.client as client:
        told = client.post("/models/pets/predict", json={"rows": [animal]})
        assert told.status_code == 200, told.text
        assert client.post("/v2/models/pets/infer", json=wanted).status_code == 200
    first, second = rows_in(tmp_path)
    names = ("weight", "age", "colour", "size")
    assert [first[name] for name in names] == [4.5, 3, "black", "S"]
    assert [second[name] for name in names] == [5.0, 7, "grün", "L"]
    assert first["prediction"] == told.json()["predictions"][0]
    # Nobody asked for them.
    assert second["prediction"] is None
    assert second["probability_cat"] is None
    (file,) = record_files(tmp_path)
    assert file.read().schema.field("age").type == pa.int64()
    assert file.roles.inputs == names


def test_ids_that_the_server_makes_up_are_those_of_the_records(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    options = ("iris", "--records", tmp_path, "--access-log", *ALL)
    with serve(trained.root, *options) as running, running.client as client:
        answers = [client.post("/models/iris/predict", json=ROW) for _ in range(3)]
    told = [answer.headers["x-request-id"] for answer in answers]
    assert [row["_request_id"] for row in rows_in(tmp_path)] == told


def test_a_killed_server_leaves_whole_files_that_lack_only_the_end(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    with (
        serve(trained.root, "iris", "--records", tmp_path, *ALL) as running,
        load(running.port, iris_questions(trained), clients=2) as clients,
    ):
        clients.wait_for(1000)
        wait_until(lambda: len(rows_in(tmp_path)) > 500)
        clients.wait_for(500)
        killed = time.monotonic()
        running.process.kill()
    rows = rows_in(tmp_path)
    # Under load a second may take three.
    early = sum(answer.asked < killed - 3 for answer in clients.answers)
    assert max(early, 500) <= len(rows) <= len(clients.answers) + 2
    assert sum(minute.traffic.requests for minute in read_history(tmp_path)) > 0
    predictions = Counter(row["prediction"] for row in rows)
    assert set(predictions) == {0, 1, 2}


def test_workers_record_side_by_side_and_their_history_is_exact(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    options = ("iris", "--workers", "2", "--records", tmp_path, *ALL)
    with (
        serve(trained.root, *options) as running,
        load(running.port, iris_questions(trained), clients=8) as clients,
    ):
        clients.wait_for(500)
        # The one that keeps the history.
        victim = min(workers_of(running.process.pid))
        wait_until(lambda: (tmp_path / "history.sqlite").exists() and traffic_in(tmp_path).requests)
        wait_until(lambda: len(writers_in(tmp_path)) >= 2)
        os.kill(victim, signal.SIGKILL)
        wait_until(lambda: victim not in workers_of(running.process.pid))
        clients.wait_for(500)
    # The dead one may have answered what no client has read.
    missing = traffic_in(tmp_path).requests - len(clients.answers)
    assert 0 <= missing <= 8


def writers_in(folder: Path) -> set[str]:
    return {file.path.name.split("-")[1] for file in record_files(folder)}


@pytest.mark.parametrize("workers", ["1", "2"])
def test_what_a_server_did_is_known_when_it_has_stopped(
    serve: Serve, trained: Trained, tmp_path: Path, workers: str
) -> None:
    options = ("--workers", workers, "--records", tmp_path, *ALL)
    with serve(trained.root, *options) as running:
        for _ in range(30):
            with running.client as client:
                assert client.post("/models/iris/predict", json=ROW).status_code == 200
                assert client.post("/models/none/predict", json=ROW).status_code == 404
    assert len(rows_in(tmp_path)) == 30
    found = {minute.subject for minute in read_history(tmp_path)}
    assert found == {Subject("iris", "1"), Subject("", "")}
    traffic = traffic_in(tmp_path)
    assert (traffic.requests, traffic.rows, traffic.client_errors) == (60, 30, 30)
    assert traffic.latency.count == 60


@contextlib.contextmanager
def small_disk(folder: Path, size_bytes: int) -> Iterator[Path]:
    if os.getuid():
        pytest.skip("only root may mount")
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_bytes}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("nothing can be mounted here")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_fails_no_request_and_is_counted(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    with (
        small_disk(tmp_path, 256 << 10) as folder,
        serve(trained.root, "iris", "--records", folder, *ALL) as running,
    ):
        with load(running.port, iris_questions(trained), clients=2) as clients:
            wait_until(lambda: metric(running, 'mlserve_records_dropped_total{reason="disk"}'))
            clients.wait_for(500)
        assert not clients.failures
        assert metric(running, "mlserve_records_total") > 0
        # What is there can be read.
        assert rows_in(folder)
        running.process.terminate()
        _, said = running.process.communicate(timeout=60)
    assert "Predictions are not recorded" in said
    assert "No space left on device" in said
    assert "Traceback" not in said


@pytest.mark.parametrize("kind", ["a file", "nothing that can be made"])
def test_a_folder_that_cannot_be_used_fails_no_request(
    serve: Serve, trained: Trained, tmp_path: Path, kind: str
) -> None:
    folder = tmp_path / "file"
    folder.write_text("in the way")
    if kind != "a file":
        folder = folder / "below"
    with serve(trained.root, "iris", "--records", folder) as running:
        with running.client as client:
            assert client.post("/models/iris/predict", json=ROW).status_code == 200
        wait_until(lambda: metric(running, 'mlserve_records_dropped_total{reason="disk"}') == 1)
        running.process.terminate()
        _, said = running.process.communicate(timeout=60)
    assert said.count("Predictions are not recorded in") == 1
    assert said.count("The history is not kept in") == 1


def test_recording_imports_no_heavy_library(serve: Serve, trained: Trained, tmp_path: Path) -> None:
    options = ("iris", "--engine", "onnx", "--records", tmp_path, *ALL)
    # More rows than a page of a file takes.
    many = {"features": trained.flowers.tolist() * 8}
    with serve(trained.root, *options) as running:
        with running.client as client:
            named = client.post("/predict", json=ROW, headers={"X-Request-Id": "a"})
            assert named.status_code == 200
            assert client.post("/predict", json=many).status_code == 200
            label = {"request_id": "a", "label": named.json()["prediction"]}
            assert client.post("/feedback", json=label).status_code == 200
        wait_until(lambda: metric(running, "mlserve_quality_labels"))
        wait_until(lambda: metric(running, "mlserve_records_total") == 1201)
        mapped = Path(f"/proc/{running.process.pid}/maps").read_text()
    assert len(rows_in(tmp_path)) == 1201
    assert "/numpy/" in mapped
    for package in ("pyarrow", "pandas", "scipy", "sklearn"):
        assert f"/{package}/" not in mapped


def test_the_rate_bounds_what_is_recorded_and_zero_keeps_the_history_only(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    body = {"features": trained.flowers.tolist()}
    for name, rate in {"some": "20", "none": "0"}.items():
        folder = tmp_path / name
        options = ("iris", "--records", folder, "--record-rate", rate)
        with serve(trained.root, *options) as running, running.client as client:
            assert len(client.post("/predict", json=body).json()["predictions"]) == 150
            wait_until((folder / "history.sqlite").exists)
        assert traffic_in(folder).rows == 150
    assert not record_files(tmp_path / "none")
    rows = rows_in(tmp_path / "some")
    assert [row["_row"] for row in rows] == [1 + 150 * k // 20 for k in range(20)]
    flowers = [list(row.values())[:4] for row in rows]
    assert flowers == trained.flowers[[row["_row"] - 1 for row in rows]].tolist()


def test_nothing_is_kept_where_nobody_wants_it(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    with serve(trained.root, "iris", "--records", "none") as running, running.client as client:
        assert client.post("/models/iris/predict", json=ROW).status_code == 200
        assert "mlserve_records" not in client.get("/metrics").text
        assert "Records" not in running.announced
    assert not Path("none").exists()


def test_redacted_columns_leave_no_trace(serve: Serve, trained: Trained, tmp_path: Path) -> None:
    secret = {"weight": 4.25, "age": 7, "colour": "ultramarine", "size": "S"}
    options = ("--records", tmp_path, "--redact", "colour", "--redact", "weight", *ALL)
    with serve(trained.root, *options) as running, running.client as client:
        assert client.post("/models/pets/predict", json={"rows": [secret]}).status_code == 200
    (row,) = rows_in(tmp_path)
    assert (row["age"], row["size"]) == (7, "S")
    assert not {"colour", "weight"} & set(row)


def test_a_column_that_no_model_has_cannot_be_left_out(trained: Trained, tmp_path: Path) -> None:
    service = PredictionService([trained.load("pets")])
    options = GatewayOptions(records=RecordOptions(tmp_path, redacted=("wieght",)))
    with pytest.raises(UsageError, match="No model has the column 'wieght'") as caught:
        Gateway(service, options)
    assert "weight" in str(caught.value)


def asked_in_process(app: FastAPI, body: Any) -> Any:
    """The answer of an application that is started and stopped around it."""

    async def ask() -> Any:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://test") as client,
        ):
            return (await client.post("/predict", json=body)).json()

    return asyncio.run(ask())


def test_applications_record_as_well(trained: Trained, tmp_path: Path) -> None:
    options = GatewayOptions(records=RecordOptions(tmp_path))
    answer = asked_in_process(create_app(trained.load("iris"), options), ROW)
    (row,) = rows_in(tmp_path)
    assert row["prediction"] == answer["prediction"]
    assert traffic_in(tmp_path).requests == 1


class OddPredictor(FakePredictor):
    """Its labels are not of the type that its signature says."""

    def predict(self, batch: Any, *, probabilities: bool = False) -> Prediction:
        return Prediction(np.array(["text"] * len(batch)))


def test_what_cannot_be_recorded_is_answered_all_the_same(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    options = GatewayOptions(records=RecordOptions(tmp_path))
    app = create_app(LoadedModel("odd", 1, OddPredictor()), options)
    assert asked_in_process(app, {"features": [1.0, 2.0]})["prediction"] == "text"
    assert rows_in(tmp_path) == []
    assert "not recorded" in caplog.text
