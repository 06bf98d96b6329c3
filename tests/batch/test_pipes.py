"""Every format through pipes, and every format to every other."""

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from mlserve_cli.batch import BatchOptions, predict_file
from mlserve_cli.errors import UsageError
from mlserve_cli.signature import Column, Signature, Task
from mlserve_cli.tables.formats import Format

_SCRIPT = Path(__file__).with_name("piping_process.py")
_A = [0.5, -2.0, 3e300, 7.0]
_B = [1.0, 2.0, 3.0, 2.0**53]
_EXPECTED = [a + b for a, b in zip(_A, _B, strict=True)]
_TABLE = pa.table({"a": _A, "b": _B})


def encoded(format_: Format) -> bytes:
    """The rows in a format."""
    pairs = list(zip(_A, _B, strict=True))
    buffer = io.BytesIO()
    match format_:
        case Format.CSV | Format.TSV:
            separator = "," if format_ is Format.CSV else "\t"
            lines = [f"a{separator}b", *(f"{a!r}{separator}{b!r}" for a, b in pairs)]
            buffer.write("\n".join(lines).encode())
        case Format.JSONL:
            buffer.write("\n".join(json.dumps({"a": a, "b": b}) for a, b in pairs).encode())
        case Format.PARQUET:
            pq.write_table(_TABLE, buffer, row_group_size=3)
        case Format.ARROW:
            pa.feather.write_feather(_TABLE, buffer)
        case Format.NPY:
            np.save(buffer, np.array(pairs))
        case Format.NPZ:
            np.savez(buffer, np.array(pairs))
    return buffer.getvalue()


def predictions(data: bytes, format_: Format) -> list[float]:
    """What an output says."""
    match format_:
        case Format.CSV | Format.TSV:
            separator = "," if format_ is Format.CSV else "\t"
            head, *lines = data.decode().splitlines()
            assert head.split(separator)[-1] == "prediction"
            return [float(line.split(separator)[-1]) for line in lines]
        case Format.JSONL:
            return [float(json.loads(line)["prediction"]) for line in data.splitlines()]
        case Format.PARQUET:
            return list(map(float, pq.read_table(io.BytesIO(data))["prediction"].to_pylist()))
        case Format.ARROW:
            with pa.ipc.open_stream(data) as reader:
                return list(map(float, reader.read_all()["prediction"].to_pylist()))
        case Format.NPY:
            return list(np.load(io.BytesIO(data)))
        case Format.NPZ:
            return list(np.load(io.BytesIO(data))["predictions"])


def pipe(data: bytes, given: Format, asked: Format | None) -> bytes:
    command = [sys.executable, str(_SCRIPT), given, asked or ""]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    return done.stdout


@pytest.mark.parametrize("given", list(Format))
def test_any_format_comes_through_a_pipe(given: Format) -> None:
    text = given in (Format.TSV, Format.JSONL)
    found = pipe(encoded(given), given, None)
    assert predictions(found, given if text else Format.CSV) == _EXPECTED


@pytest.mark.parametrize("asked", list(Format))
def test_any_format_goes_through_a_pipe(asked: Format) -> None:
    found = pipe(encoded(Format.JSONL), Format.JSONL, asked)
    assert predictions(found, asked) == _EXPECTED


def test_a_stream_of_arrow_is_read_from_a_pipe() -> None:
    buffer = io.BytesIO()
    with pa.ipc.new_stream(buffer, _TABLE.schema) as writer:
        writer.write_table(_TABLE, max_chunksize=1)
    found = pipe(buffer.getvalue(), Format.ARROW, Format.ARROW)
    assert predictions(found, Format.ARROW) == _EXPECTED


@pytest.mark.parametrize("given", [Format.PARQUET, Format.ARROW, Format.NPY, Format.JSONL])
def test_rubbish_in_a_pipe_is_one_clear_error(given: Format) -> None:
    command = [sys.executable, str(_SCRIPT), given, "csv"]
    for data in (b"", b"rubbish", encoded(given)[:-9]):
        done = subprocess.run(command, input=data, capture_output=True, check=False)
        assert done.returncode == 4
        assert done.stderr.startswith(b"standard input")


@pytest.mark.parametrize("asked", [each for each in Format if each is not Format.TSV])
def test_a_reader_that_leaves_ends_any_format(asked: Format) -> None:
    with subprocess.Popen(
        [sys.executable, str(_SCRIPT), "csv", asked],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        # It may be gone before it has read everything.
        with contextlib.suppress(BrokenPipeError):
            process.stdin.write(b"a,b\n" + b"1,2\n" * 50_000)
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
        assert process.stderr.read() == b"gone\n"


_MODEL = Signature(Task.REGRESSION, (Column("a"), Column("b")), named=True)


@pytest.mark.parametrize("asked", list(Format))
@pytest.mark.parametrize("given", list(Format))
def test_any_format_goes_to_any_other_whatever_the_names(
    fake: Any, tmp_path: Path, given: Format, asked: Format
) -> None:
    source, destination = tmp_path / "in", tmp_path / "out"
    source.write_bytes(encoded(given))
    model = fake(_MODEL, labels=lambda batch: batch.sum(axis=1))
    options = BatchOptions(input_format=given, output_format=asked)
    if {given, asked} == {Format.CSV, Format.TSV}:
        with pytest.raises(UsageError, match="lines are passed through as they are"):
            predict_file(source, destination, model, options)
        return
    predict_file(source, destination, model, options)
    data = destination.read_bytes()
    if asked is Format.ARROW:
        assert pa.feather.read_table(str(destination))["prediction"].to_pylist() == _EXPECTED
    else:
        assert predictions(data, asked) == _EXPECTED
