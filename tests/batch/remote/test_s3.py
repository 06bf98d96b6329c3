"""Inputs and outputs in an object store."""

import gzip
import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from mlserve_cli.batch import BatchOptions, OnError, is_many, predict_file, predict_folder
from mlserve_cli.errors import EngineError, InputError, InterruptedJobError, UsageError
from mlserve_cli.signature import Column, Signature, Task

pytestmark = pytest.mark.xdist_group("s3")

_SCRIPT = Path(__file__).parent.parent / "scoring_process.py"
_MODEL = Signature(Task.REGRESSION, (Column("a"),), named=True)
_TEXT = b"a,note\n1,x\n2,y\n"
_SCORED = b"a,note,prediction\n1,x,1.0\n2,y,2.0\n"
# More than two parts of an upload.
_MANY = b"a,b,note\n" + b"".join(b"%d,%d,%s\n" % (k, k, b"x" * 80) for k in range(200_000))


@pytest.fixture
def model(fake: Any) -> Any:
    return fake(_MODEL, labels=lambda batch: batch[:, 0])


def test_a_small_file_goes_from_object_to_object(bucket: Any, model: Any) -> None:
    source = bucket.put("in.csv", _TEXT)
    report = predict_file(source, bucket.uri("day=1/out.csv"), model)
    assert bucket.get("day=1/out.csv") == _SCORED
    assert (report.rows, report.destination) == (2, "s3://data/day=1/out.csv")


def test_a_large_file_is_sent_in_parts_and_equals_the_local_one(
    bucket: Any, model: Any, tmp_path: Path
) -> None:
    (tmp_path / "in.csv").write_bytes(_MANY)
    predict_file(tmp_path / "in.csv", tmp_path / "out.csv", model)
    source = bucket.put("in.csv", _MANY)
    predict_file(source, bucket.uri("out.csv"), model)
    assert bucket.get("out.csv") == (tmp_path / "out.csv").read_bytes()
    assert bucket.etag("out.csv").endswith("-3")
    assert bucket.uploads() == []


def test_local_and_remote_go_together(bucket: Any, model: Any, tmp_path: Path) -> None:
    source = bucket.put("in.csv.gz", gzip.compress(_TEXT))
    predict_file(source, tmp_path / "out.csv", model)
    assert (tmp_path / "out.csv").read_bytes() == _SCORED
    (tmp_path / "in.csv").write_bytes(_TEXT)
    predict_file(tmp_path / "in.csv", bucket.uri("out.csv.gz"), model)
    assert gzip.decompress(bucket.get("out.csv.gz")) == _SCORED


def typed_file(suffix: str) -> bytes:
    table = pa.table({"a": np.arange(100_000.0), "note": ["x" * 30] * 100_000})
    buffer = io.BytesIO()
    match suffix:
        case ".parquet":
            pq.write_table(table, buffer, row_group_size=30_000)
        case ".feather":
            pa.feather.write_feather(table, buffer)
        case ".arrow":
            with pa.ipc.new_stream(buffer, table.schema) as writer:
                writer.write_table(table, max_chunksize=10_000)
        case ".npy":
            np.save(buffer, np.arange(100_000.0)[:, None])
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", [".parquet", ".feather", ".arrow", ".npy"])
def test_typed_rows_are_read_and_written(
    bucket: Any, model: Any, suffix: str, tmp_path: Path
) -> None:
    source = bucket.put(f"in{suffix}", typed_file(suffix))
    predict_file(source, bucket.uri("out.parquet"), model)
    found = pq.read_table(io.BytesIO(bucket.get("out.parquet")))
    assert found["prediction"].to_pylist() == [float(row) for row in range(100_000)]


def test_no_rows_give_an_object_with_a_header_only(bucket: Any, model: Any) -> None:
    predict_file(bucket.put("in.csv", b"a\n"), bucket.uri("out.csv"), model)
    assert bucket.get("out.csv") == b"a,prediction\n"
    predict_file(bucket.put("in.jsonl", b'{"a":1}'), bucket.uri("out.jsonl"), model)
    assert bucket.get("out.jsonl") == b'{"a":1,"prediction":1.0}'


