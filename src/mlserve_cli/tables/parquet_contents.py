"""The footer of a Parquet file, put together from groups of rows that were written apart.

A group of rows is the same bytes wherever in a file it stands; only the footer says where. So a
file whose writing was interrupted is continued with what is known of its finished groups, and ends
as if one writer had written it whole.
"""

from collections.abc import Iterable

import pyarrow as pa

from mlserve_cli.thrift import Decoder, Struct, encode

MAGIC = b"PAR1"
_LENGTH_BYTES = 4

# Field numbers of parquet.thrift (apache/parquet-format): of FileMetaData, RowGroup, ColumnChunk
# and ColumnMetaData.
_FILE_ROWS, _FILE_GROUPS = 3, 4
_GROUP_COLUMNS, _GROUP_ROWS, _GROUP_OFFSET, _GROUP_ORDINAL = 1, 3, 5, 7
_CHUNK_OFFSET, _CHUNK_METADATA = 2, 3
# Rows that tell whether the numbers of a column repeat.
_LOOKED_AT = 1 << 10
# Where the pages of data begin, of an index, of the dictionary, and the Bloom filter.
_COLUMN_OFFSETS = (9, 10, 11, 14)


class ParquetContents:
    """What is known of the groups of rows of one file."""

    def __init__(self) -> None:
        self._frame: Struct | None = None
        self._groups: list[bytes] = []
        self._rows = 0
        self._notes: list[bytes] = []

    def add(self, group: pa.Table, position: int) -> memoryview:
        """The next group of rows as bytes.

        Args:
            group: At least one row.
            position: Where in the file they will stand.

        Raises:
            pa.ArrowException: A column has no counterpart in Parquet.
        """
        written = pa.BufferOutputStream()
        # It imports TLS and S3, which those who write something else should not wait for.
        import pyarrow.parquet as pq

        repeating = _repeating(group)
        with pq.ParquetWriter(written, group.schema, use_dictionary=repeating) as writer:
            writer.write_table(group, row_group_size=group.num_rows)
        data = memoryview(written.getvalue())
        ends = len(data) - _LENGTH_BYTES - len(MAGIC)
        starts = ends - int.from_bytes(data[ends : ends + _LENGTH_BYTES], "little")
        frame = Decoder(bytes(data[starts:ends])).struct()
        [described] = frame[_FILE_GROUPS][1][1]
        _move(described, position - len(MAGIC), len(self._groups))
        if self._frame is None:
            frame[_FILE_GROUPS][1][1].clear()
            self._note(encode(frame))
        self._note(encode(described))
        return data[len(MAGIC) : starts]

    def _note(self, noted: bytes) -> None:
        self._notes.append(len(noted).to_bytes(_LENGTH_BYTES, "little") + noted)
        self._remember(noted)

    def _remember(self, noted: bytes) -> None:
        fields = Decoder(noted).struct()
        if self._frame is None:
            self._frame = fields
        else:
            self._groups.append(noted)
            self._rows += fields[_GROUP_ROWS][1]

    def notes(self) -> bytes:
        """What `remember` must be told, about the groups since the last call."""
        notes, self._notes = self._notes, []
        return b"".join(notes)

    def remember(self, notes: bytes) -> None:
        """Takes up what is known of groups that another run has written.

        Raises:
            ValueError: They end too early.
        """
        at = 0
        while at < len(notes):
            length = int.from_bytes(notes[at : at + _LENGTH_BYTES], "little")
            at += _LENGTH_BYTES
            self._remember(notes[at : at + length])
            at += length

    def footer(self) -> Iterable[bytes]:
        """What stands behind the last group; nothing where there is none."""
        if self._frame is None:
            return
        kind = self._frame[_FILE_ROWS][0]
        item, _ = self._frame[_FILE_GROUPS][1]
        groups = self._frame[_FILE_GROUPS][0], (item, self._groups)
        footer = encode({**self._frame, _FILE_ROWS: (kind, self._rows), _FILE_GROUPS: groups})
        yield footer
        yield len(footer).to_bytes(_LENGTH_BYTES, "little") + MAGIC


def _repeating(group: pa.Table) -> list[str] | bool:
    """Columns that get a dictionary; for numbers that differ it is large, and takes longest."""
    if any(pa.types.is_nested(field.type) for field in group.schema):
        # Whose parts have names of their own.
        return True
    return [
        name
        for name, column in zip(group.column_names, group.columns, strict=True)
        if not pa.types.is_floating(column.type) or not _is_varied(column)
    ]


def _is_varied(numbers: pa.ChunkedArray) -> bool:
    first = numbers.slice(0, _LOOKED_AT)
    return len(first) == _LOOKED_AT and len(first.unique()) > _LOOKED_AT // 2


def _move(group: Struct, by: int, ordinal: int) -> None:
    _add(group, _GROUP_OFFSET, by)
    if _GROUP_ORDINAL in group:
        group[_GROUP_ORDINAL] = group[_GROUP_ORDINAL][0], ordinal
    for chunk in group[_GROUP_COLUMNS][1][1]:
        _add(chunk, _CHUNK_OFFSET, by)
        for number in _COLUMN_OFFSETS:
            _add(chunk[_CHUNK_METADATA][1], number, by)


def _add(fields: Struct, number: int, by: int) -> None:
    # Nothing stands at the start of a file but its magic bytes: 0 is no offset.
    if number in fields and fields[number][1]:
        kind, value = fields[number]
        fields[number] = kind, value + by
