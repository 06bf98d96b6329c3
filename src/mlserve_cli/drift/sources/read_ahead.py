"""Reads a block while the one before is being counted."""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from mlserve_cli.drift.sources.interface import Texts

    Block = list[NDArray[Any] | Texts]


def read_ahead(blocks: "Iterator[Block]") -> "Iterator[Block]":
    """The same blocks, of which the next one is read while one is being counted."""
    with ThreadPoolExecutor(1, "read-ahead") as reader:
        coming = reader.submit(next, blocks, None)
        while (block := coming.result()) is not None:
            coming = reader.submit(next, blocks, None)
            yield block
