"""Interrupted jobs go on where they stopped, and end with the same bytes."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from mlserve_cli.batch import BatchOptions, OnError, Progress, predict_file
from mlserve_cli.errors import InterruptedJobError, UsageError
from mlserve_cli.signature import Column, Signature, Task

_SCRIPT = Path(__file__).with_name("scoring_process.py")
_MODEL = Signature(Task.REGRESSION, (Column("a"), Column("b")), named=True)


def rows(count: int, *, faulty: int = 0) -> bytes:
    """A file with a faulty row every so often, and a field with line ends in it."""
    drawn = random.Random(7)
    lines = [b'a,note,b\n"0","first\r\n""row""",1\n']
    for number in range(count):
        value = b"oops" if faulty and number % faulty == 3 else b"%d" % drawn.randrange(10**9)
        lines.append(b"%d,%s,%s\n" % (number, b"x" * drawn.randrange(30), value))
    return b"".join(lines)


def run(*arguments: str | Path, check: bool = True) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, str(_SCRIPT), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=check)


def interrupt_after(count: int) -> Any:
    def interrupt(now: Progress) -> None:
        if now.rows > count:
            raise InterruptedJobError("Stopped.")

    return interrupt


@pytest.fixture
def interrupted(fake: Any, tmp_path: Path) -> tuple[Path, Path, Any, BatchOptions]:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(rows(2000))
    options = BatchOptions(block_bytes=512, resume=True)
    with pytest.raises(InterruptedJobError), pytest.warns(UserWarning, match="no interrupted run"):
        predict_file(source, destination, fake(_MODEL), options, progress=interrupt_after(700))
    return source, destination, fake(_MODEL), options


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".csv.bz2", ".csv.zst"])
@pytest.mark.parametrize("on_error", OnError)
def test_a_continued_job_ends_with_the_bytes_of_an_uninterrupted_one(
    fake: Any, tmp_path: Path, suffix: str, on_error: OnError
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(2000, faulty=50 if on_error is OnError.SKIP else 0))
    whole, continued = tmp_path / f"whole{suffix}", tmp_path / f"continued{suffix}"
    how: Any = {"block_bytes": 512, "on_error": on_error}
    expected = predict_file(source, whole, fake(_MODEL), BatchOptions(**how))
    for stop in (300, 900, 901, 1500):
        with pytest.raises(InterruptedJobError):
            predict_file(
                source,
                continued,
                fake(_MODEL),
                BatchOptions(**how, resume=stop > 300),
                progress=interrupt_after(stop),
            )
    report = predict_file(source, continued, fake(_MODEL), BatchOptions(**how, resume=True))
    assert continued.read_bytes() == whole.read_bytes()
    assert (report.rows, report.skipped) == (expected.rows, expected.skipped)
    assert 1500 < report.resumed_rows < 2001
    errors = [tmp_path / f"{name.name}.errors.jsonl" for name in (whole, continued)]
    if on_error is OnError.SKIP:
        assert errors[0].read_bytes() == errors[1].read_bytes()
        assert errors[0].read_bytes().count(b"\n") == expected.skipped == 40
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
@pytest.mark.parametrize("on_error", OnError)
def test_a_continued_columnar_job_ends_with_the_bytes_of_an_uninterrupted_one(
    fake: Any, tmp_path: Path, suffix: str, on_error: OnError
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(300_000, faulty=5000 if on_error is OnError.SKIP else 0))
    whole, continued = tmp_path / f"whole{suffix}", tmp_path / f"continued{suffix}"
    how: Any = {"block_bytes": 1 << 16, "on_error": on_error}
    model = fake(_MODEL, labels=lambda batch: batch.sum(axis=1))
    expected = predict_file(source, whole, model, BatchOptions(**how))
    resumed = []
    for stop in (10_000, 80_000, 80_001, 200_000, 1 << 60):
        options = BatchOptions(**how, resume=stop > 80_000)
        try:
            report = predict_file(source, continued, model, options, progress=interrupt_after(stop))
        except InterruptedJobError:
            resumed.append(len(list(tmp_path.glob(f".{continued.name}.checkpoint"))))
    assert resumed == [0, 1, 1, 1]
    assert continued.read_bytes() == whole.read_bytes()
    assert (report.rows, report.skipped) == (expected.rows, expected.skipped)
    assert 65_536 * 2 < report.resumed_rows < 300_000
    if on_error is OnError.SKIP:
        errors = [tmp_path / f"{name.name}.errors.jsonl" for name in (whole, continued)]
        assert errors[0].read_bytes() == errors[1].read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_columnar_file_is_continued_from_one_of_its_kind(
    fake: Any, tmp_path: Path, suffix: str
) -> None:
    import pyarrow as pa
    import pyarrow.feather
    import pyarrow.parquet as pq

    numbers = pa.array(range(250_000), pa.float64())
    table = pa.table({"a": numbers, "b": numbers, "note": [f"n{k % 7}" for k in range(250_000)]})
    source, destination = tmp_path / f"in{suffix}", tmp_path / f"out{suffix}"
    if suffix == ".parquet":
        pq.write_table(table, source, row_group_size=100_000)
    else:
        pyarrow.feather.write_feather(table, str(source), chunksize=100_000)
    model = fake(_MODEL, labels=lambda batch: batch.sum(axis=1))
    predict_file(source, tmp_path / f"whole{suffix}", model)
    with pytest.raises(InterruptedJobError):
        predict_file(source, destination, model, progress=interrupt_after(150_000))
    report = predict_file(source, destination, model, BatchOptions(resume=True))
    assert 60_000 < report.resumed_rows < 250_000
    assert destination.read_bytes() == (tmp_path / f"whole{suffix}").read_bytes()
    found = (
        pq.read_table(destination)
        if suffix == ".parquet"
        else pa.feather.read_table(str(destination))
    )
    assert found.drop_columns("prediction").equals(table)
    assert found["prediction"].to_pylist() == [2.0 * k for k in range(250_000)]


