"""A real Dask cluster: a scheduler and several workers, each a process of its own."""

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from mlserve_cli import Engine, convert_onnx, save_model
from mlserve_cli.batch.cluster import Shipment, ship_model

_START_SECONDS = 60
_WITHOUT_MLSERVE = """
import sys
from dask.__main__ import main

class Lacking:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "mlserve_cli":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Lacking())
main()
"""


@dataclass
class Cluster:
    """Processes that are killed in the end, whatever they do."""

    folder: Path
    address: str = ""
    processes: list["subprocess.Popen[bytes]"] = field(default_factory=list)

    @property
    def scheduler(self) -> "subprocess.Popen[bytes]":
        return self.processes[0]

    @property
    def workers(self) -> list["subprocess.Popen[bytes]"]:
        return self.processes[1:]

    def start(self, workers: int) -> None:
        log = self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        self.address = _wait_for(r"Scheduler at:\s+(tcp://\S+)", log)
        for log in [self._start_worker("-m", "dask") for _ in range(workers)]:
            _wait_for(r"(Registered to)", log)

    def start_worker_without_mlserve(self) -> None:
        _wait_for(r"(Registered to)", self._start_worker("-c", _WITHOUT_MLSERVE))

    def _start_worker(self, *program: str) -> Path:
        each = ("--nthreads", "1", "--no-nanny", "--no-dashboard", "--host", "127.0.0.1")
        return self._start("worker", self.address, *each, program=program)

    def _start(self, *arguments: str, program: tuple[str, ...] = ("-m", "dask")) -> Path:
        folder = self.folder / str(len(self.processes))
        folder.mkdir()
        log = folder / "log"
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, *program, *arguments],
                stdout=file,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=os.environ | {"OMP_NUM_THREADS": "1", "DASK_TEMPORARY_DIRECTORY": str(folder)},
            )
        self.processes.append(process)
        return log

    def stop(self) -> None:
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()


def _wait_for(pattern: str, log: Path) -> str:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        found = re.search(pattern, log.read_text())
        if found:
            return found[1]
        time.sleep(0.05)
    raise AssertionError(log.read_text())


@pytest.fixture
def new_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[int], Cluster]]:
    """Starts a cluster that a test may do anything with."""
    started: list[Cluster] = []

    def start(workers: int) -> Cluster:
        cluster = Cluster(tmp_path_factory.mktemp("cluster"))
        started.append(cluster)
        cluster.start(workers)
        return cluster

    yield start
    for cluster in started:
        cluster.stop()
        shutil.rmtree(cluster.folder, ignore_errors=True)


# Its processes take time also when they have nothing to do.
@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of three workers that stays as it is."""
    cluster = Cluster(tmp_path_factory.mktemp("cluster"))
    try:
        cluster.start(3)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predicts about the sum of a and b."""
    import pandas as pd
    from sklearn.linear_model import LinearRegression

    rows = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["a", "b"])
    estimator = LinearRegression().fit(rows, rows.sum(axis=1))
    models = tmp_path_factory.mktemp("models")
    path = save_model(estimator, "sum", models=models).path
    convert_onnx("sum", models=models)
    return path


@pytest.fixture
def shipment(model: Path) -> Shipment:
    return ship_model(model, engine=Engine.ONNX)
