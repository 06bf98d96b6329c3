"""Real models in a repository, and real servers in processes of their own."""

import contextlib
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlserve_cli import convert_onnx, save_model
from mlserve_cli.inference.predictor import Engine, Prediction
from mlserve_cli.serving.loading import ModelSource
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.signature import Column, Signature, Task

STARTUP_SECONDS = 60
# It trusts nobody, and these servers need none of it; loading certificates takes 40 ms per client.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


@dataclass(frozen=True)
class Trained:
    """Models on disk, and the estimators that they were saved from."""

    root: Path
    iris: Any
    pets: Any
    flowers: NDArray[np.float64]
    animals: pd.DataFrame

    def load(self, name: str, engine: Engine | None = None) -> LoadedModel:
        return ModelSource(self.root, engine).load(name)


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """`iris`: numbers, converted to ONNX. `pets`: numbers with a missing one, text, a category."""
    root = tmp_path_factory.mktemp("models")
    flowers, species = load_iris(return_X_y=True)
    iris = make_pipeline(StandardScaler(), LogisticRegression(max_iter=500)).fit(flowers, species)
    save_model(iris, name="iris", models=root)
    convert_onnx("iris", models=root)
    animals = pd.DataFrame(
        {
            "weight": [4.0, 30.0, 5.5, 22.0] * 5,
            "age": [1, 2, 3, 4] * 5,
            "colour": ["black", "brown", "white", "grey"] * 5,
            "size": pd.Categorical(["S", "L", "S", "M"] * 5),
        }
    )
    pets = make_pipeline(
        make_column_transformer(
            (StandardScaler(), ["weight", "age"]),
            (OneHotEncoder(handle_unknown="ignore"), ["colour", "size"]),
        ),
        LogisticRegression(),
    ).fit(animals, ["cat", "dog", "cat", "dog"] * 5)
    save_model(pets, name="pets", data=animals, models=root)
    return Trained(root, iris, pets, flowers, animals)


class FakePredictor:
    """Labels are sums of rows; it records how many rows came in each call."""

    engine = Engine.SKLEARN

    def __init__(
        self, columns: int = 2, refuse: Callable[[NDArray[np.float64]], None] | None = None
    ) -> None:
        names = tuple(Column(f"x{position}") for position in range(columns))
        self.signature = Signature(Task.REGRESSION, names)
        self.calls: list[int] = []
        self._refuse = refuse

    def predict(self, batch: Any, *, probabilities: bool = False) -> Prediction:
        self.calls.append(len(batch))
        if self._refuse is not None:
            self._refuse(batch)
        return Prediction(batch.sum(axis=1))

    def decision_function(self, batch: Any) -> NDArray[np.float64]:
        raise AssertionError


@pytest.fixture(scope="session")
def fake() -> type[FakePredictor]:
    """The class of the fake predictors."""
    return FakePredictor


@dataclass
class Server:
    """A running `mlserve serve`."""

    address: str
    process: "subprocess.Popen[str]"
    announced: str

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    @property
    def client(self) -> httpx.Client:
        return httpx.Client(base_url=self.address, timeout=30, verify=NO_TLS)


Serve = Callable[..., contextlib.AbstractContextManager[Server]]


@contextlib.contextmanager
def serve_in_process(
    root: Path,
    *arguments: str | Path,
    max_files: int | None = None,
    before: str = "",
    **environment: str,
) -> Iterator[Server]:
    start = [sys.executable, "-c", f"{before}\nfrom mlserve_cli.cli import main\nmain()"]
    if not before:
        start = [str(Path(sys.executable).with_name("mlserve"))]
    command = [*start, "serve", "--port", "0", *arguments]
    if max_files is not None:
        command = ["sh", "-c", 'ulimit -n "$0" && exec "$@"', str(max_files), *command]
    process = subprocess.Popen(
        command,
        env={
            "MLSERVE_MODELS": str(root),
            # The current folder is the project's.
            "MLSERVE_RECORDS": "none",
            "PATH": "/usr/bin:/bin",
            "COLUMNS": "100",
            **environment,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield _wait_for(process)
    finally:
        if process.poll() is None:
            process.terminate()
        process.communicate(timeout=STARTUP_SECONDS)


def _wait_for(process: "subprocess.Popen[str]") -> Server:
    assert process.stdout is not None
    lines: list[str] = []
    deadline = time.monotonic() + STARTUP_SECONDS
    while time.monotonic() < deadline:
        line = process.stdout.readline()
        lines.append(line)
        if line.startswith("  curl") or not line:
            break
    announced = "".join(lines)
    found = re.search(r"https?://\S+:\d+", announced)
    if found is None:
        _, errors = process.communicate(timeout=STARTUP_SECONDS)
        raise AssertionError(f"The server did not start: {errors}")
    return Server(found.group(), process, announced)


@pytest.fixture(scope="session")
def serve() -> Serve:
    """Starts `mlserve serve` on a free port, after some Python code where there is any."""
    return serve_in_process


@pytest.fixture(scope="session")
def server(trained: Trained) -> Iterator[Server]:
    """A server of both models."""
    with serve_in_process(trained.root) as running:
        yield running
