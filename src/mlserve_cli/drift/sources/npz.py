"""NumPy's archives: one matrix, or one array per column; large ones are read in blocks."""

import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.sources.arrays import (
    ArrayDataset,
    ColumnsDataset,
    block_rows,
    kind_of,
    position_names,
    readable,
    shape_of,
)
from mlserve_cli.drift.sources.interface import Field, Texts
from mlserve_cli.drift.sources.npy import NpyDataset, npy_header
from mlserve_cli.drift.sources.remembered import Remembered
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.sources.interface import Dataset

_SUFFIX = ".npy"
# Of a local header: its length without name and further fields, and where their lengths stand.
_LOCAL_HEADER, _LENGTHS = 30, slice(26, 30)


def open_npz(path: Path, kept_bytes: int) -> "Dataset":
    """The data in an `.npz` file: one matrix, or one array per column.

    Args:
        path: The file.
        kept_bytes: Up to which size its values are kept in memory.

    Raises:
        InputError: It is no such file, or holds something else.
    """
    with _reading(path), zipfile.ZipFile(path) as archive:
        members = [info for info in archive.infolist() if info.filename.endswith(_SUFFIX)]
    if sum(info.file_size for info in members) <= kept_bytes:
        return _in_memory(path)
    if len(members) == 1:
        return _matrix(path, members[0], kept_bytes)
    return Remembered(_ColumnsStream(path, members), kept_bytes)


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Translates what is raised for archives that cannot be read."""
    try:
        yield
    except ValueError as error:
        if "pickle" in str(error):
            kind_of(np.dtype(np.object_), str(path))
        raise InputError(f"{path} is no readable npz file: {error}.") from error
    except (
        zipfile.BadZipFile,
        zlib.error,
        EOFError,
        OSError,
        KeyError,
        TypeError,
        # A password, or a way of compression that is not known here.
        RuntimeError,
    ) as error:
        raise InputError(f"{path} is no readable npz file: {error}.") from error


def _in_memory(path: Path) -> ArrayDataset | ColumnsDataset:
    # numpy leaves a file open that it opened itself and could not read.
    with _reading(path), path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
        arrays = {key: archive[key] for key in archive.files}
    if not arrays:
        raise InputError(f"{path} holds no arrays.")
    if len(arrays) == 1:
        return ArrayDataset(next(iter(arrays.values())), str(path))
    return ColumnsDataset.of_arrays(arrays, str(path))


def _matrix(path: Path, member: zipfile.ZipInfo, kept_bytes: int) -> "Dataset":
    if member.compress_type == zipfile.ZIP_STORED and not member.flag_bits & 1:
        with _reading(path), path.open("rb") as file:
            file.seek(member.header_offset)
            lengths = np.frombuffer(file.read(_LOCAL_HEADER)[_LENGTHS], "<u2")
        return NpyDataset(path, member.header_offset + _LOCAL_HEADER + int(lengths.sum()))
    stream = _MatrixStream(path, member)
    # Columns that follow each other cannot be read side by side from what is compressed.
    return _in_memory(path) if stream.by_column else Remembered(stream, kept_bytes)


@dataclass(frozen=True, slots=True)
class _Header:
    """What an archive says of an array.

    Attributes:
        member: Where it stands.
        shape: Rows and columns.
        by_column: Whether columns follow each other.
        dtype: Type of its values.
    """

    member: zipfile.ZipInfo
    shape: tuple[int, int]
    by_column: bool
    dtype: "np.dtype[Any]"


def _header_of(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> _Header:
    name = f"{path}, array {member.filename.removesuffix(_SUFFIX)!r},"
    with archive.open(member) as file:
        shape, by_column, dtype = npy_header(file, name)
    kind_of(dtype, name)
    rows, width = shape_of(shape, name)
    return _Header(member, (rows, width), by_column and width > 1, dtype)


class _MatrixStream:
    """A compressed matrix, row after row. See `Stream`."""

    named = False
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, member: zipfile.ZipInfo) -> None:
        self.name = str(path)
        self._path = path
        with _reading(path), zipfile.ZipFile(path) as archive:
            self._header = _header_of(path, archive, member)
        self.by_column = self._header.by_column
        dtype = self._header.dtype
        kind = kind_of(dtype, self.name)
        names = position_names(self._header.shape[1])
        self.fields = tuple(Field(name, str(dtype), kind) for name in names)

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        rows, width = self._header.shape
        step = block_rows(width * self._header.dtype.itemsize)
        with (
            _reading(self._path),
            zipfile.ZipFile(self._path) as archive,
            archive.open(self._header.member) as file,
        ):
            npy_header(file, self.name)
            for start in range(0, rows, step):
                values = _read(file, min(step, rows - start) * width, self._header.dtype)
                block = values.reshape(-1, width)[:, list(positions)]
                yield [readable(np.ascontiguousarray(column)) for column in block.T]


class _ColumnsStream:
    """One array per column, read side by side. See `Stream`."""

    named = True
    notes: tuple[str, ...] = ()

    def __init__(self, path: Path, members: list[zipfile.ZipInfo]) -> None:
        self.name = str(path)
        self._path = path
        with _reading(path), zipfile.ZipFile(path) as archive:
            self._headers = [_header_of(path, archive, member) for member in members]
        if len({header.shape for header in self._headers}) > 1 or self._headers[0].shape[1] > 1:
            shapes = ", ".join(f"{_key(h)} {h.shape}" for h in self._headers)
            raise InputError(
                f"{path} holds arrays that are no columns of one table: {shapes}.",
                hint="Save one matrix, or arrays of one length with one column each.",
            )
        self.fields = tuple(
            Field(_key(header), str(header.dtype), kind_of(header.dtype, self.name))
            for header in self._headers
        )

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        headers = [self._headers[position] for position in positions]
        rows = headers[0].shape[0]
        step = block_rows(sum(header.dtype.itemsize for header in headers))
        with _reading(self._path), ExitStack() as stack:
            archive = stack.enter_context(zipfile.ZipFile(self._path))
            files = [stack.enter_context(archive.open(header.member)) for header in headers]
            for file in files:
                npy_header(file, self.name)
            for start in range(0, rows, step):
                count = min(step, rows - start)
                yield [
                    readable(_read(file, count, header.dtype))
                    for file, header in zip(files, headers, strict=True)
                ]


def _key(header: _Header) -> str:
    return header.member.filename.removesuffix(_SUFFIX)


def _read(file: IO[bytes], count: int, dtype: "np.dtype[Any]") -> "NDArray[Any]":
    content = file.read(count * dtype.itemsize)
    if len(content) < count * dtype.itemsize:
        message = "an array is shorter than it says"
        raise EOFError(message)
    return np.frombuffer(content, dtype).astype(dtype.newbyteorder("="), copy=False)
