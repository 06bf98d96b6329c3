"""NumPy's own files, read in blocks, whatever their size."""

import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO

import numpy as np

from mlserve_cli.drift.sources.arrays import (
    Turner,
    block_rows,
    kind_of,
    position_names,
    readable,
    shape_of,
    spread,
)
from mlserve_cli.drift.sources.interface import Field, Texts
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray


_READERS = {
    (1, 0): np.lib.format.read_array_header_1_0,
    (2, 0): np.lib.format.read_array_header_2_0,
}


class NpyDataset:
    """A `.npy` file, read in blocks into one buffer.

    Args:
        path: The file.
        start: Where it begins in the file; other than 0 inside of an archive.

    Raises:
        InputError: It is no such file, is truncated, or its values cannot be compared.
    """

    named = False
    notes: tuple[str, ...] = ()
    columns_at_once: int | None = None

    def __init__(self, path: Path, start: int = 0) -> None:
        self.name = str(path)
        self._path = path
        with path.open("rb") as file:
            file.seek(start)
            shape, self._by_column, self._dtype = npy_header(file, self.name)
            self._offset = file.tell()
        self._rows, self._width = shape_of(shape, self.name)
        kind = kind_of(self._dtype, self.name)
        expected = self._offset + self._rows * self._width * self._dtype.itemsize
        found = path.stat().st_size
        if found < expected:
            raise InputError(
                f"{self.name} is truncated: it has {found:,} bytes, and its header promises "
                f"{expected:,}.",
                hint="Write or copy the file again.",
            )
        names = position_names(self._width)
        self.fields = tuple(Field(name, str(self._dtype), kind) for name in names)

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        rows = block_rows(self._width * self._dtype.itemsize)
        with self._path.open("rb", buffering=0) as file:
            if self._by_column:
                rows = block_rows(max(1, len(positions)) * self._dtype.itemsize)
                yield from self._column_blocks(file, positions, rows)
                return
            turner = Turner(self._dtype, positions, self._width, rows)
            buffer = np.empty((rows, self._width), self._dtype)
            file.seek(self._offset)
            for start in range(0, self._rows, rows):
                block = buffer[: min(rows, self._rows - start)]
                self._fill(file, block)
                yield turner.turn(block)

    def _column_blocks(
        self, file: BinaryIO, positions: Sequence[int], rows: int
    ) -> "Iterator[list[NDArray[Any] | Texts]]":
        buffer = np.empty((len(positions), rows), self._dtype)
        size = self._dtype.itemsize
        native = self._dtype.newbyteorder("=")
        for start in range(0, self._rows, rows):
            block = buffer[:, : min(rows, self._rows - start)]
            for column, position in zip(block, positions, strict=True):
                file.seek(self._offset + (position * self._rows + start) * size)
                self._fill(file, column)
            yield [readable(column.astype(native, copy=False)) for column in block]

    def _fill(self, file: BinaryIO, target: "NDArray[Any]") -> None:
        """Reads exactly as many bytes as `target` has."""
        view = target.view(np.uint8).reshape(-1).data
        done = 0
        while done < len(view):
            count = file.readinto(view[done:])  # type: ignore[attr-defined]
            if not count:
                raise InputError(f"{self.name} has become shorter while it was read.")
            done += count

    def sample(self, positions: Sequence[int], rows: int) -> "list[NDArray[Any] | Texts]":
        """See `Dataset.sample`."""
        runs = spread(self._rows, rows)
        # Read, not mapped: of a mapped file far more than the sample counts as used memory.
        with self._path.open("rb", buffering=0) as file:
            if self._by_column:
                columns = [
                    np.concatenate([self._run(file, position * self._rows, run, 1) for run in runs])
                    for position in positions
                ]
            else:
                parts = [self._run(file, 0, run, self._width)[:, positions] for run in runs]
                columns = list(np.concatenate(parts).T)
        native = self._dtype.newbyteorder("=")
        return [readable(np.ascontiguousarray(column.ravel(), native)) for column in columns]

    def _run(self, file: BinaryIO, first: int, run: slice, width: int) -> "NDArray[Any]":
        """Rows of the file, of shape `(rows, width)`, counted from its value number `first`."""
        values = np.empty((run.stop - run.start, width), self._dtype)
        file.seek(self._offset + (first + run.start * width) * self._dtype.itemsize)
        self._fill(file, values)
        return values


def npy_header(file: IO[bytes], name: str) -> "tuple[tuple[int, ...], bool, np.dtype[Any]]":
    """Shape, whether columns follow each other, and type; the file is then at the first value.

    Raises:
        InputError: It is no such file, or of a version that is not read.
    """
    try:
        version = np.lib.format.read_magic(file)
        if version in _READERS:
            shape, by_column, dtype = _READERS[version](file)
            if min(shape, default=0) < 0:
                raise InputError(f"{name} is no readable npy file: its shape is {shape}.")
            return shape, by_column, dtype
    except (ValueError, EOFError, SyntaxError, TypeError, tokenize.TokenError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise InputError(f"{name} is no readable npy file: {first}.") from error
    raise InputError(
        f"{name} is an npy file of version {version[0]}.{version[1]}, expected 1.0 or 2.0.",
        hint="Save the fields of a structured array as columns of Parquet or CSV.",
    )
