"""The model's columns of a block of CSV as a batch, parsed by pyarrow with types given."""

import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv

from mlserve_cli.errors import EngineError, InputError
from mlserve_cli.signature import Layout, Signature
from mlserve_cli.tables import buffers
from mlserve_cli.tables.arrow_batch import find_faults, to_arrow, to_batch
from mlserve_cli.tables.column_values import BYTES, TEXT, arrow_type
from mlserve_cli.tables.csv_numbers import PlainNumbers
from mlserve_cli.tables.fault import TO_UTF_8, RowFaultError
from mlserve_cli.tables.matching import Matching
from mlserve_cli.tables.records import Records, count_lines
from mlserve_cli.tables.values import NULL_SPELLINGS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch

_BOM = b"\xef\xbb\xbf"
_REFUSED_COLUMN = re.compile(r"In CSV column #(\d+)")


class CsvBatchReader:
    """Parses the model's columns of blocks. Safe to use from several threads at once.

    Args:
        matching: Where the model's columns stand in the file.
        signature: What the model takes.
        delimiter: What separates two fields.
        decimal: What stands before the fraction of a number.
    """

    def __init__(
        self, matching: Matching, signature: Signature, delimiter: str, decimal: str = "."
    ) -> None:
        self.delimiter = delimiter
        self._decimal = decimal
        self._signature = signature
        # Columns are parsed under their position, since names may repeat or be missing.
        self._all = [str(position) for position in range(matching.width)]
        self._names = list(matching.names)
        self._taken = [str(position) for position in matching.positions]
        self._types = {
            name: arrow_type(column, signature.layout)
            for name, column in zip(self._taken, signature.columns, strict=True)
        }
        self._integers = [name for name, kind in self._types.items() if kind == pa.int64()]
        numbers = signature.layout is Layout.MATRIX and set(self._types.values()) == {pa.float64()}
        self._numbers = PlainNumbers(matching, delimiter) if numbers and decimal == "." else None
        # Columns that pyarrow once refused a value of. They are read as bytes and converted value
        # by value from then on, which gives the same values without parsing each block twice.
        self._lenient: frozenset[str] = frozenset()

    def read(self, data: bytes, records: Records) -> "Batch":
        """The batch of a block.

        Args:
            data: The block.
            records: Where its records lie; at least one.

        Raises:
            RowFaultError: The first row that does not fit the signature.
            EngineError: pyarrow counts other rows than `records`.
        """
        values = None if self._numbers is None else self._numbers.read(data, records)
        if values is not None:
            return values
        table = self._parse(data, records)
        if table.num_rows != len(records):
            raise EngineError(
                f"The CSV reader finds {table.num_rows} rows in a block where the record scanner "
                f"finds {len(records)}; this is an error in mlserve, and no row was scored wrongly."
            )
        return to_batch(
            self._chunks(table),
            self._signature,
            len(records),
            lambda row: count_lines(data[: records.starts[row]]),
        )

    def find_faults(
        self, data: bytes, records: Records, lines_before: Callable[[int], int]
    ) -> list[RowFaultError]:
        """All rows of a block that do not fit the signature, in order.

        Args:
            data: The block.
            records: Where its records lie; at least one.
            lines_before: Line ends in the block before a row.

        Raises:
            EngineError: As `read`.
        """
        uneven: list[RowFaultError] = []
        table = self._parse(data, records, uneven)
        even = np.delete(np.arange(len(records)), [fault.row for fault in uneven])
        if table.num_rows != len(even):
            raise EngineError(
                f"The CSV reader finds {table.num_rows} rows of the right width in a block where "
                f"{len(even)} were expected; this is an error in mlserve."
            )
        faults = find_faults(
            self._chunks(table), self._signature, lambda row: lines_before(int(even[row]))
        )
        for fault in faults:
            fault.row = int(even[fault.row])
        return sorted(uneven + faults, key=lambda fault: fault.row)

    def _chunks(self, table: pa.Table) -> list[pa.Array]:
        return [self._with_points(name, table.column(name)) for name in self._taken]

    def _with_points(self, name: str, column: pa.ChunkedArray) -> pa.Array:
        """Numbers that are converted value by value, in the spelling of Python."""
        chunk = column.combine_chunks()
        if self._decimal == "." or chunk.type != BYTES or self._types[name] == TEXT:
            return chunk
        # A point separates thousands here, which nobody reads: it must not become a fraction.
        return pc.replace_substring(pc.replace_substring(chunk, b".", b"'"), b",", b".")

    def typed(self, data: bytes, batch: "Batch | None") -> pa.RecordBatch:
        """All columns of a block.

        Args:
            data: The block.
            batch: What `read` made of it; None where it holds no rows.

        Raises:
            InputError: A column is not text in UTF-8.
        """
        taken = {} if batch is None else dict(zip(self._taken, _columns_of(batch), strict=True))
        others = [name for name in self._all if name not in taken]
        texts = self._texts(data, others) if others and batch is not None else {}
        columns = {**texts, **{name: to_arrow(values) for name, values in taken.items()}}
        names = self._names or [f"x{name}" for name in self._all]
        return pa.RecordBatch.from_arrays(
            [columns.get(name, pa.nulls(0, pa.string())) for name in self._all], names=names
        )

    def _texts(self, data: bytes, names: list[str]) -> dict[str, pa.Array]:
        try:
            table = pa_csv.read_csv(
                pa.py_buffer(b"\n" + data if data.startswith(_BOM) else data),
                read_options=pa_csv.ReadOptions(
                    use_threads=False, column_names=self._all, block_size=len(data) + 2
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=names, column_types=dict.fromkeys(names, pa.string())
                ),
            )
        except pa.ArrowInvalid as error:
            raise InputError(
                f"A column that the model does not take is not text in UTF-8: {error}",
                hint=TO_UTF_8,
            ) from error
        return {name: table.column(name).combine_chunks() for name in names}

    def _parse(
        self, data: bytes, records: Records, uneven: list[RowFaultError] | None = None
    ) -> pa.Table:
        """The model's columns. Rows of another width are left out where `uneven` takes them."""
        lenient = self._lenient
        if self._integers and (b"0x" in data or b"0X" in data):
            # pyarrow reads 0x10 as the integer 16; nothing else here does.
            lenient |= set(self._integers)
        while True:
            try:
                table = self._parse_once(data, records, lenient, uneven)
            except pa.ArrowInvalid as error:
                found = _REFUSED_COLUMN.search(str(error))
                refused = {found[1]} if found else set(self._taken)
                if refused <= lenient:
                    raise EngineError(f"The CSV reader failed: {error}") from error
            else:
                # To look for a letter takes less than to look at every number.
                if b"n" not in data and b"N" not in data:
                    return table
                refused = {name for name in self._taken if _has_odd_nan(table.column(name))}
                if not refused:
                    return table
            lenient |= refused
            self._lenient |= refused

    def _parse_once(
        self,
        data: bytes,
        records: Records,
        lenient: frozenset[str],
        uneven: list[RowFaultError] | None,
    ) -> pa.Table:
        bad: list[RowFaultError] = []

        def refuse(row: pa_csv.InvalidRow) -> str:
            lines = count_lines(data[: records.starts[row.number - 1]])
            found = f"found {_fields(row.actual_columns)}, expected {row.expected_columns}."
            bad.append(RowFaultError(row.number - 1, lines, found))
            return "error" if uneven is None else "skip"

        # pyarrow drops a byte order mark at the start of any buffer; ours may start mid-file.
        guarded = b"\n" + data if data.startswith(_BOM) else data
        try:
            table = pa_csv.read_csv(
                pa.py_buffer(guarded),
                read_options=pa_csv.ReadOptions(
                    use_threads=False, column_names=self._all, block_size=len(guarded) + 1
                ),
                parse_options=pa_csv.ParseOptions(
                    delimiter=self.delimiter, newlines_in_values=True, invalid_row_handler=refuse
                ),
                convert_options=pa_csv.ConvertOptions(
                    include_columns=self._taken,
                    column_types={**self._types, **dict.fromkeys(lenient, BYTES)},
                    decimal_point=self._decimal,
                    null_values=NULL_SPELLINGS,
                    strings_can_be_null=True,
                ),
            )
        except pa.ArrowInvalid as error:
            if not bad or uneven is not None:
                raise
            raise bad[0] from error
        if uneven is not None:
            uneven[:] = bad
        return table


def _columns_of(batch: "Batch") -> "list[NDArray[Any]]":
    return list(batch.values()) if isinstance(batch, Mapping) else list(batch.T)


def _has_odd_nan(column: pa.ChunkedArray) -> bool:
    """Whether pyarrow took NAN or nan(x) for a number; what is a missing value is null here."""
    if column.type != pa.float64():
        return False
    chunk = column.combine_chunks()
    values, valid = buffers.numbers(chunk, np.float64), buffers.validity(chunk)
    return bool(np.isnan(values if valid is None else values[valid]).any())


def _fields(count: int) -> str:
    return "1 field" if count == 1 else f"{count} fields"
