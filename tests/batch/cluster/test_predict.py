"""What a cluster writes is what one machine writes, byte for byte."""

import dataclasses
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

from mlserve_cli.batch import BatchOptions, OnError, Progress, predict_file, predict_folder
from mlserve_cli.batch.cluster import (
    ClusterOptions,
    Shipment,
    predict_on_cluster,
)
from mlserve_cli.errors import (
    InputError,
    InterruptedJobError,
    MlserveError,
    UsageError,
)

if TYPE_CHECKING:
    from .conftest import Cluster

pytestmark = pytest.mark.xdist_group("dask")

_BLOCK_BYTES = 300
_SHARD_BYTES = 1000


def rows(count: int, end: str = "\n") -> str:
    return "".join(f"{k},{k / 3:.3f},{-k},row {k}{end}" for k in range(count))


_TEXTS: dict[str, tuple[str, bytes]] = {
    "plain": ("in.csv", b"id,a,b,c\n" + rows(300).encode()),
    "quoted-line-ends": (
        "in.csv",
        b"id,a,b,c\n" + b"".join(b'%d,1.5,2,"two\nlines, ""%d"""\n' % (k, k) for k in range(300)),
    ),
    "mixed-line-ends": (
        "in.csv",
        b"\xef\xbb\xbf\r\nid,a,b,c\r\n"
        + b"".join(f"{k},1,2,x".encode() + (b"\n", b"\r\n", b"\n\n")[k % 3] for k in range(300))
        + b"last,1,2,without an end",
    ),
    "only-a-header": ("in.csv", b"id,a,b,c\n"),
    "faulty-rows": (
        "in.csv",
        b"id,a,b,c\n"
        + b"".join(b'%d,%s,2,"\n"\n' % (k, b"1" if k % 7 else b"what") for k in range(300)),
    ),
    "json-lines": (
        "in.jsonl",
        b"".join(
            json.dumps({"id": k, "a": k, "b": 0.5 if k % 9 else "no number"}).encode() + b"\n"
            for k in range(300)
        ),
    ),
}


@pytest.fixture
def on_cluster(cluster: "Cluster", shipment: Shipment) -> Callable[..., Any]:
    """Scores on the shared cluster."""

    def run(
        source: Path,
        destination: Path,
        options: BatchOptions | None = None,
        progress: Callable[[Progress], None] | None = None,
        shipment: Shipment = shipment,
    ) -> Any:
        options = options or BatchOptions(block_bytes=_BLOCK_BYTES, on_error=OnError.SKIP)
        where = ClusterOptions(cluster.address, _SHARD_BYTES)
        return predict_on_cluster(source, destination, shipment, options, where, progress=progress)

    return run


def contents(folder: Path) -> dict[str, bytes]:
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.mark.parametrize("text", _TEXTS)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_shards_join_to_the_local_result(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path, text: str, suffix: str
) -> None:
    name, data = _TEXTS[text]
    source = tmp_path / name
    source.write_bytes(data)
    for folder in ("local", "cluster"):
        (tmp_path / folder).mkdir()
    options = BatchOptions(block_bytes=_BLOCK_BYTES, on_error=OnError.SKIP)
    destination = name + suffix
    expected = predict_file(source, tmp_path / "local" / destination, shipment.load(), options)
    report = on_cluster(source, tmp_path / "cluster" / destination)
    assert contents(tmp_path / "cluster") == contents(tmp_path / "local")
    assert (report.rows, report.skipped) == (expected.rows, expected.skipped)
    assert (report.engine, report.resumed_rows) == (expected.engine, 0)


