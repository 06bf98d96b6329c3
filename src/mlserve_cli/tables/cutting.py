"""Text cut into blocks of whole records."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.tables.head import RECORD_BYTES_LIMIT
from mlserve_cli.tables.source import Source

# Smaller blocks would cost more than they save.
_LEAST_BYTES = 1 << 14


class Cut(Protocol):
    """Finds where the last whole record ends."""

    def __call__(self, data: bytes, *, final: bool) -> int:
        """Offset after the last whole record; 0 where none is whole.

        Args:
            data: Bytes from a record's start on.
            final: Whether the input ends with them.

        Raises:
            RowFaultError: A record that does not end.
        """


def cut_blocks(
    source: Source, data: bytes, position: int, block_bytes: int, cut: Cut
) -> Iterator[tuple[bytes, int]]:
    """Blocks of about `block_bytes`, and where each ends. Each depends only on where it begins.

    Args:
        source: What is read.
        data: Bytes that were read already.
        position: Where they begin.
        block_bytes: How much is read at once.
        cut: Finds where the last whole record ends.

    Raises:
        RowFaultError: A record that does not end.
    """
    final = False
    while not final:
        # Doubling keeps the work linear where one record spans many reads.
        size = block_bytes
        while size <= len(data):
            size *= 2
        wanted = min(size, max(RECORD_BYTES_LIMIT + 1, block_bytes)) - len(data)
        piece = source.read(wanted)
        final = len(piece) < wanted
        data += piece
        end = cut(data, final=final)
        if end:
            position += end
            yield data[:end], position
        data = data[end:]


def bounded(block_bytes: int, sample: bytes, most_rows: int) -> int:
    """The size of blocks of about so many rows, if that is less.

    Args:
        block_bytes: Their size.
        sample: The first rows.
        most_rows: At least one.
    """
    rows = max(sample.count(b"\n"), sample.count(b"\r"))
    if not rows:
        return block_bytes
    return min(block_bytes, max(_LEAST_BYTES, most_rows * len(sample) // rows))


def kept_parts(data: bytes, limits: NDArray[np.intp], rows: Sequence[int]) -> bytes:
    """A block without some of its records.

    Args:
        data: The block.
        limits: Where each record begins, and where the last one ends.
        rows: Which ones go, in order.
    """
    edges = np.concatenate(([-1], rows, [len(limits) - 1])).astype(np.intp)
    runs = zip(limits[edges[:-1] + 1].tolist(), limits[edges[1:]].tolist(), strict=True)
    return b"".join(data[start:stop] for start, stop in runs)