@pytest.mark.parametrize("damaged", [".part", ".contents.part"])
def test_unfinished_columnar_output_that_was_damaged_is_refused(
    fake: Any, tmp_path: Path, damaged: str
) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.parquet"
    source.write_bytes(rows(100_000))
    model = fake(_MODEL, labels=lambda batch: batch.sum(axis=1))
    with pytest.raises(InterruptedJobError):
        predict_file(source, destination, model, progress=interrupt_after(80_000))
    [left] = tmp_path.glob(f".*{destination.name}{damaged}")
    left.write_bytes(left.read_bytes()[:-1] + b"?")
    with pytest.raises(UsageError, match="its unfinished output has changed since"):
        predict_file(source, destination, model, BatchOptions(resume=True))
    with pytest.warns(UserWarning, match="starts afresh"):
        predict_file(source, destination, model)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.parquet"]


def test_compressed_input_is_continued_too(fake: Any, tmp_path: Path) -> None:
    import gzip

    source, destination = tmp_path / "in.csv.gz", tmp_path / "out.csv"
    source.write_bytes(gzip.compress(rows(2000)))
    predict_file(source, tmp_path / "whole.csv", fake(_MODEL))
    with pytest.raises(InterruptedJobError):
        predict_file(
            source,
            destination,
            fake(_MODEL),
            BatchOptions(block_bytes=512),
            progress=interrupt_after(700),
        )
    options = BatchOptions(block_bytes=512, resume=True)
    assert predict_file(source, destination, fake(_MODEL), options).resumed_rows > 700
    assert destination.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_without_resume_it_starts_afresh_and_says_so(interrupted: Any) -> None:
    source, destination, model, _ = interrupted
    with pytest.warns(UserWarning, match="--resume would have continued it"):
        report = predict_file(source, destination, model)
    assert report.resumed_rows == 0
    assert report.rows == 2001


def test_a_changed_input_is_refused(interrupted: Any) -> None:
    source, destination, model, options = interrupted
    source.write_bytes(source.read_bytes().replace(b"1,", b"2,"))
    with pytest.raises(UsageError, match=r"in\.csv has changed since"):
        predict_file(source, destination, model, options)
    assert (destination.parent / ".out.csv.part").exists()


def test_another_model_is_refused(interrupted: Any) -> None:
    source, destination, model, _ = interrupted
    options = BatchOptions(block_bytes=512, resume=True, model_digest="another")
    with pytest.raises(UsageError, match="the model is another one since"):
        predict_file(source, destination, model, options)


def test_other_options_are_refused(interrupted: Any) -> None:
    source, destination, model, _ = interrupted
    options = BatchOptions(block_bytes=512, resume=True, prediction_column="score")
    with pytest.raises(UsageError, match="the options are others since"):
        predict_file(source, destination, model, options)


@pytest.mark.parametrize("damage", ["cut", "changed", "gone"])
def test_unfinished_output_that_was_damaged_is_refused(interrupted: Any, damage: str) -> None:
    source, destination, model, options = interrupted
    part = destination.parent / ".out.csv.part"
    data = part.read_bytes()
    match damage:
        case "cut":
            part.write_bytes(data[:-1])
        case "changed":
            part.write_bytes(data[:-2] + b"9\n")
        case _:
            part.unlink()
    with pytest.raises(UsageError, match="its unfinished output has changed since"):
        predict_file(source, destination, model, options)


