"""Real servers that speak gRPC, and Triton's own client."""

import contextlib
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.serving.conftest import Server, Trained, serve_in_process

triton = pytest.importorskip("tritonclient.grpc")


class Client:
    """Triton's client with less to type.

    Args:
        target: Host and port.
        options: See `tritonclient.grpc.InferenceServerClient`.
    """

    def __init__(self, target: str, **options: Any) -> None:
        self.triton = triton.InferenceServerClient(target, **options)

    def ask(self, model: str, tensors: dict[str, Any], **options: Any) -> Any:
        """The answer to arrays by name."""
        return self.triton.infer(model, [tensor(*item) for item in tensors.items()], **options)


def tensor(name: str, values: NDArray[Any]) -> Any:
    datatype = "BYTES" if values.dtype == object else triton_datatype(values)
    found = triton.InferInput(name, values.shape, datatype)
    found.set_data_from_numpy(values)
    return found


def triton_datatype(values: NDArray[Any]) -> str:
    name: str = values.dtype.name.upper()
    return name.replace("FLOAT", "FP")


class GrpcServer:
    """A running `mlserve serve --grpc-port 0`."""

    def __init__(self, http: Server) -> None:
        self.http = http
        found = re.search(r"^gRPC +(\S+)$", http.announced, re.MULTILINE)
        assert found is not None, http.announced
        self.target = found.group(1)

    @contextlib.contextmanager
    def client(self, **options: Any) -> Iterator[Client]:
        made = Client(self.target, **options)
        try:
            yield made
        finally:
            made.triton.close()

    @property
    def metrics(self) -> str:
        with self.http.client as client:
            return client.get("/metrics").text


GrpcServe = Callable[..., contextlib.AbstractContextManager[GrpcServer]]


@contextlib.contextmanager
def serve_grpc(root: Path, *arguments: str | Path) -> Iterator[GrpcServer]:
    with serve_in_process(root, "--grpc-port", "0", *arguments) as running:
        yield GrpcServer(running)


@pytest.fixture(scope="session")
def grpc_serve() -> GrpcServe:
    """Starts `mlserve serve` with gRPC on a free port."""
    return serve_grpc


@pytest.fixture(scope="session")
def grpc_server(trained: Trained) -> Iterator[GrpcServer]:
    """A server of both models."""
    with serve_grpc(trained.root) as running:
        yield running


def pets(rows: int = 1) -> dict[str, Any]:
    """Inputs of the model of that name: a cat."""
    return {
        "size": np.array([["S"]] * rows, object),
        "colour": np.array([["black"]] * rows, object),
        "age": np.full((rows, 1), 1, np.int32),
        "weight": np.full((rows, 1), 4.0, np.float32),
    }
