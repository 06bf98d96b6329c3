"""Inputs and outputs in Google Cloud Storage, as an emulator of it behaves."""

import logging
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlserve_cli.batch import BatchOptions, OnError, predict_file, predict_folder
from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.signature import Column, Signature, Task

pytestmark = [
    pytest.mark.xdist_group("gs"),
    # What aiohttp says to gcsfs about parts of some megabytes.
    pytest.mark.filterwarnings("ignore:Sending a large body"),
]

_EMULATOR = """
import sys, threading
from gcp_storage_emulator.server import create_server
create_server("127.0.0.1", int(sys.argv[1]), in_memory=True, default_bucket="data").start()
threading.Event().wait()
"""
_MODEL = Signature(Task.REGRESSION, (Column("a"),), named=True)
# More than two parts of an upload.
_MANY = b"a,b,note\n" + b"".join(b"%d,%d,%s\n" % (k, k, b"x" * 80) for k in range(200_000))


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with subprocess.Popen(
        [sys.executable, "-c", _EMULATOR, str(port)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            end = time.monotonic() + 60
            while time.monotonic() < end:
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    assert process.poll() is None
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture
def store(address: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", address)
    # Another API, which the emulator does not have, would be asked for the kind of the bucket.
    monkeypatch.setenv("GCSFS_EXPERIMENTAL_ZB_HNS_SUPPORT", "false")
    fsspec: Any = pytest.importorskip("fsspec")
    found = fsspec.filesystem("gs", token="anon", skip_instance_cache=True)
    for name in found.find("data"):
        found.rm(name)
    return found


@pytest.fixture
def model(fake: Any) -> Any:
    return fake(_MODEL, labels=lambda batch: batch[:, 0])


def test_a_large_file_goes_from_object_to_object(store: Any, model: Any, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_bytes(_MANY)
    predict_file(tmp_path / "in.csv", tmp_path / "out.csv", model)
    store.pipe("data/in.csv", _MANY)
    report = predict_file("gs://data/in.csv", "gs://data/day=1/out.csv", model)
    assert store.cat("data/day=1/out.csv") == (tmp_path / "out.csv").read_bytes()
    assert (report.rows, report.destination) == (200_000, "gs://data/day=1/out.csv")


def test_a_pattern_of_objects_becomes_a_folder(store: Any, model: Any) -> None:
    for number in range(3):
        store.pipe(f"data/day={number}/in.csv", b"a\n%d\n" % number)
    predict_folder("gs://data/*/in.csv", "gs://data/out", model)
    found = {name: store.cat(name) for name in store.find("data/out")}
    assert found == {
        f"data/out/day={number}/in.csv": b"a,prediction\n%d,%d.0\n" % (number, number)
        for number in range(3)
    }


def test_rows_that_cannot_be_scored_lie_beside_the_output(
    store: Any, model: Any, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_bytes(b"a\n1\nx\n2\n")
    options = BatchOptions(on_error=OnError.SKIP)
    report = predict_file(tmp_path / "in.csv", "gs://data/out.csv", model, options)
    assert report.skipped == 1
    assert store.cat("data/out.csv") == b"a,prediction\n1,1.0\n2,2.0\n"
    assert b'"row":2' in store.cat("data/out.csv.errors.jsonl")


# The emulator does not know how to abort an upload, and gcsfs tries again and again.
@pytest.mark.filterwarnings("ignore:The upload")
def test_a_run_that_fails_leaves_no_object(
    store: Any, model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Six would take half a minute.
    monkeypatch.setattr("gcsfs.core.GCSFileSystem.retries", 1)
    (tmp_path / "in.csv").write_bytes(_MANY + b"x,1,y\n")
    with pytest.raises((SignatureError, InputError), match="row 200001"):
        predict_file(tmp_path / "in.csv", "gs://data/out.csv", model)
    assert store.find("data") == []
    assert any(
        isinstance(handler, logging.NullHandler) for handler in logging.getLogger("gcsfs").handlers
    )


def test_what_is_not_there_is_told(store: Any, model: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gs://data/none\.csv cannot be read: there is no such"):
        predict_file("gs://data/none.csv", tmp_path / "out.csv", model)
