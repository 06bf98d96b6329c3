"""Workers and schedulers that die, and commands that are stopped, while a real job is running."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlserve_cli.batch import BatchOptions, OnError, Progress, predict_file, predict_folder
from mlserve_cli.batch.cluster import ClusterOptions, Shipment, predict_on_cluster

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Cluster

pytestmark = pytest.mark.xdist_group("dask")

_COMMAND = Path(sys.executable).with_name("mlserve")
# Each row is a call of its own, which makes the job slow enough to be interrupted.
_OPTIONS = BatchOptions(block_bytes=4000, batch_rows=1, on_error=OnError.SKIP)
_ROWS = 20_000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    lines = (f"{k},{'x' if k % 997 == 0 else k},2\n" for k in range(_ROWS))
    path.write_text("id,a,b\n" + "".join(lines))
    return path


@pytest.fixture
def expected(source: Path, tmp_path: Path, shipment: Shipment) -> tuple[bytes, bytes]:
    local = tmp_path / "local.csv"
    predict_file(source, local, shipment.load(), _OPTIONS)
    return local.read_bytes(), local.with_name("local.csv.errors.jsonl").read_bytes()


def results(out: Path) -> tuple[bytes, bytes]:
    return out.read_bytes(), out.with_name(f"{out.name}.errors.jsonl").read_bytes()


def wait_for_parts(out: Path, count: int) -> None:
    until = time.monotonic() + 60
    while len(list(out.parent.glob(f".{out.name}.parts/*.part"))) < count:
        assert time.monotonic() < until
        time.sleep(0.01)


@pytest.mark.slow
def test_killed_workers_leave_no_trace(
    new_cluster: "Callable[[int], Cluster]",
    shipment: Shipment,
    source: Path,
    tmp_path: Path,
    expected: tuple[bytes, bytes],
) -> None:
    cluster = new_cluster(3)
    killed: list[int] = []

    def kill(now: Progress) -> None:
        if now.rows > 2000 * (len(killed) + 1) and len(killed) < 2:
            victim = cluster.workers[len(killed)]
            victim.send_signal(signal.SIGKILL)
            killed.append(victim.wait())

    out = tmp_path / "out.csv"
    where = ClusterOptions(cluster.address, shard_bytes=8000)
    report = predict_on_cluster(source, out, shipment, _OPTIONS, where, progress=kill)
    assert killed == [-signal.SIGKILL, -signal.SIGKILL]
    assert report.rows + report.skipped == _ROWS
    assert results(out) == expected
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_a_job_outlives_its_scheduler(
    new_cluster: "Callable[[int], Cluster]",
    shipment: Shipment,
    source: Path,
    tmp_path: Path,
    expected: tuple[bytes, bytes],
) -> None:
    script = (
        "import sys\n"
        "from mlserve_cli import Engine\n"
        "from mlserve_cli.batch import *\n"
        "from mlserve_cli.batch.cluster import *\n"
        "predict_on_cluster(sys.argv[1], sys.argv[2], ship_model(sys.argv[3], engine=Engine.ONNX),"
        "BatchOptions(block_bytes=4000, batch_rows=1, on_error=OnError.SKIP),"
        "ClusterOptions(sys.argv[4], 8000))"
    )
    first, out = new_cluster(2), tmp_path / "out.csv"
    arguments = [sys.executable, "-c", script, *map(str, (source, out, shipment.path))]
    arguments.append(first.address)
    with subprocess.Popen(arguments, stderr=subprocess.PIPE) as process:
        wait_for_parts(out, 5)
        first.scheduler.send_signal(signal.SIGKILL)
        _, told = process.communicate(timeout=60)
    assert b"EngineError: The connection to the Dask scheduler is lost." in told, told.decode()
    assert b"--resume" in told
    assert not out.exists()
    where = ClusterOptions(new_cluster(2).address, shard_bytes=8000)
    options = BatchOptions(block_bytes=4000, batch_rows=1, on_error=OnError.SKIP, resume=True)
    report = predict_on_cluster(source, out, shipment, options, where)
    assert 0 < report.resumed_rows < _ROWS
    assert results(out) == expected
    assert not list(tmp_path.glob(".*"))


@pytest.mark.slow
def test_the_command_starts_a_cluster_and_stops_in_order(
    shipment: Shipment,
    tmp_path: Path,
    clean_environment: dict[str, str],
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for part in range(12):
        text = "".join(f"{part},{row}\n" for row in range(2000))
        (data / f"{part:02}.csv").write_text(f"a,b\n{text}")
    places = (data, tmp_path / "out", "--model", shipment.path)
    command = [str(_COMMAND), "batch-predict", *map(str, places)]
    command += ["--batch-rows", "1", "--engine", "dask"]
    finished = tmp_path / "out" / ".mlserve-finished.jsonl"
    environment = clean_environment | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, env=environment, start_new_session=True
    ) as process:
        until = time.monotonic() + 60
        while not finished.exists():
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.01)
        # As a terminal does it: to all processes of the group.
        os.killpg(process.pid, signal.SIGINT)
        _, told = process.communicate(timeout=60)
    assert process.returncode == 130, told.decode()
    assert told.decode() == (
        "error: Stopped; what is finished is kept.\nGo on with the same command and --resume.\n"
    )
    done = subprocess.run(
        [*command, "--resume"], capture_output=True, check=True, env=environment, text=True
    )
    assert "24,000 rows in" in done.stderr
    assert "rows were finished before." in done.stderr
    options = BatchOptions(batch_rows=1)
    predict_folder(data, tmp_path / "local", shipment.load(), options)
    for path in data.iterdir():
        found = (tmp_path / "out" / path.name).read_bytes()
        assert found == (tmp_path / "local" / path.name).read_bytes()
    assert [path.name for path in (tmp_path / "out").glob(".*")] == []