@pytest.mark.parametrize("before", [None, b"before"], ids=["new", "replaced"])
def test_a_failed_run_leaves_what_was_there_and_no_upload(
    bucket: Any, model: Any, before: bytes | None
) -> None:
    source = bucket.put("in.csv", _MANY + b"oops,1,x\n")
    if before:
        bucket.put("out.csv", before)
    names = bucket.names()
    with pytest.raises(InputError, match="found 'oops'"):
        predict_file(source, bucket.uri("out.csv"), model)
    assert bucket.names() == names
    assert bucket.uploads() == []
    if before:
        assert bucket.get("out.csv") == before


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_aborts_its_upload(bucket: Any, number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, str(_SCRIPT), "-", bucket.uri("out.csv")],
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        process.stdin.write(_MANY)
        process.stdin.flush()
        end = time.monotonic() + 60
        while not bucket.uploads() and time.monotonic() < end:
            time.sleep(0.05)
        assert bucket.uploads() == ["out.csv"]
        process.send_signal(number)
        process.stderr.read()
    assert process.returncode != 0
    assert bucket.uploads() == []
    assert bucket.names() == []


def test_rows_that_cannot_be_scored_go_beside_the_output(bucket: Any, model: Any) -> None:
    options = BatchOptions(on_error=OnError.SKIP)
    bad = bucket.put("in.csv", b"a\n1\noops\n")
    report = predict_file(bad, bucket.uri("out.csv"), model, options)
    assert report.errors == "s3://data/out.csv.errors.jsonl"
    assert json.loads(bucket.get("out.csv.errors.jsonl"))["row"] == 2
    predict_file(bucket.put("in.csv", b"a\n1\n"), bucket.uri("out.csv"), model, options)
    assert bucket.names() == ["in.csv", "out.csv"]


def test_a_folder_keeps_its_shape_and_gives_its_columns(bucket: Any, fake: Any) -> None:
    both = fake(
        Signature(Task.REGRESSION, (Column("day"), Column("a")), named=True),
        labels=lambda batch: batch[:, 0] * 100 + batch[:, 1],
    )
    for day in (1, 2):
        bucket.put(f"in/day={day}/part.csv", b"a\n5\n")
    bucket.put("in/_SUCCESS", b"")
    bucket.put("in/day=1/", b"")
    assert all(is_many(f"s3://data/{name}") for name in ("in/", "in", "in/*"))
    assert not is_many(bucket.uri("in/day=1/part.csv"))
    predict_folder(bucket.uri("in/"), bucket.uri("out"), both)
    assert [name for name in bucket.names() if name.startswith("out")] == [
        "out/day=1/part.csv",
        "out/day=2/part.csv",
    ]
    assert bucket.get("out/day=2/part.csv") == b"a,prediction\n5,205.0\n"


