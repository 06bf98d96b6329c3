"""Files that other tools change on the way: what comes in, and what must come out."""

from pathlib import Path
from typing import Any

import pytest

from mlserve_cli.batch import BatchOptions, predict_file
from mlserve_cli.errors import SignatureError
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

_SIGNATURE = Signature(Task.REGRESSION, (Column("x"),), named=True)

_FILES = {
    "leading zeros, spelled-out missing values, trailing zeros, big integers": (
        b"id,x,n\n007,1.10,NA\n0,1e0,NULL\n9007199254740993,+2,None\n,,\n",
        b"id,x,n,p\n007,1.10,NA,1.1\n0,1e0,NULL,1.0\n9007199254740993,+2,None,2.0\n,,,nan\n",
    ),
    "CR LF": (b"id,x\r\na,1\r\nb,2\r\n", b"id,x,p\r\na,1,1.0\r\nb,2,2.0\r\n"),
    "CR alone": (b"id,x\ra,1\rb,2\r", b"id,x,p\ra,1,1.0\rb,2,2.0\r"),
    "mixed line ends and no last one": (
        b"id,x\r\na,1\nb,2\rc,3",
        b"id,x,p\r\na,1,1.0\nb,2,2.0\rc,3,3.0",
    ),
    "blank lines": (b"\nid,x\n\na,1\n\n\r\nb,2\n\n", b"\nid,x,p\n\na,1,1.0\n\n\r\nb,2,2.0\n\n"),
    "byte order mark": (
        b'\xef\xbb\xbf"x",id\n1,a\n',
        b'\xef\xbb\xbf"x",id,p\n1,a,1.0\n',
    ),
    "quoted line ends and delimiters": (
        b'id,x\n"a\r\n\n,""b""",1\n"","2"\n',
        b'id,x,p\n"a\r\n\n,""b""",1,1.0\n"","2",2.0\n',
    ),
    "quotes inside unquoted fields": (
        b'id,x\n5" pipe,1\na"b,"2"\n"q"w"e,3\n',
        b'id,x,p\n5" pipe,1,1.0\na"b,"2",2.0\n"q"w"e,3,3.0\n',
    ),
    "a header that spans lines": (b'"i\nd",x\na,1\n', b'"i\nd",x,p\na,1,1.0\n'),
    "bytes that are no UTF-8 outside the model's columns": (
        b"caf\xe9,x\n\xff\xfe,1\n",
        b"caf\xe9,x,p\n\xff\xfe,1,1.0\n",
    ),
    "NUL bytes": (b"id,x\na\0b,1\n\0,2\n", b"id,x,p\na\0b,1,1.0\n\0,2,2.0\n"),
    "duplicated and empty names": (b"a,a,,x\n1,2,3,4\n", b"a,a,,x,p\n1,2,3,4,4.0\n"),
    "trailing commas in header and rows": (b"x,a,\n1,2,\n", b"x,a,,p\n1,2,,1.0\n"),
    "a field of 3 MiB": (
        b'id,x\n"' + b"y\n" * (3 << 19) + b'",1\nb,2\n',
        b'id,x,p\n"' + b"y\n" * (3 << 19) + b'",1,1.0\nb,2,2.0\n',
    ),
    "one column": (b'x\n1\n\n""\n2', b'x,p\n1,1.0\n\n"",nan\n2,2.0'),
}


@pytest.mark.parametrize("block_bytes", [1, 5, 1 << 20])
@pytest.mark.parametrize("name", list(_FILES))
def test_every_byte_is_kept(fake: Any, tmp_path: Path, name: str, block_bytes: int) -> None:
    before, after = _FILES[name]
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(before)
    options = BatchOptions(prediction_column="p", block_bytes=block_bytes)
    predict_file(source, destination, fake(_SIGNATURE, lambda batch: batch[:, 0]), options)
    assert destination.read_bytes() == after


def test_ten_thousand_columns_are_kept(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    names = ",".join(["x", *(f"c{k}" for k in range(9_999))])
    rows = [f"{row}," + ",".join([f"0{row}"] * 9_999) for row in range(30)]
    source.write_text("\n".join([names, *rows]))
    options = BatchOptions(prediction_column="p", block_bytes=1 << 18)
    predict_file(source, destination, fake(_SIGNATURE, lambda batch: batch[:, 0]), options)
    expected = [f"{names},p", *(f"{text},{row}.0" for row, text in enumerate(rows))]
    assert destination.read_text() == "\n".join(expected)


def test_the_usual_spellings_of_truth_are_read_and_kept(fake: Any, tmp_path: Path) -> None:
    true = ["true", "True", "TRUE", "t", "yes", "Y", "on", "1", "1.0", " true "]
    false = ["false", "False", "FALSE", "F", "no", "n", "off", "0", "0.0"]
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("x\n" + "".join(f"{text}\n" for text in [*true, *false, "NA"]))
    column = Column("x", DType.BOOL)
    signature = Signature(Task.REGRESSION, (column,), layout=Layout.FRAME, named=True)
    predict_file(source, destination, fake(signature), BatchOptions(prediction_column="p"))
    expected = [f"{text},True" for text in true] + [f"{text},False" for text in false]
    assert destination.read_text().splitlines() == ["x,p", *expected, "NA,None"]


@pytest.mark.slow
@pytest.mark.parametrize("kind", [DType.INT64, DType.FLOAT64])
def test_a_number_that_turns_text_at_row_a_million_is_named(
    fake: Any, tmp_path: Path, kind: DType
) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"x\n" + b"7\n" * 999_999 + b"seven\n" + b"7\n" * 10)
    signature = Signature(Task.REGRESSION, (Column("x", kind),), layout=Layout.FRAME, named=True)
    model = fake(signature, lambda batch: batch["x"])
    with pytest.raises(SignatureError, match=r"row 1000000 \(line 1000001 .* found 'seven'"):
        predict_file(source, destination, model)
    column = Column("x", DType.STRING)
    text = fake(Signature(Task.REGRESSION, (column,), layout=Layout.FRAME, named=True))
    assert predict_file(source, destination, text).rows == 1_000_010
    assert b"\nseven,'seven'\n7,'7'\n" in destination.read_bytes()


def test_every_byte_is_kept_beside_a_decimal_comma(fake: Any, tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"id;x\r\n007;1,50\r\n008;-2e3\r\n")
    options = BatchOptions(prediction_column="p", delimiter=";", decimal=",")
    predict_file(source, destination, fake(_SIGNATURE, lambda batch: batch[:, 0]), options)
    assert destination.read_bytes() == b"id;x;p\r\n007;1,50;1,5\r\n008;-2e3;-2000,0\r\n"
