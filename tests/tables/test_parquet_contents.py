"""Groups of rows that were written apart make the file that one writer writes."""

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.tables.parquet_contents import MAGIC, ParquetContents
from mlserve_cli.thrift import Decoder, encode

_COLUMNS: dict[str, list[Any]] = {
    "flag": [True, None, False],
    "whole": [-1, 2**62, None],
    "real": [0.5, None, float("inf")],
    "text": ["", None, "é" * 40],
    "list": [[1, 2], [], None],
    "struct": [{"a": 1, "b": None}, None, {"a": None, "b": "x"}],
}


def written_whole(groups: list[pa.Table], dictionaries: list[str] | bool = True) -> bytes:
    buffer = io.BytesIO()
    with pq.ParquetWriter(buffer, groups[0].schema, use_dictionary=dictionaries) as writer:
        for group in groups:
            writer.write_table(group, row_group_size=group.num_rows)
    return buffer.getvalue()


def written_apart(groups: list[pa.Table], interrupted_after: int) -> bytes:
    data, notes = MAGIC, b""
    contents = ParquetContents()
    for number, group in enumerate(groups):
        if number == interrupted_after:
            contents = ParquetContents()
            contents.remember(notes)
        data += bytes(contents.add(group, len(data)))
        notes += contents.notes()
    return data + b"".join(contents.footer())


@given(
    sizes=st.lists(st.integers(1, 40), min_size=1, max_size=20),
    names=st.lists(st.sampled_from(list(_COLUMNS)), min_size=1, unique=True),
    data=st.data(),
)
def test_the_file_is_the_one_that_a_single_writer_writes(
    sizes: list[int], names: list[str], data: Any
) -> None:
    rows = pa.table({name: _COLUMNS[name] * 14 for name in names})
    groups = [rows.slice(0, size) for size in sizes]
    interrupted_after = data.draw(st.integers(0, len(groups)))
    assert written_apart(groups, interrupted_after) == written_whole(groups)


def test_wide_tables_and_large_pages_are_no_exception() -> None:
    wide = pa.table({f"column {number}": [number, None] for number in range(300)})
    assert written_apart([wide, wide], 1) == written_whole([wide, wide])
    long = pa.table({"x": pa.array(range(300_000), pa.float64()), "y": ["a" * 50] * 300_000})
    assert written_apart([long, long], 1) == written_whole([long, long], ["y"])


def test_notes_that_were_cut_off_are_refused() -> None:
    contents = ParquetContents()
    contents.add(pa.table({"x": [1]}), len(MAGIC))
    notes = contents.notes()
    with pytest.raises(ValueError, match="ends too early"):
        ParquetContents().remember(notes[:-1])


def test_a_structure_is_written_as_it_came() -> None:
    # A boolean, lists of booleans, doubles and 20 numbers, and a field number far off.
    data = bytes([0x11, 0x19, 0x21, 1, 2, 0x19, 0x17, *range(8), 0x19, 0xF5, 20, *range(20)])
    data += bytes([0x07, 0x80, 0x02, *range(8), 0x13, 9, 0x00])
    fields = Decoder(data).struct()
    assert list(fields) == [1, 2, 3, 4, 128, 129]
    assert encode(fields) == data


@pytest.mark.parametrize("data", [b"", b"\x15", b"\x18\x05abc", b"\x1b\x00", b"\x1e"])
def test_what_is_no_structure_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"ends too early|not known"):
        Decoder(data).struct()


def test_only_numbers_that_repeat_get_a_dictionary() -> None:
    rows = pa.table(
        {
            "different": pa.array([number / 7 for number in range(5000)]),
            "repeating": pa.array([number % 10 / 7 for number in range(5000)]),
            "text": pa.array([str(number) for number in range(5000)]),
            "missing": pa.array([None] * 5000, pa.float32()),
        }
    )
    data = written_apart([rows, rows], 1)
    file = pq.ParquetFile(io.BytesIO(data))
    assert file.read().equals(pa.concat_tables([rows, rows]))
    for number in range(2):
        group = file.metadata.row_group(number)
        has = [group.column(place).has_dictionary_page for place in range(4)]
        assert has == [False, True, True, True]
