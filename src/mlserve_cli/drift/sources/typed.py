"""Text files whose columns get their types from what stands in them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pyarrow as pa

from mlserve_cli.drift.sources.arrow import fields_of, kind_of, values_of
from mlserve_cli.errors import InputError
from mlserve_cli.tables.source import Source

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.drift.sources.interface import Texts

BLOCK_BYTES = 1 << 21
# Bytes from the start of a file that decide on types.
_TYPED_BYTES = 1 << 26
# A record longer than this is damaged.
_RECORD_BYTES = 1 << 26

TEXT = pa.dictionary(pa.int32(), pa.string())


@dataclass(frozen=True, slots=True)
class Piece:
    """Whole records of a file.

    Attributes:
        data: Their bytes.
        rows: Line ends of the file before them, which is about the number of records.
    """

    data: bytes
    rows: int


class UnfitError(Exception):
    """A value that its column's type does not hold.

    Args:
        column: Name of the column; None where it is not known.
        reason: What the parser says.
    """

    def __init__(self, column: str | None, reason: str) -> None:
        super().__init__(reason)
        self.column = column


class Layout(Protocol):
    """How records are laid out in a file."""

    @property
    def name(self) -> str:
        """What the format is called."""

    def start(self, source: Source) -> bytes:
        """Reads what stands before the records, and gives back what was read too far."""

    def cut(self, data: bytes, *, final: bool) -> int:
        """Offset after the last complete record; 0 where there is none."""

    def parse(self, piece: Piece, types: dict[str, pa.DataType] | None) -> pa.Table:
        """The records as a table; types are guessed for this piece where None is given.

        Raises:
            UnfitError: A value does not fit its type.
            InputError: A record is damaged.
        """


class TypedStream:
    """A file of records as data.

    A column has the narrowest type that the values at the start of the file fit, up to 64 MiB:
    truth values, whole numbers, numbers, times, else text.

    Args:
        path: The file, plain or compressed.
        layout: How its records are laid out.

    Raises:
        InputError: It cannot be read, or holds no records.
    """

    named = True

    def __init__(self, path: Path, layout: Layout) -> None:
        self.name = str(path)
        self._path = path
        self._layout = layout
        self._types = self._found_types()
        schema = pa.schema(list(self._types.items()))
        self.fields, self.notes = fields_of(schema, self.name)

    def _found_types(self) -> dict[str, pa.DataType]:
        found: dict[str, pa.DataType] = {}
        read_bytes = 0
        for piece in self._pieces():
            for field in self._layout.parse(piece, None).schema:
                known = found.get(field.name)
                found[field.name] = field.type if known is None else _common(known, field.type)
            read_bytes += len(piece.data)
            if read_bytes > _TYPED_BYTES:
                break
        if not found:
            raise InputError(
                f"{self.name} has no rows; there is nothing to compare.",
                hint="Name data with at least one row.",
            )
        return {name: _stored(kind) for name, kind in found.items()}

    def _pieces(self) -> Iterator[Piece]:
        rows = 0
        with Source(self._path) as source:
            data, final = self._layout.start(source), False
            while not final:
                wanted = max(BLOCK_BYTES, len(data))
                more = source.read(wanted)
                final = len(more) < wanted
                data += more
                end = self._layout.cut(data, final=final)
                if end:
                    yield Piece(data[:end], rows)
                    rows += data.count(b"\n", 0, end)
                data = data[end:]
                if len(data) > _RECORD_BYTES:
                    raise InputError(f"{self.name}: a record after row {rows} does not end.")

    def blocks(self, positions: Sequence[int]) -> "Iterator[list[NDArray[Any] | Texts]]":
        """See `Dataset.blocks`."""
        names = [self.fields[position].name for position in positions]
        types = {name: self._types[name] for name in names}
        for piece in self._pieces():
            table = self._parsed(piece, types)
            if table.num_rows:
                yield [values_of(table.column(name)) for name in names]

    def _parsed(self, piece: Piece, types: dict[str, pa.DataType]) -> pa.Table:
        try:
            return self._layout.parse(piece, types)
        except UnfitError:
            pass
        # A whole number may be followed by a fraction.
        wider = {
            name: pa.float64() if pa.types.is_integer(kind) else kind
            for name, kind in types.items()
        }
        try:
            return self._layout.parse(piece, wider)
        except UnfitError as error:
            column = f", column {error.column!r}" if error.column is not None else ""
            raise InputError(
                f"{self.name}{column}: after about row {piece.rows:,} stands a value unlike "
                f"those before: {error}.",
                hint="Correct the value, or leave the column out with --columns.",
            ) from error


def _common(first: pa.DataType, second: pa.DataType) -> pa.DataType:
    """The type of a column of which parts have these types."""
    if first == second or pa.types.is_null(second):
        return first
    if pa.types.is_null(first):
        return second
    numbers = all(pa.types.is_integer(t) or pa.types.is_floating(t) for t in (first, second))
    if numbers:
        return pa.float64()
    times = all(pa.types.is_timestamp(t) or pa.types.is_date(t) for t in (first, second))
    if times:
        return pa.timestamp("ns") if getattr(first, "tz", None) is None else first
    return TEXT if kind_of(first) and kind_of(second) else pa.string()


def _stored(kind: pa.DataType) -> pa.DataType:
    if pa.types.is_null(kind):
        return pa.float64()
    return TEXT if pa.types.is_string(kind) else kind
