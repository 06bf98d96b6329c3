"""Record ends are found where pyarrow finds them, by every path and at every cut."""

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from mlserve_cli.tables.records import RecordScanner, UnclosedQuoteError, count_lines

_FREE = st.lists(
    st.sampled_from([b'"', b'"', b",", b"\n", b"\r", b"\r\n", b"a", b'""', b'","']), max_size=24
).map(b"".join)
_FIELD = st.text('",\r\nab', max_size=4).map(lambda s: '"' + s.replace('"', '""') + '"')
_WELL_FORMED = st.lists(
    st.tuples(
        st.lists(_FIELD | st.text("ab", max_size=2), min_size=2, max_size=2).map(",".join),
        st.sampled_from(["\n", "\r\n", "\r"]),
    ).map("".join),
    max_size=5,
).map(lambda lines: "".join(lines).encode())
_ANY = _FREE | _WELL_FORMED


def by_state_machine(data: bytes) -> tuple[list[tuple[int, int]], bool]:
    """Start and end of every record, and whether a quote is open at the end; read byte by byte."""
    spans, start, state = [], 0, "field start"
    for position, byte in enumerate(data):
        state = following(state, bytes([byte]), data[position + 1 : position + 2])
        if state == "record end":
            end = position - data.startswith(b"\r\n", position - 1)
            spans.append((start, end))
            start, state = position + 1, "field start"
    spans.append((start, len(data)))
    return [span for span in spans if span[1] > span[0]], state in ("quoted", "escape")


def following(state: str, byte: bytes, next_byte: bytes) -> str:
    if state == "escape":
        return "quoted"
    if state == "quoted":
        if byte == b'"':
            return "escape" if next_byte == b'"' else "unquoted"
        return "quoted"
    if byte == b'"' and state == "field start":
        return "quoted"
    if byte == b"\n" or (byte == b"\r" and next_byte != b"\n"):
        return "record end"
    return "field start" if byte == b"," else "unquoted"


def rows_by_pyarrow(data: bytes) -> int:
    skipped = []

    def skip(row: pa_csv.InvalidRow) -> str:
        skipped.append(row)
        return "skip"

    table = pa_csv.read_csv(
        pa.py_buffer(data),
        read_options=pa_csv.ReadOptions(column_names=["a", "b"], block_size=len(data) + 1),
        parse_options=pa_csv.ParseOptions(newlines_in_values=True, invalid_row_handler=skip),
    )
    return int(table.num_rows) + len(skipped)


@given(_ANY)
@example(b'5" pipe,6"\n"x""y\n",1\n')
@example(b'"a"b"c,d"\n,""\n')
@example(b"a\r\rb\r\n\nc")
@settings(max_examples=500, deadline=None)
def test_records_are_those_of_a_byte_by_byte_reading(data: bytes) -> None:
    records = RecordScanner(b",").records(data)
    assert list(zip(records.starts, records.ends, strict=True)) == by_state_machine(data)[0]


@given(_ANY.filter(bool))
@settings(max_examples=500, deadline=None)
def test_pyarrow_counts_the_same_rows(data: bytes) -> None:
    assert rows_by_pyarrow(data) == len(RecordScanner(b",").records(data))


@given(_ANY)
@settings(max_examples=300, deadline=None)
def test_a_cut_at_any_place_splits_no_record(data: bytes) -> None:
    scanner = RecordScanner(b",")
    whole = by_state_machine(data)[0]
    for size in range(len(data) + 1):
        cut = scanner.cut(data[:size], final=False)
        assert cut <= size
        first, second = by_state_machine(data[:cut])[0], by_state_machine(data[cut:])[0]
        assert first + [(start + cut, end + cut) for start, end in second] == whole


@given(_ANY)
@settings(max_examples=500, deadline=None)
def test_an_open_quote_at_the_end_of_the_input_is_noticed(data: bytes) -> None:
    if by_state_machine(data)[1]:
        with pytest.raises(UnclosedQuoteError):
            RecordScanner(b",").cut(data, final=True)
    else:
        assert RecordScanner(b",").cut(data, final=True) == len(data)


@given(_ANY.filter(lambda data: b'"' in data))
@settings(max_examples=500, deadline=None)
def test_the_quick_quote_scan_answers_as_the_exact_one_or_not_at_all(data: bytes) -> None:
    scanner = RecordScanner(b",")
    bytes_ = np.frombuffer(data, np.uint8)
    quotes = np.flatnonzero(bytes_ == ord('"'))
    ends = np.flatnonzero(bytes_ == ord("\n"))
    if scanner._alternate(bytes_, quotes):
        expected, is_open = scanner._outside(data, ends)
        assert list(ends[np.searchsorted(quotes, ends) % 2 == 0]) == list(expected)
        assert len(quotes) % 2 == is_open


@pytest.mark.parametrize(
    ("data", "quick"),
    [
        (b'"a","b\n"\n', True),
        (b'"a""b",c\n', True),
        (b'5" pipe,c\n', False),
        (b'"a"b,c\n', False),
        (b'a""b,c\n', False),
    ],
)
def test_the_quick_quote_scan_is_used_only_where_it_is_right(data: bytes, quick: bool) -> None:
    bytes_ = np.frombuffer(data, np.uint8)
    assert RecordScanner(b",")._alternate(bytes_, np.flatnonzero(bytes_ == ord('"'))) is quick


@pytest.mark.parametrize("delimiter", [b";", b"\t", b"|", b"^", b"]", b"\\", b" "])
def test_any_delimiter_opens_a_field(delimiter: bytes) -> None:
    data = b"a" + delimiter + b'"x\ny"\nb' + delimiter + b'c"\n'
    records = RecordScanner(delimiter).records(data)
    assert [data[s:e] for s, e in zip(records.starts, records.ends, strict=True)] == [
        b"a" + delimiter + b'"x\ny"',
        b"b" + delimiter + b'c"',
    ]


def test_line_ends_of_all_kinds_are_counted_once() -> None:
    assert count_lines(b'a\nb\r\nc\rd"\n"\n\r\n') == 6