def test_other_formats_are_scored_by_one_worker(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path
) -> None:
    source = tmp_path / "in.parquet"
    pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}).to_parquet(source)
    predict_file(source, tmp_path / "local.csv", shipment.load())
    with pytest.warns(UserWarning, match="cannot be cut, so one worker scores it"):
        on_cluster(source, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()
    assert sorted(contents(tmp_path)) == ["in.parquet", "local.csv", "out.csv"]


@pytest.mark.parametrize("format_", ["csv", "jsonl", "parquet"])
def test_the_name_that_is_given_tells_columns_and_format(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path, format_: str
) -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    stored, linked = tmp_path / "0f3a", tmp_path / "results"
    match format_:
        case "csv":
            frame.to_csv(stored, index=False)
        case "jsonl":
            frame.to_json(stored, orient="records", lines=True)
        case _:
            frame.to_parquet(stored)
    source = tmp_path / "b=2.5" / f"in.{format_}"
    source.parent.mkdir()
    # As tools do that keep data by its digest.
    source.symlink_to(stored)
    local, out = (tmp_path / folder / f"out.{format_}" for folder in ("local", "cluster"))
    for destination in (local, out):
        destination.parent.mkdir()
        destination.symlink_to(linked)
    expected = predict_file(source, local, shipment.load())
    written = linked.read_bytes()
    linked.unlink()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".* cannot be cut")
        report = on_cluster(source, out)
    assert linked.read_bytes() == written
    assert out.is_symlink()
    assert report.rows == expected.rows == 2


