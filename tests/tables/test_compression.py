"""Output compressed piece by piece."""

from typing import TYPE_CHECKING

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.tables.compression import compress
from mlserve_cli.tables.formats import Compression

if TYPE_CHECKING:
    from pathlib import Path

_COMPRESSIONS = [Compression.GZIP, Compression.BZ2, Compression.ZSTD]


@pytest.mark.parametrize("compression", _COMPRESSIONS)
@given(pieces=st.lists(st.binary(max_size=200), max_size=6))
def test_readers_join_the_pieces(
    tmp_path_factory: pytest.TempPathFactory, compression: Compression, pieces: list[bytes]
) -> None:
    path: Path = tmp_path_factory.mktemp("pieces") / "file"
    path.write_bytes(b"".join(compress(piece, compression) for piece in pieces))
    if not any(pieces):
        assert path.read_bytes() == b""
        return
    with pa.input_stream(str(path), compression=compression.value) as stream:
        assert stream.read() == b"".join(pieces)


@pytest.mark.parametrize("compression", Compression)
def test_the_same_piece_gives_the_same_bytes(compression: Compression) -> None:
    data = b"a,b\n" * 1000
    assert compress(data, compression) == compress(data, compression)
