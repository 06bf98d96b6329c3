"""Whatever a file looks like, its bytes come out as they came in, with the predictions added."""

import csv
import io
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve_cli.batch import BatchOptions, predict_file
from mlserve_cli.signature import Column, DType, Layout, Signature, Task
from mlserve_cli.tables.values import NULL_SPELLINGS

_BOM = b"\xef\xbb\xbf"
_SIGNATURE = Signature(
    task=Task.CLASSIFICATION,
    columns=(Column("note", DType.STRING), Column("size", DType.FLOAT64)),
    layout=Layout.FRAME,
    named=True,
)
_DELIMITERS = st.sampled_from([",", ";", "\t", "|"])
_TEXT = st.text(st.sampled_from('",;\t|\r\nab 0.é€\x00'), max_size=6) | st.sampled_from(
    [*NULL_SPELLINGS, "007", "1.10", "9007199254740993", 'a "b" c', '5" pipe', "\ufeff"]
)
_NUMBER = st.sampled_from(["", "NA", "nan", "inf", "+1", " 2.50", "007", "1e400"]) | st.floats(
    allow_nan=False
).map(repr)
_LINE_END = st.sampled_from(["\n", "\r\n", "\r"])


@dataclass(frozen=True)
class Written:
    """A value and one of the ways to write it."""

    value: str
    field: str


@st.composite
def written(draw: st.DrawFn, values: st.SearchStrategy[str], delimiter: str) -> Written:
    value = draw(values)
    special = any(character in value for character in f"\r\n{delimiter}")
    if not special and not value.startswith('"') and draw(st.booleans()):
        return Written(value, value)
    # Text after the closing quote continues the field, where it needs no quotes itself.
    size = draw(st.integers(0, len(value)))
    quoted, after = value[:size], value[size:]
    if after.startswith('"') or any(character in after for character in f"\r\n{delimiter}"):
        quoted, after = value, ""
    return Written(value, '"' + quoted.replace('"', '""') + '"' + after)


@dataclass(frozen=True)
class Table:
    """A file, and what it must become."""

    data: bytes
    expected: bytes
    rows: int
    delimiter: str


def as_field(text: str, delimiter: str) -> str:
    buffer = io.StringIO()
    csv.writer(buffer, delimiter=delimiter, lineterminator="").writerow([text, ""])
    return buffer.getvalue()[: -len(delimiter)]


def expected_label(note: str, size: str) -> str:
    known = None if note in NULL_SPELLINGS else note
    number = float("nan") if size in NULL_SPELLINGS else float(size)
    return f"{known!r} {number!r}"


@st.composite
def tables(draw: st.DrawFn) -> Table:
    delimiter = draw(_DELIMITERS)
    bom = draw(st.sampled_from([b"", _BOM]))
    names = draw(st.permutations(["id", "size", "note", draw(st.sampled_from(["x y", 'q"', ""]))]))
    head = delimiter.join(draw(written(st.just(name), delimiter)).field for name in names)
    data, expected = head, head + delimiter + "prediction"
    rows = draw(st.integers(0, 6))
    for _ in range(rows):
        line_ends = draw(_LINE_END) + "".join(draw(st.lists(_LINE_END, max_size=2)))
        fields = {name: draw(written(_TEXT, delimiter)) for name in names}
        fields["size"] = draw(written(_NUMBER, delimiter))
        record = delimiter.join(fields[name].field for name in names)
        label = expected_label(fields["note"].value, fields["size"].value)
        data += line_ends + record
        expected += line_ends + record + delimiter + as_field(label, delimiter)
    last = draw(st.sampled_from(["", "\n", "\r\n", "\r", "\n\n"]))
    return Table(bom + (data + last).encode(), bom + (expected + last).encode(), rows, delimiter)


def scored(fake: Any, table: Table, options: BatchOptions) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        source, destination = Path(folder, "in.csv"), Path(folder, "out.csv")
        source.write_bytes(table.data)
        report = predict_file(source, destination, fake(_SIGNATURE), options)
        assert report.rows == table.rows
        return destination.read_bytes()


@given(
    table=tables(),
    block_bytes=st.integers(1, 80) | st.just(1 << 20),
    batch_rows=st.none() | st.integers(1, 4),
    threads=st.integers(1, 3),
)
@settings(max_examples=250, deadline=None)
def test_every_byte_passes_through_and_every_row_gets_its_own_prediction(
    fake: Any, table: Table, block_bytes: int, batch_rows: int | None, threads: int
) -> None:
    options = BatchOptions(
        delimiter=table.delimiter, block_bytes=block_bytes, batch_rows=batch_rows, threads=threads
    )
    assert scored(fake, table, options) == table.expected


@given(table=tables(), block_bytes=st.integers(1, 80))
@settings(max_examples=100, deadline=None)
def test_pythons_csv_module_reads_the_same_columns_before_and_after(
    fake: Any, table: Table, block_bytes: int
) -> None:
    options = BatchOptions(delimiter=table.delimiter, block_bytes=block_bytes)
    before = parsed(table.data, table.delimiter)
    after = parsed(scored(fake, table, options), table.delimiter)
    assert [row[:-1] for row in after] == before
    note, size = before[0].index("note"), before[0].index("size")
    labels = [expected_label(row[note], row[size]) for row in before[1:]]
    assert [row[-1] for row in after] == ["prediction", *labels]


def parsed(data: bytes, delimiter: str) -> list[list[str]]:
    text = io.StringIO(data.decode("utf-8-sig"), newline="")
    return [row for row in csv.reader(text, delimiter=delimiter) if row]