def test_what_follows_the_checkpoint_is_written_again(interrupted: Any, tmp_path: Path) -> None:
    source, destination, model, options = interrupted
    with (destination.parent / ".out.csv.part").open("ab") as part:
        part.write(b"half a li")
    predict_file(source, destination, model, options)
    predict_file(source, tmp_path / "whole.csv", model)
    assert destination.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_checkpoint_that_cannot_be_read_counts_as_none(interrupted: Any) -> None:
    source, destination, model, options = interrupted
    (destination.parent / ".out.csv.checkpoint").write_bytes(b'{"job":')
    with pytest.warns(UserWarning, match="no interrupted run"):
        assert predict_file(source, destination, model, options).resumed_rows == 0


def test_a_pipe_cannot_be_continued(fake: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3))
    with pytest.raises(UsageError, match="Only a job from a file to a file"):
        predict_file(source, "-", fake(_MODEL), BatchOptions(resume=True))


def test_a_second_run_to_the_same_output_is_refused(tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(rows(3000))
    command = [sys.executable, str(_SCRIPT), str(source), str(destination), "slow"]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as first:
        assert first.stderr is not None
        assert first.stderr.readline() == b"started\n"
        second = run(source, destination, check=False)
        assert second.returncode == 2
        assert b"is being written by another run" in second.stderr
        first.terminate()
        first.stderr.read()
    assert run(source, destination, "slow", "resume").returncode == 0


def kill_until_done(
    source: Path,
    destination: Path,
    kills: int,
    drawn: random.Random,
    *,
    how: str = "brisk",
    most_seconds: float = 0.05,
) -> int:
    """Kills a job again and again at random times; how often it was killed."""
    command = [sys.executable, str(_SCRIPT), str(source), str(destination), how, "skip"]
    for number in range(kills):
        with subprocess.Popen(
            [*command, *(["resume"] if number else [])],
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as process:
            assert process.stderr is not None
            while (line := process.stderr.readline()) not in (b"started\n", b""):
                pass
            if line:
                time.sleep(drawn.uniform(0, most_seconds))
            os.kill(process.pid, signal.SIGKILL)
            process.stderr.read()
        if process.returncode == 0:
            return number
    subprocess.run([*command, "resume"], check=True, capture_output=True)
    return kills


@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 5), pytest.param(2, 100, marks=pytest.mark.slow)], ids=["few", "many"]
)
def test_a_job_killed_at_random_times_ends_with_the_same_bytes(
    tmp_path: Path, seed: int, kills: int
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(200 * kills, faulty=97))
    run(source, tmp_path / "whole.csv", "skip")
    kill_until_done(source, tmp_path / "killed.csv", kills, random.Random(seed))
    for suffix in ("", ".errors.jsonl"):
        whole = (tmp_path / f"whole.csv{suffix}").read_bytes()
        assert (tmp_path / f"killed.csv{suffix}").read_bytes() == whole


@pytest.mark.parametrize(
    ("seed", "kills"), [(1, 2), pytest.param(2, 7, marks=pytest.mark.slow)], ids=["few", "many"]
)
@pytest.mark.parametrize("suffix", [".parquet", ".arrow"])
def test_a_columnar_job_killed_at_random_times_ends_with_the_same_bytes(
    tmp_path: Path, suffix: str, seed: int, kills: int
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(50_000 * kills + 100_000, faulty=997))
    run(source, tmp_path / f"whole{suffix}", "large", "skip")
    killed, drawn = tmp_path / f"killed{suffix}", random.Random(seed)
    kill_until_done(source, killed, kills, drawn, how="large", most_seconds=0.6)
    for end in ("", ".errors.jsonl"):
        whole = (tmp_path / f"whole{suffix}{end}").read_bytes()
        assert (tmp_path / f"killed{suffix}{end}").read_bytes() == whole
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small file system")
def test_a_full_disk_keeps_what_is_finished(tmp_path: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this machine does not let root mount")
    try:
        source, destination = tmp_path / "in.csv", small / "out.csv"
        source.write_bytes(rows(100_000))
        (small / "ballast").write_bytes(b"x" * 100_000)
        full = run(source, destination, "brisk", check=False)
        assert full.returncode == 6
        assert b"No space left on device" in full.stderr
        assert b"with --resume" in full.stderr
        assert not destination.exists()
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        resumed = run(source, destination, "brisk", "resume")
        assert b"no interrupted run" not in resumed.stderr
        run(source, tmp_path / "whole.csv")
        assert destination.read_bytes() == (tmp_path / "whole.csv").read_bytes()
    finally:
        subprocess.run(["umount", str(small)], check=True)
