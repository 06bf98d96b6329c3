"""A job as a process: pipes, signals, memory, and what it imports."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

_SCRIPT = Path(__file__).with_name("scoring_process.py")
_ROWS = b"".join(b"%d,%d,x\n" % (k, k) for k in range(5000))
_SCORED = b"".join(b"%d,%d,x,%d.0\n" % (k, k, k + k) for k in range(5000))


def command(*arguments: str | Path) -> list[str]:
    return [sys.executable, str(_SCRIPT), *map(str, arguments)]


def test_standard_input_and_output_are_pipes() -> None:
    done = subprocess.run(
        command("-", "-"), input=b"a,b,c\n" + _ROWS, capture_output=True, check=True
    )
    assert done.stdout == b"a,b,c,prediction\n" + _SCORED
    assert done.stderr == b""


@pytest.mark.parametrize(
    ("streams", "places", "message"),
    [("<&-", "- out.csv", "Standard input is closed"), (">&-", "- -", "Standard output is closed")],
)
def test_streams_that_are_closed_are_one_error(
    tmp_path: Path, streams: str, places: str, message: str
) -> None:
    line = f"{sys.executable} {_SCRIPT} {places} {streams}"
    done = subprocess.run(
        ["sh", "-c", line], input=b"a,b\n1,2\n", capture_output=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 2
    assert done.stderr.decode().startswith(message)
    assert list(tmp_path.iterdir()) == []


def test_a_pipe_that_trickles_gives_whole_rows() -> None:
    with subprocess.Popen(
        command("-", "-"), stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for piece in (b"a,", b'b\n"1', b'",2\r', b"\n3,", b"4"):
            process.stdin.write(piece)
        process.stdin.close()
        assert process.stdout.read() == b'a,b,prediction\n"1",2,3.0\r\n3,4,7.0'


def test_neither_pandas_nor_scikit_learn_nor_scipy_is_imported(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b,c\n" + _ROWS + b"+1,NA,x\n")
    done = subprocess.run(
        command(source, tmp_path / "out.csv", "modules"), capture_output=True, check=True
    )
    assert done.stderr == b""


def test_a_reader_that_leaves_is_a_broken_pipe() -> None:
    with subprocess.Popen(
        command("-", "-"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stdin.write(b"a,b,c\n" + _ROWS)
        process.stdin.close()
        assert b"BrokenPipeError" in process.stderr.read()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_a_killed_job_leaves_the_output_as_it_was(tmp_path: Path, number: signal.Signals) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b,c\n" + _ROWS)
    destination.write_bytes(b"before")
    with subprocess.Popen(command(source, destination, "slow"), stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"started\n"
        process.send_signal(number)
        process.stderr.read()
    assert process.returncode != 0
    assert destination.read_bytes() == b"before"
    subprocess.run(command(source, destination), check=True)
    assert destination.read_bytes() == b"a,b,c,prediction\n" + _SCORED
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]


def test_a_full_disk_is_one_error() -> None:
    done = subprocess.run(
        command("-", "/dev/full"), input=b"a,b,c\n" + _ROWS, capture_output=True, check=False
    )
    assert done.returncode == 6
    assert done.stderr.startswith(b"/dev/full could not be written: No space left on device.")


def test_a_device_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(b"a,b\n1,2\n")
    done = subprocess.run(command(source, "/dev/stdout"), capture_output=True, check=True)
    assert done.stdout == b"a,b,prediction\n1,2,3.0\n"


_LARGE = "MLSERVE_TEST_LARGE"


@pytest.mark.slow
@pytest.mark.skipif(_LARGE not in os.environ, reason=f"takes 11 GB of disk: {_LARGE}=1")
def test_five_gigabytes_take_no_more_memory(tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    rows = b"".join(b"%d,%d,%s\n" % (k, k, b"x" * 170) for k in range(5000))
    with source.open("wb") as file:
        file.write(b"a,b,c\n")
        for _ in range(5_400_000_000 // len(rows)):
            file.write(rows)
    try:
        assert source.stat().st_size > 5_300_000_000
        done = subprocess.run(
            command(source, tmp_path / "out.csv", "memory"), capture_output=True, check=True
        )
        assert int(done.stderr) < 250 * 1024
        assert (tmp_path / "out.csv").stat().st_size > source.stat().st_size
    finally:
        # pytest keeps what a test leaves.
        for path in tmp_path.iterdir():
            path.unlink()


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' /proc")
@pytest.mark.parametrize("written", [".parquet", ".csv", ".arrow"])
@pytest.mark.parametrize("given_as", [".parquet", ".arrow", ".npy"])
def test_large_groups_of_rows_take_little_memory(
    tmp_path: Path, given_as: str, written: str
) -> None:
    """A million rows of 20 columns in one group are 160 MB."""
    source = tmp_path / f"in{given_as}"
    values = np.random.default_rng(0).standard_normal((1_000_000, 20))
    if given_as == ".npy":
        np.save(source, values[:, :2])
    else:
        names = ["a", "b", *(f"c{k}" for k in range(18))]
        table = pa.table([pa.array(column) for column in values.T], names=names)
        if given_as == ".parquet":
            pq.write_table(table, source, row_group_size=len(values))
        else:
            with pa.ipc.new_file(source, table.schema) as writer:
                writer.write_table(table)
    done = subprocess.run(
        command(source, tmp_path / f"out{written}", "memory"), capture_output=True, check=True
    )
    assert int(done.stderr) < 250 * 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' /proc")
def test_one_large_compressed_batch_takes_little_memory(tmp_path: Path) -> None:
    """Two million rows are 320 MB; the allocator is the one that the command takes."""
    source = tmp_path / "in.arrow"
    values = np.round(np.random.default_rng(0).standard_normal((2_000_000, 20)), 3)
    names = ["a", "b", *(f"c{k}" for k in range(18))]
    table = pa.table([pa.array(column) for column in values.T], names=names)
    options = pa.ipc.IpcWriteOptions(compression="lz4")
    with pa.ipc.new_file(source, table.schema, options=options) as writer:
        writer.write_table(table)
    done = subprocess.run(
        command(source, tmp_path / "out.parquet", "memory"),
        capture_output=True,
        check=True,
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system"},
    )
    assert int(done.stderr) < 250 * 1024


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads Linux' /proc")
def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    peaks_kib = []
    for repetitions in (100, 4000):
        source = tmp_path / "in.csv"
        with source.open("wb") as file:
            file.write(b"a,b,c\n")
            for _ in range(repetitions):
                file.write(_ROWS)
        done = subprocess.run(
            command(source, tmp_path / "out.csv", "memory"), capture_output=True, check=True
        )
        peaks_kib.append(int(done.stderr))
    assert source.stat().st_size > 200_000_000
    assert peaks_kib[1] < 250 * 1024
    assert peaks_kib[1] < peaks_kib[0] + 50 * 1024