def test_a_pattern_goes_to_a_local_folder_and_back(bucket: Any, model: Any, tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv", "c.txt"):
        bucket.put(f"in/{name}", _TEXT)
    predict_folder("s3://data/in/*.csv", tmp_path / "out", model)
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.csv", "b.csv"]
    (tmp_path / "out" / "a.csv").write_bytes(_TEXT)
    (tmp_path / "out" / "b.csv").write_bytes(_TEXT)
    predict_folder(str(tmp_path / "out" / "*.csv"), bucket.uri("back/"), model)
    assert bucket.get("back/b.csv") == _SCORED
    with pytest.raises(InputError, match=r"s3://data/in/\*\.nothing holds no table"):
        predict_folder("s3://data/in/*.nothing", tmp_path / "out", model)
    with pytest.raises(UsageError, match="holds the input itself"):
        predict_folder("s3://data/in/*.csv", "s3://data/in", model)


def test_an_interrupted_run_from_an_object_to_a_file_is_continued(
    bucket: Any, model: Any, tmp_path: Path
) -> None:
    text = b"a\n" + b"".join(b"%d\n" % k for k in range(3000))
    source, target = bucket.put("in.csv", text), tmp_path / "out.csv"

    def interrupt(now: Any) -> None:
        if now.rows > 1000:
            raise InterruptedJobError("Stopped.")

    small = BatchOptions(block_bytes=500)
    again = BatchOptions(block_bytes=500, resume=True)
    with pytest.raises(InterruptedJobError):
        predict_file(source, target, model, small, progress=interrupt)
    assert predict_file(source, target, model, again).resumed_rows > 1000
    assert target.read_bytes().splitlines()[-1] == b"2999,2999.0"
    with pytest.raises(InterruptedJobError):
        predict_file(source, target, model, small, progress=interrupt)
    bucket.put("in.csv", text + b"1\n")
    with pytest.raises(UsageError, match=r"s3://data/in\.csv has changed since"):
        predict_file(source, target, model, again)


def test_a_remote_output_is_not_continued(bucket: Any, model: Any, tmp_path: Path) -> None:
    source, options = bucket.put("in/in.csv", _TEXT), BatchOptions(resume=True)
    with pytest.raises(UsageError, match="nothing behind that could be continued"):
        predict_file(source, bucket.uri("out.csv"), model, options)
    with pytest.raises(UsageError, match="nothing can be continued there"):
        predict_folder(bucket.uri("in/"), bucket.uri("out/"), model, options)
    assert bucket.names() == ["in/in.csv"]


def test_an_object_that_changes_while_it_is_read_is_refused(
    bucket: Any, model: Any, tmp_path: Path
) -> None:
    source = bucket.put("in.csv", _MANY + _MANY[9:])
    changed = False

    def change(_: object) -> None:
        nonlocal changed
        if not changed:
            bucket.put("in.csv", _MANY[:9] + b"0" * (len(_MANY) - 9))
            changed = True

    with pytest.raises(InputError, match="it has changed while it was being read"):
        predict_file(source, tmp_path / "out.csv", model, progress=change)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("source", "destination", "error", "expected"),
    [
        ("s3://data/none.csv", "out.csv", InputError, "none.csv cannot be read: there is no such"),
        ("s3://nobody/x.csv", "out.csv", InputError, "there is no bucket 'nobody'"),
        ("s3://data/in/", "out.csv", InputError, "s3://data/in/ is a folder"),
        ("s3://data/in.csv", "s3://nobody/x.csv", UsageError, "there is no bucket 'nobody'"),
        ("s3://data/in.csv", "s3://data/in.csv", UsageError, "is the input itself"),
        ("s3://data/in.csv", "s3://data/out/", UsageError, "the name of a file is expected"),
        ("s3://data/in.csv", "s3://data", UsageError, "the name of a file is expected"),
        ("s3://data/in.csv", "https://host/x.csv", UsageError, "a web server only gives files"),
        ("s3://data/in.csv", "ftp://host/x.csv", UsageError, "ftp:// is no place that is known"),
        ("s3://me:hidden@data/in.csv", "x.csv", UsageError, "s3://data/in.csv was given with"),
        ("s3://data/in.csv", "s3://data/x.tsv", UsageError, "different suffixes"),
    ],
)
def test_a_mistake_is_one_clear_sentence(  # noqa: PLR0917
    bucket: Any,
    model: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    destination: str,
    error: type[Exception],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    bucket.put("in.csv", _TEXT)
    bucket.put("in/part.csv", _TEXT)
    with pytest.raises(error, match=expected) as caught:
        predict_file(source, destination, model)
    assert "hidden" not in str(caught.value)
    assert "\n" not in str(caught.value).partition("\n")[2]
    assert bucket.names() == ["in.csv", "in/part.csv"]
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_fails_while_it_is_written_to_leaves_nothing(bucket: Any, model: Any) -> None:
    source = bucket.put("in.csv", _MANY)

    def remove(now: Any) -> None:
        if bucket.uploads():
            for upload in bucket.client.list_multipart_uploads(Bucket="data")["Uploads"]:
                bucket.client.abort_multipart_upload(
                    Bucket="data", Key=upload["Key"], UploadId=upload["UploadId"]
                )

    with (
        pytest.raises(EngineError, match=r"s3://data/out\.csv could not be written"),
        pytest.warns(UserWarning, match="could not be aborted"),
    ):
        predict_file(source, bucket.uri("out.csv"), model, progress=remove)
    assert bucket.names() == ["in.csv"]
