"""Files in an object store, as a real server speaks its language, and behind a web server."""

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift import drift_check, profile_of, save_profile
from mlserve_cli.drift.sources.files import open_path
from mlserve_cli.errors import InputError, MissingExtraError, UsageError

boto3 = pytest.importorskip("boto3")
moto_server = pytest.importorskip("moto.server")
s3fs = pytest.importorskip("s3fs")

# What the clients of other projects complain about is not ours.
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]

BEFORE = np.random.default_rng(0).normal(size=(600, 3))
AFTER = np.random.default_rng(1).normal(size=(600, 3)) + np.array([0, 1, 0])


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A bucket with a file, a folder of two halves, and files that are no data."""
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(name, value)
    s3fs.S3FileSystem.clear_instance_cache()
    client = boto3.client("s3")
    client.create_bucket(Bucket="data")
    for key, values in {
        "ref.npy": BEFORE,
        "new.npy": AFTER,
        "days/a.npy": BEFORE[:300],
        "days/b.npy": BEFORE[300:],
    }.items():
        np.save(tmp_path / "local.npy", values)
        client.upload_file(str(tmp_path / "local.npy"), "data", key)
    client.put_object(Bucket="data", Key="days/_SUCCESS", Body=b"")
    client.put_object(Bucket="data", Key="none/readme.txt", Body=b"text")
    save_profile(tmp_path / "ref.profile", profile_of(BEFORE))
    client.upload_file(str(tmp_path / "ref.profile"), "data", "ref.profile")
    return "s3://data"


def distances(reference: Any, current: Any) -> list[float | None]:
    return [column.effect for column in drift_check(reference, current).columns]


def test_both_sides_may_lie_in_a_bucket(bucket: str) -> None:
    report = drift_check(f"{bucket}/ref.npy", f"{bucket}/new.npy")
    assert (report.reference, report.current) == (f"{bucket}/ref.npy", f"{bucket}/new.npy")
    assert [column.name for column in report.columns if column.verdict == "drift"] == ["x1"]
    assert distances(f"{bucket}/ref.npy", f"{bucket}/new.npy") == distances(BEFORE, AFTER)


@pytest.mark.parametrize("name", ["days", "days/", "days/*.npy"])
def test_folders_and_patterns_are_one_table(bucket: str, name: str) -> None:
    report = drift_check(f"{bucket}/{name}", AFTER)
    assert report.reference_rows == len(BEFORE)
    assert report.reference == f"{bucket}/{name}"


def test_a_profile_may_lie_there_too(bucket: str) -> None:
    assert drift_check(f"{bucket}/ref.profile", AFTER).drifted


@pytest.mark.parametrize(
    ("uri", "message"),
    [
        ("s3://data/nope.npy", "s3://data/nope.npy cannot be read: there is no such file"),
        ("s3://nobody/ref.npy", "there is no"),
        ("s3://data/none/", "holds no file with a table"),
        ("s3://data/days/*.csv", "There is nothing at"),
    ],
)
def test_what_is_not_there_is_told(bucket: str, uri: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        drift_check(uri, AFTER)
    with pytest.raises(InputError, match=message):
        drift_check(BEFORE, uri)


def test_missing_credentials_are_told(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    s3fs.S3FileSystem.clear_instance_cache()
    with pytest.raises(InputError, match="no credentials were found") as caught:
        open_path(f"{bucket}/ref.npy")
    assert "AWS_ACCESS_KEY_ID" in str(caught.value.hint)


def test_the_extra_is_named_where_it_is_not_installed(
    bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    # As if nothing had asked for it before.
    monkeypatch.delitem(sys.modules["fsspec.registry"]._registry, "s3", raising=False)
    monkeypatch.setitem(sys.modules, "s3fs", None)
    with pytest.raises(MissingExtraError, match=r"mlserve-cli\[s3\]"):
        open_path(f"{bucket}/ref.npy")


def test_unknown_places_are_told() -> None:
    with pytest.raises(UsageError, match="ftp3://"):
        drift_check("ftp3://host/ref.npy", AFTER)


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    np.save(tmp_path / "ref.npy", BEFORE)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments: Any) -> None:
            pass

    handler = functools.partial(Handler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_files_are_read_from_a_web_server_without_showing_what_is_signed(web: str) -> None:
    report = drift_check(f"{web}/ref.npy?signature=secret", AFTER)
    assert report.reference == f"{web}/ref.npy"
    assert distances(f"{web}/ref.npy", AFTER) == distances(BEFORE, AFTER)
    with pytest.raises(InputError, match=r"nope.npy cannot be read: there is no such file"):
        drift_check(f"{web}/nope.npy", AFTER)
