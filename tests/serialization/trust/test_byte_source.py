"""Files take no more memory than they can justify."""

import bz2
import gzip
import io
import lzma
import pickle
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import pytest

from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.serialization.trust.byte_source import open_source
from mlserve_cli.serialization.trust.pickles import load_pickled


def _bomb(declared: int, held: int) -> bytes:
    """A compressed pickle that declares so many bytes, and holds so many zeros."""
    compressor = zlib.compressobj(1)
    head = b"\x80\x04\x8e" + struct.pack("<Q", declared)
    piece = bytes(2**20)
    parts = [compressor.compress(head)]
    parts.extend(compressor.compress(piece) for _ in range(held // len(piece)))
    parts.append(compressor.compress(b"."))
    return b"".join(parts) + compressor.flush()


def _array_of(shape: tuple[int, ...]) -> bytes:
    """A joblib file with an array of three numbers that declares another shape."""
    stream = io.BytesIO()
    joblib.dump(np.zeros(3), stream, protocol=2)
    payload = stream.getvalue()
    assert b"K\x03\x85" in payload
    return payload.replace(b"K\x03\x85", pickle.dumps(shape, protocol=2)[2:-1])


BOMBS: dict[str, Callable[[], bytes]] = {
    "bytes that are not there": lambda: _bomb(2**40, 2**20),
    "bytes that nothing justifies": lambda: _bomb(600 * 2**20, 600 * 2**20),
    "a huge array": lambda: _array_of((2**40,)),
    "an array past all numbers": lambda: _array_of((2**31, 2**31, 2**31)),
    "a negative array": lambda: _array_of((-1, 3)),
    "only marks": lambda: b"\x80\x04" + b"(" * 2_000_000 + b".",
    "only sets": lambda: b"\x80\x04" + b"\x8f" * 10_000_000 + b".",
    "only memos": lambda: b"\x80\x04N" + b"\x94" * 10_000_000 + b".",
    "compressed sets": lambda: zlib.compress(b"\x80\x04" + b"\x8f" * 100_000_000 + b".", 1),
    "a huge dictionary of lzma": lambda: b"\x5d\x00\x00\x00\xf0" + b"\xff" * 8 + bytes(100),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_no_more_memory_than_it_justifies(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(BOMBS[bomb]())
    # In a process of its own: its peak is what the operating system gave.
    script = (
        "import resource, sys\n"
        "from mlserve_cli.errors import CorruptArtifactError\n"
        "from mlserve_cli.serialization.trust.pickles import load_pickled\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    load_pickled(sys.argv[1])\n"
        "except CorruptArtifactError:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )

    assert int(finished.stdout) < 700_000  # KiB


@pytest.mark.parametrize("compression", ["plain", "zlib", "gzip", "bz2", "xz", "lzma"])
def test_bytes_come_exactly_or_not_at_all(compression: str, tmp_path: Path) -> None:
    path = tmp_path / "file"
    content = bytes(range(256)) * 20_000
    if compression == "plain":
        path.write_bytes(content)
    else:
        path.write_bytes(_compressed(content, compression))

    with open_source(path) as source:
        assert source.read(10) == content[:10]
        source.skip(3_000_000)
        buffer = bytearray(100)
        source.read_into(memoryview(buffer))
        assert bytes(buffer) == content[3_000_010:3_000_110]
        assert source.read_large(2_000_000) == content[3_000_110:5_000_110]
        with pytest.raises(EOFError):
            source.read(len(content))


def _compressed(content: bytes, compression: str) -> bytes:
    match compression:
        case "zlib":
            return zlib.compress(content)
        case "gzip":
            return gzip.compress(content)
        case "bz2":
            return bz2.compress(content)
        case "xz":
            return lzma.compress(content)
        case _:
            return lzma.compress(content, format=lzma.FORMAT_ALONE)


def test_a_changed_byte_in_a_compressed_file_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model"
    joblib.dump({"weights": np.arange(1000.0)}, path, compress=("gzip", 1))
    whole = bytearray(path.read_bytes())
    whole[-6] ^= 1  # In the checksum.
    path.write_bytes(whole)

    with pytest.raises(CorruptArtifactError, match="damaged"):
        load_pickled(path)
