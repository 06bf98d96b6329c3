"""Plain blocks are read as the CSV reader reads them, or not at all."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlserve_cli.errors import MlserveError
from mlserve_cli.signature import Column, Layout, Signature, Task
from mlserve_cli.tables import csv_numbers
from mlserve_cli.tables.csv_batch import CsvBatchReader
from mlserve_cli.tables.csv_numbers import PlainNumbers
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.matching import Matching
from mlserve_cli.tables.records import RecordScanner

SPELLINGS = [
    *("0", "-0", "-0.0", "-0e5", "0.1", "1E5", "2.5e-3", "1e-400", "4.9e-324", "1e308", "-17"),
    *("9007199254740993", "18446744073709551615", "-9223372036854775808", "0.30000000000000004"),
    *("2.2250738585072011e-308", "123456789012345678901234567890.5", " 1.5", "1.5 "),
]
ODDITIES = [
    *("", "007", "+1", ".5", "5.", "1e999", "nan", "NA", "inf", "-", "0x10", "1_000", "true"),
    *('"1"', '"a,b"', "[1", "2]", "{}", "null", "18446744073709551616", "1 2", "\t1", "é", "\x00"),
]
numbers = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(SPELLINGS)
fields = st.integers(0, 25).flatmap(lambda one: numbers if one else st.sampled_from(ODDITIES))
others = st.sampled_from(["", "a", "007", "2026-11-23", "-0", "1.5", "é", "x y"])


def signature_of(count: int) -> Signature:
    columns = tuple(Column(f"f{position}") for position in range(count))
    return Signature(Task.REGRESSION, columns, Layout.MATRIX, named=True)


def read_by_csv_reader(data: bytes, matching: Matching, delimiter: str) -> bytes | None:
    reader = CsvBatchReader(matching, signature_of(len(matching.positions)), delimiter)
    reader._numbers = None
    try:
        batch = reader.read(data, RecordScanner(delimiter.encode()).records(data))
    except (RowFaultError, MlserveError):
        return None
    assert isinstance(batch, np.ndarray)
    return batch.tobytes()


@st.composite
def blocks(draw: st.DrawFn) -> tuple[bytes, Matching, str]:
    width = draw(st.integers(1, 5))
    order = draw(st.permutations(range(width)))
    positions = tuple(order[: draw(st.integers(1, width))])
    delimiter = draw(st.sampled_from([",", ",", ";", "\t", "|"]))
    end = draw(st.sampled_from(["\n", "\n", "\r\n", "\r"]))
    rows = []
    for _ in range(draw(st.integers(1, 4))):
        row = [draw(fields if column in positions else others) for column in range(width)]
        if not draw(st.integers(0, 30)):
            row = row[:-1]
        rows.append(delimiter.join(row))
    rows = [draw(st.sampled_from(["", "", "", end])) + row for row in rows]
    last = draw(st.sampled_from([end, end, "", 2 * end]))
    names = tuple(str(column) for column in range(width))
    return (end.join(rows) + last).encode(), Matching(width, names, positions), delimiter


@given(blocks())
@example((b"[1,2]\n", Matching(2, ("a", "b"), (0, 1)), ","))
@example((b"1,2,3\n4\n", Matching(2, ("a", "b"), (0, 1)), ","))
@example((b"1\n2,3,4\n", Matching(2, ("a", "b"), (0, 1)), ","))
@example((b"1;2,3\n4;5\n", Matching(2, ("a", "b"), (0, 1)), ";"))
@settings(max_examples=1500, deadline=None)
def test_what_is_read_is_what_the_csv_reader_reads(block: tuple[bytes, Matching, str]) -> None:
    data, matching, delimiter = block
    records = RecordScanner(delimiter.encode()).records(data)
    if not len(records):
        return
    found = PlainNumbers(matching, delimiter).read(data, records)
    if found is not None:
        assert found.flags.c_contiguous
        assert found.tobytes() == read_by_csv_reader(data, matching, delimiter)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("positions", [(0, 1, 2, 3), (1, 2), (3, 0), (2,), (1, 3)])
def test_plain_numbers_are_read_whatever_stands_beside_them(
    delimiter: str, end: str, positions: tuple[int, ...]
) -> None:
    values = np.random.default_rng(0).normal(size=(50, 4))
    texts = [[str(value) for value in row] for row in values]
    for row in texts:
        for column in set(range(4)) - set(positions):
            row[column] = "007 no number"
    data = end.join(delimiter.join(row) for row in texts).encode()
    matching = Matching(4, ("a", "b", "c", "d"), positions)
    for block in (data, data + end.encode()):
        records = RecordScanner(delimiter.encode()).records(block)
        found = PlainNumbers(matching, delimiter).read(block, records)
        assert found is not None
        assert (found == values[:, positions]).all()


def test_a_file_without_such_blocks_is_not_tried_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[object] = []
    monkeypatch.setattr(csv_numbers, "_numbers", lambda *listed: tried.append(listed))
    numbers = PlainNumbers(Matching(1, ("a",), (0,)), ",")
    for _ in range(100):
        assert numbers.read(b"no\n", RecordScanner(b",").records(b"no\n")) is None
    assert len(tried) < 10


def test_large_blocks_are_read_in_pieces() -> None:
    values = np.random.default_rng(0).normal(size=(20_000, 3))
    data = "".join(f"id,{a!s},{b!s},{c!s}\n" for a, b, c in values).encode()
    assert len(data) > 2 * csv_numbers._PIECE_BYTES
    matching = Matching(4, ("id", "a", "b", "c"), (1, 2, 3))
    found = PlainNumbers(matching, ",").read(data, RecordScanner(b",").records(data))
    assert found is not None
    assert (found == values).all()
