"""Output compressed piece by piece.

Every piece becomes a member of its own: gzip, bz2 and zstd files may have many, and readers join
them. So pieces are compressed by the threads that made them, and a file can be continued.
"""

import bz2
import zlib
from collections.abc import Callable
from typing import assert_never

import pyarrow as pa

from mlserve_cli.tables.formats import Compression

# zlib's own default; level 9 takes three times as long for one percent of size.
_GZIP_LEVEL = 6
# zlib's code for a gzip header; it holds no time, so the same input gives the same bytes.
_GZIP_WINDOW = 16 + zlib.MAX_WBITS


def compress(data: bytes, compression: Compression) -> bytes:
    """`data` as one compressed member; nothing where it is empty. Releases the GIL.

    Args:
        data: What to compress.
        compression: How; NONE gives the data back.
    """
    return _COMPRESSORS[compression](data) if data else b""


def _gzip(data: bytes) -> bytes:
    return zlib.compress(data, _GZIP_LEVEL, _GZIP_WINDOW)


def _zstd(data: bytes) -> bytes:
    return pa.Codec("zstd").compress(data, asbytes=True)  # type: ignore[no-any-return]


def _compressor(compression: Compression) -> Callable[[bytes], bytes]:
    match compression:
        case Compression.NONE:
            return bytes
        case Compression.GZIP:
            return _gzip
        case Compression.BZ2:
            return bz2.compress
        case Compression.ZSTD:
            return _zstd
        case _:
            assert_never(compression)


_COMPRESSORS = {compression: _compressor(compression) for compression in Compression}
