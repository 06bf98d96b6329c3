"""Arrays in memory."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.interface import BLOCK_BYTES, BLOCK_ROWS, Field, Texts
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# Rows copied at once while a block is turned from rows to columns: what fits the fastest cache.
_TURNED_ROWS = 512
_SPACING = 24
# Runs of rows that a sample consists of.
_SAMPLE_RUNS = 64
_KINDS = {
    "f": Kind.NUMERIC,
    "i": Kind.NUMERIC,
    "u": Kind.NUMERIC,
    "b": Kind.BOOLEAN,
    "U": Kind.TEXT,
    "M": Kind.TIME,
}


def kind_of(dtype: "np.dtype[Any]", name: str) -> Kind:
    """How values of a numpy type are compared.

    Args:
        dtype: The type.
        name: What has it, as the subject of a sentence.

    Raises:
        InputError: They cannot be compared.
    """
    kind = _KINDS.get(dtype.kind)
    if kind is None or (dtype.itemsize > 8 and dtype.kind == "f"):
        raise InputError(
            f"{name} holds values of type {dtype}, expected numbers, truth values or text.",
            hint=_hint(dtype),
        )
    return kind


def _hint(dtype: "np.dtype[Any]") -> str:
    match dtype.kind:
        case "O":
            return (
                "Arrays of Python objects are pickles, which are not read. Save each column with "
                "a type of its own, or the table as Parquet or CSV."
            )
        case "c":
            return "Compare real and imaginary part, or modulus and angle, as columns of their own."
        case "V":
            return "Save the fields of a structured array as columns of Parquet or CSV."
        case _:
            return "Convert it with: array.astype('float64')"


def block_rows(row_bytes: int) -> int:
    """Rows of one block."""
    return max(1, min(BLOCK_ROWS, BLOCK_BYTES // max(1, row_bytes)))


def shape_of(shape: tuple[int, ...], name: str) -> tuple[int, int]:
    """Rows and columns; one dimension is one column.

    Raises:
        InputError: There are no columns, or another number of dimensions than 1 or 2.
    """
    if len(shape) == 1:
        return shape[0], 1
    if len(shape) != 2:
        kind = "a single value" if not shape else f"an array of shape {shape}"
        raise InputError(
            f"{name} holds {kind}, expected (rows, columns).",
            hint="Reshape it with: array.reshape(len(array), -1)" if shape else None,
        )
    if not shape[1]:
        raise InputError(f"{name} has no columns: its shape is {shape}.")
    return shape[0], shape[1]


def position_names(width: int) -> tuple[str, ...]:
    """Names for columns that have none."""
    return tuple(f"x{position}" for position in range(width))


class Turner:
    """Turns blocks of rows into columns, into memory that is used again.

    Args:
        dtype: Type of the values.
        positions: Columns to take.
        width: Columns that there are.
        rows: The most rows of one block.
    """

    def __init__(
        self, dtype: "np.dtype[Any]", positions: Sequence[int], width: int, rows: int
    ) -> None:
        every = list(positions) == list(range(width))
        self._taken: Any = slice(None) if every else np.asarray(positions, np.intp)
        # The extra rows keep columns from lying a power of two apart, where they would push each
        # other out of the processor's cache: four times as fast.
        space = np.empty((len(positions), rows + _SPACING), dtype.newbyteorder("="))
        self._columns = space[:, :rows]

    def turn(self, block: "NDArray[Any]") -> "list[NDArray[Any] | Texts]":
        """The columns of a block of shape `(rows, columns)`."""
        rows = len(block)
        for start in range(0, rows, _TURNED_ROWS):
            part = block[start : start + _TURNED_ROWS, self._taken]
            self._columns[:, start : start + len(part)] = part.T
        return [readable(column[:rows]) for column in self._columns]


def readable(values: "NDArray[Any]") -> "NDArray[Any] | Texts":
    """Values as the counters take them: text coded, times in seconds since 1970."""
    if values.dtype.kind == "U":
        labels, codes = np.unique(values, return_inverse=True)
        return Texts(codes, labels.tolist())
    if values.dtype.kind == "M":
        seconds = values.astype("datetime64[us]").astype(np.int64) / 1e6
        seconds[np.isnat(values)] = np.nan
        return seconds
    return values


def spread(total: int, wanted: int) -> list[slice]:
    """Runs of rows, evenly spread, that make up about `wanted` of `total` rows."""
    if total <= wanted:
        return [slice(0, total)]
    length = max(1, wanted // _SAMPLE_RUNS)
    starts = np.linspace(0, total - length, min(_SAMPLE_RUNS, wanted)).astype(np.intp)
    return [slice(start, start + length) for start in starts.tolist()]


class ArrayDataset:
    """A matrix in memory.

    Args:
        values: Shape `(rows, columns)` or `(rows,)`.
        name: What the user calls it.

    Raises:
        InputError: It has another shape or holds values that cannot be compared.
    """

    notes: tuple[str, ...] = ()
    columns_at_once: int | None = None

    def __init__(self, values: "NDArray[Any]", name: str) -> None:
        self.name = name
        rows, width = shape_of(values.shape, name)
        kind = kind_of(values.dtype, name)
        self._values = values.reshape(rows, width)
        self.named = False
        self.fields = tuple(Field(n, str(values.dtype), kind) for n in position_names(width))

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        values = self._values
        rows = block_rows(values.shape[1] * values.itemsize)
        turner = Turner(values.dtype, positions, values.shape[1], rows)
        for start in range(0, len(values), rows):
            yield turner.turn(values[start : start + rows])

    def sample(self, positions: Sequence[int], rows: int) -> "list[NDArray[Any] | Texts]":
        """See `Dataset.sample`."""
        taken = np.asarray(positions, np.intp)
        runs = [self._values[run][:, taken] for run in spread(len(self._values), rows)]
        return [readable(column) for column in np.concatenate(runs).T]


class ColumnsDataset:
    """Columns in memory.

    Args:
        columns: Values of each column, all of one length: arrays as `readable` gives them.
        fields: What they are.
        name: What the user calls the data.
    """

    named = True
    notes: tuple[str, ...] = ()
    columns_at_once: int | None = None

    def __init__(
        self, columns: "Sequence[NDArray[Any] | Texts]", fields: tuple[Field, ...], name: str
    ) -> None:
        self.name = name
        self.fields = fields
        self._columns = columns
        self._rows = len(columns[0]) if columns else 0

    @classmethod
    def of_arrays(cls, arrays: "Mapping[str, NDArray[Any]]", name: str) -> "ColumnsDataset":
        """Named arrays of shape `(rows,)`.

        Raises:
            InputError: They differ in length or hold values that cannot be compared.
        """
        lengths = {
            key: shape_of(array.shape, f"{name}, array {key!r},")[0]
            for key, array in arrays.items()
        }
        if len(set(lengths.values())) > 1 or any(array.ndim > 1 for array in arrays.values()):
            shapes = ", ".join(f"{key} {array.shape}" for key, array in arrays.items())
            raise InputError(
                f"{name} holds arrays that are no columns of one table: {shapes}.",
                hint="Save one matrix, or arrays of one length with one column each.",
            )
        fields = tuple(
            Field(key, str(array.dtype), kind_of(array.dtype, f"{name}, array {key!r},"))
            for key, array in arrays.items()
        )
        return cls([readable(array) for array in arrays.values()], fields, name)

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        for start in range(0, self._rows, BLOCK_ROWS):
            rows = slice(start, start + BLOCK_ROWS)
            yield [_part(self._columns[position], rows) for position in positions]

    def sample(self, positions: Sequence[int], rows: int) -> "list[NDArray[Any] | Texts]":
        """See `Dataset.sample`."""
        runs = spread(self._rows, rows)
        return [_parts(self._columns[position], runs) for position in positions]


def _part(values: "NDArray[Any] | Texts", rows: slice) -> "NDArray[Any] | Texts":
    if isinstance(values, Texts):
        return Texts(values.codes[rows], values.labels)
    return values[rows]


def _parts(values: "NDArray[Any] | Texts", runs: list[slice]) -> "NDArray[Any] | Texts":
    if isinstance(values, Texts):
        return Texts(np.concatenate([values.codes[run] for run in runs]), values.labels)
    return np.concatenate([values[run] for run in runs])
