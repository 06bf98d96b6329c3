"""Bytes come in whole, decompressed by content, or the failure is named."""

import bz2
import gzip
import os
from pathlib import Path

import pyarrow as pa
import pytest

from mlserve_cli.errors import InputError
from mlserve_cli.tables.source import Source

_DATA = b"hello,world\n" * 50_000
_COMPRESSED = {
    "gzip": gzip.compress(_DATA),
    "bz2": bz2.compress(_DATA),
    "zstd": pa.compress(_DATA, "zstd", asbytes=True),
}


def read_all(source: Source, size_bytes: int = 1000) -> bytes:
    return b"".join(iter(lambda: source.read(size_bytes), b""))


@pytest.mark.parametrize("name", ["plain", *_COMPRESSED])
@pytest.mark.parametrize("size_bytes", [3, 100_000, 1 << 24])
def test_bytes_are_read_in_the_sizes_asked_for(tmp_path: Path, name: str, size_bytes: int) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(_COMPRESSED.get(name, _DATA))
    with Source(path) as source:
        first = source.read(size_bytes)
        assert len(first) == min(size_bytes, len(_DATA))
        assert first + read_all(source, 100_000) == _DATA
        assert source.read(1) == b""
        assert source.bytes_read == source.size_bytes == path.stat().st_size


@pytest.mark.parametrize("name", list(_COMPRESSED))
def test_compressed_files_may_be_written_one_after_the_other(tmp_path: Path, name: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(_COMPRESSED[name] * 2)
    with Source(path) as source:
        assert read_all(source, 1 << 20) == _DATA * 2


@pytest.mark.parametrize("name", list(_COMPRESSED))
@pytest.mark.parametrize("damage", [lambda data: data[:-5], lambda data: data + b"junk and more"])
def test_a_damaged_file_is_named(tmp_path: Path, name: str, damage: "object") -> None:
    path = tmp_path / "file"
    assert callable(damage)
    path.write_bytes(damage(_COMPRESSED[name]))
    with (
        Source(path) as source,
        pytest.raises(InputError, match=f"file is a truncated or damaged {name} file"),
    ):
        read_all(source)


@pytest.mark.parametrize("data", [b"", b"a", b"\x1f\x8b"[:1]])
def test_files_shorter_than_any_signature_are_plain(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "file"
    path.write_bytes(data)
    with Source(path) as source:
        assert read_all(source) == data


def test_a_pipe_has_no_size(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    # Opened for both, so that neither end waits for the other.
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.write(descriptor, b"abcdef")
        with Source(path) as source:
            assert source.size_bytes is None
            assert source.read(6) == b"abcdef"
    finally:
        os.close(descriptor)


def test_a_missing_file_and_a_directory_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nothing\.csv does not exist"):
        Source(tmp_path / "nothing.csv")
    with pytest.raises(InputError, match="is a directory"):
        Source(tmp_path)
    with pytest.raises(InputError, match="cannot be read: Not a directory"):
        Source(Path(__file__) / "x.csv")