def test_what_all_shards_say_is_not_said_by_each(
    on_cluster: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("in.csv").write_text("id;a;b;c\n" + rows(300).replace(",", ";"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        on_cluster(Path("in.csv"), Path("out.csv"))
    told = [str(warning.message) for warning in caught]
    # The one who cuts the file says so too.
    assert told == ["in.csv separates its fields by ';'; so it is read."] * 2


def test_a_folder_keeps_its_shape(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    for text, (name, content) in _TEXTS.items():
        (data / f"kind={text}").mkdir(parents=True)
        (data / f"kind={text}" / name).write_bytes(content)
    pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]}).to_parquet(data / "more.parquet")
    options = BatchOptions(block_bytes=_BLOCK_BYTES, on_error=OnError.SKIP)
    expected = predict_folder(data, tmp_path / "local", shipment.load(), options)
    report = on_cluster(data, tmp_path / "out")
    assert contents(tmp_path / "out") == contents(tmp_path / "local")
    assert (report.rows, report.skipped) == (expected.rows, expected.skipped)
    assert report.errors == f"{tmp_path / 'out'}/*.errors.jsonl"
    assert [path.name for path in (tmp_path / "out").glob(".*")] == []


@pytest.mark.parametrize("content", ["faulty-rows", "unclosed", "short"])
def test_the_first_faulty_row_is_named_as_locally(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path, content: str
) -> None:
    data = _TEXTS["plain"][1]
    match content:
        case "faulty-rows":
            data += b"x,what,2,c\n" + rows(100).encode() + b"x,again,2,c\n"
        case "unclosed":
            data += b'x,1,2,"' + rows(100).encode()
        case "short":
            data += b"x,1\n" + rows(100).encode()
    source = tmp_path / "in.csv"
    source.write_bytes(data)
    options = BatchOptions(block_bytes=_BLOCK_BYTES)
    with pytest.raises(MlserveError) as local:
        predict_file(source, tmp_path / "out.csv", shipment.load(), options)
    with pytest.raises(MlserveError) as distributed:
        on_cluster(source, tmp_path / "out.csv", options)
    assert type(distributed.value) is type(local.value)
    assert str(distributed.value) == str(local.value)
    assert "row 301 (line 302 of the file)" in str(local.value)
    assert list(contents(tmp_path)) == ["in.csv"]


def test_a_faulty_file_of_a_folder_is_named_as_the_user_does(
    on_cluster: Callable[..., Any],
    shipment: Shipment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    Path("data/1.csv").write_text("a,b\n1,2\n")
    Path("data/2.csv").write_text("a,b\n1,2\n1,x\n")
    Path("data/3.csv").write_text("a,b\n1,y\n")
    with pytest.raises(InputError) as local:
        predict_folder("data", "local", shipment.load())
    with pytest.raises(InputError) as distributed:
        on_cluster(Path("data"), Path("out"), BatchOptions())
    assert str(distributed.value) == str(local.value)
    assert str(local.value).startswith("data/2.csv, row 2 (line 3 of the file), column 'b'")
    assert Path("out/1.csv").read_bytes() == Path("local/1.csv").read_bytes()
    assert not Path("out/2.csv").exists()


def test_too_many_faulty_rows_end_the_job(on_cluster: Callable[..., Any], tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(_TEXTS["faulty-rows"][1])
    options = BatchOptions(block_bytes=_BLOCK_BYTES, on_error=OnError.SKIP, max_errors=20)
    with pytest.raises(InputError, match="could not be scored, 20 were allowed"):
        on_cluster(source, tmp_path / "out.csv", options)
    assert list(contents(tmp_path)) == ["in.csv"]


def test_a_worker_that_does_not_see_the_model_gets_its_content(
    on_cluster: Callable[..., Any],
    shipment: Shipment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(_TEXTS["plain"][1])
    predict_file(source, tmp_path / "local.csv", shipment.load())
    monkeypatch.chdir(shipment.path)
    # Every process has another folder there.
    unseen = dataclasses.replace(shipment, path=Path("/proc/self/cwd"))
    on_cluster(source, tmp_path / "out.csv", shipment=unseen)
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "local.csv").read_bytes()


def test_another_version_on_a_worker_is_refused(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=r"A worker runs mlserve .*, but the job was started by"):
        dataclasses.replace(shipment, version="0.0.1").load()


def test_an_interrupted_job_is_continued(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path
) -> None:
    def interrupt(now: Progress) -> None:
        if now.rows > 50:
            raise InterruptedJobError("Stopped.")

    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(_TEXTS["faulty-rows"][1])
    options = BatchOptions(block_bytes=_BLOCK_BYTES, on_error=OnError.SKIP)
    predict_file(source, tmp_path / "local.csv", shipment.load(), options)
    with pytest.raises(InterruptedJobError):
        on_cluster(source, out, options, interrupt)
    assert not out.exists()
    resumed = dataclasses.replace(options, resume=True)
    with pytest.raises(UsageError, match="the options are others"):
        on_cluster(source, out, dataclasses.replace(resumed, prediction_column="p"))
    report = on_cluster(source, out, resumed)
    assert report.resumed_rows > 50
    assert (report.rows, report.skipped) == (257, 43)
    assert out.read_bytes() == (tmp_path / "local.csv").read_bytes()
    errors = (tmp_path / "out.csv.errors.jsonl").read_bytes()
    assert errors == (tmp_path / "local.csv.errors.jsonl").read_bytes()
    assert not list(tmp_path.glob(".*"))


def test_a_folder_that_was_begun_on_one_machine_is_finished(
    on_cluster: Callable[..., Any], shipment: Shipment, tmp_path: Path
) -> None:
    def interrupt(now: Progress) -> None:
        if now.rows > 350:
            raise InterruptedJobError("Stopped.")

    data, out = tmp_path / "data", tmp_path / "out"
    data.mkdir()
    for name in ("1.csv", "2.csv"):
        (data / name).write_bytes(_TEXTS["plain"][1])
    options = BatchOptions(block_bytes=_BLOCK_BYTES)
    with pytest.raises(InterruptedJobError):
        predict_folder(data, out, shipment.load(), options, progress=interrupt)
    report = on_cluster(data, out, dataclasses.replace(options, resume=True))
    assert (report.rows, report.resumed_rows) == (600, 300)
    assert sorted(contents(out)) == ["1.csv", "2.csv"]


def test_without_resume_a_job_starts_afresh_and_says_so(
    on_cluster: Callable[..., Any], tmp_path: Path
) -> None:
    def interrupt(now: Progress) -> None:
        if now.rows > 50:
            raise InterruptedJobError("Stopped.")

    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(_TEXTS["plain"][1])
    options = BatchOptions(block_bytes=_BLOCK_BYTES)
    with pytest.raises(InterruptedJobError):
        on_cluster(source, out, options, interrupt)
    with pytest.warns(UserWarning, match="--resume would have continued it"):
        report = on_cluster(source, out, options)
    assert (report.rows, report.resumed_rows) == (300, 0)


@pytest.mark.parametrize("many", [False, True])
def test_a_second_run_to_the_same_place_is_refused(
    on_cluster: Callable[..., Any], tmp_path: Path, *, many: bool
) -> None:
    source = tmp_path / "data" / "in.csv"
    source.parent.mkdir()
    source.write_bytes(_TEXTS["plain"][1])
    given, out = (source.parent, tmp_path / "out") if many else (source, tmp_path / "out.csv")
    refused: list[str] = []

    def again(_: Progress) -> None:
        if not refused:
            with pytest.raises(UsageError, match="being written by another run") as error:
                on_cluster(given, out)
            refused.append(str(error.value))

    report = on_cluster(given, out, None, again)
    assert refused
    assert report.rows == 300
