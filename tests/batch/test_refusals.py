"""Every mistake is named with its file, row, line and column; the output stays as it was."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from mlserve_cli.batch import BatchOptions, Output, predict_file
from mlserve_cli.errors import EngineError, InputError, MlserveError, SignatureError, UsageError
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch

_STRICT = Column("b", missing=False, infinite=False)
_BLOCKS = pytest.mark.parametrize("block_bytes", [1, 7, 1 << 20])


def signature(*columns: Column | str, named: bool = True, **more: Any) -> Signature:
    typed = tuple(Column(column) if isinstance(column, str) else column for column in columns)
    return Signature(Task.CLASSIFICATION, typed, named=named, **more)


def refused(
    fake: Any,
    folder: Path,
    data: bytes,
    model: Signature,
    options: BatchOptions | None = None,
    **how: Any,
) -> MlserveError:
    """The error for `data`; checks that nothing was written."""
    source, destination = folder / "in.csv", folder / "out.csv"
    source.write_bytes(data)
    destination.write_bytes(b"before")
    with pytest.raises(MlserveError) as caught:
        predict_file(source, destination, fake(model, **how), options or BatchOptions())
    assert destination.read_bytes() == b"before"
    assert sorted(path.name for path in folder.iterdir()) == ["in.csv", "out.csv"]
    return caught.value


@_BLOCKS
@pytest.mark.parametrize(
    ("rows", "column", "place", "problem"),
    [
        (b"1,2\n3,x\n", "b", (2, 3, "b"), "found 'x', expected a number."),
        (b"1,2\n\n\n3,1_0\n", "b", (2, 5, "b"), "found '1_0', expected a number."),
        (b'"1\n",2\n3,NAN\n', "b", (2, 4, "b"), "found 'NAN', expected a number."),
        (b"1,2\n3,nan(1)\n", "b", (2, 3, "b"), "found 'nan(1)', expected a number."),
        (
            b"1,2\n3," + b"x" * 99 + b"\n",
            "b",
            (2, 3, "b"),
            f"found '{'x' * 60}...', expected a number.",
        ),
        (b"1,2\r3,\xff\r", "b", (2, 3, "b"), "found '\\\\xff', expected a number."),
        (b"1,2\n3,\n", _STRICT, (2, 3, "b"), "found a missing value, expected a value; "),
        (b"1,2\n3,-inf\n", _STRICT, (2, 3, "b"), "found '-inf', expected a finite number."),
        (b"1,2\n3,1e999\n", _STRICT, (2, 3, "b"), "found 'inf', expected a finite number."),
        (
            b"1,t\n3,maybe\n",
            Column("b", DType.BOOL),
            (2, 3, "b"),
            "found 'maybe', expected true or false.",
        ),
        (b"1,2\n3\n", "b", (2, 3, None), "found 1 field, expected 2."),
        (b"1,2\r\n3,4,\r\n", "b", (2, 3, None), "found 3 fields, expected 2."),
    ],
)
def test_a_value_that_does_not_fit_is_named_with_its_place(
    fake: Any,
    tmp_path: Path,
    *,
    block_bytes: int,
    rows: bytes,
    column: Column | str,
    place: tuple[int, int, str | None],
    problem: str,
) -> None:
    options = BatchOptions(block_bytes=block_bytes)
    error = refused(fake, tmp_path, b"a,b\n" + rows, signature("a", column), options)
    row, line, name = place
    assert isinstance(error, SignatureError)
    assert (error.row, error.column) == (row, name)
    start = f"{tmp_path / 'in.csv'}, row {row} (line {line} of the file)"
    assert error.message.startswith(f"{start}{f', column {name!r}' if name else ''}: {problem}")


@_BLOCKS
@pytest.mark.parametrize(
    ("value", "column", "expected"),
    [
        (b"0x10", Column("b", DType.INT64), "a whole number"),
        (b"two", Column("b", DType.INT64), "a whole number"),
        (b"", Column("b", DType.INT64, missing=False), "takes no missing"),
        (b"1.5.2", Column("b", DType.FLOAT64), "a number"),
        (b"\xff", Column("b", DType.STRING), "text in UTF-8"),
        (b"NA", Column("b", DType.STRING, missing=False), "takes no missing"),
        (b"\xff", Column("b", DType.CATEGORICAL, ("1", "2")), "text in UTF-8"),
        (b"\xff", Column("b", DType.BOOL), "text in UTF-8"),
        (b"", Column("b", DType.BOOL, missing=False), "takes no missing"),
    ],
)
def test_a_value_of_a_frame_that_does_not_fit_is_named(
    fake: Any, tmp_path: Path, block_bytes: int, value: bytes, column: Column, expected: str
) -> None:
    data = b"b,other\n1,\xff\n1,\n" + value + b",\n?,\n"
    model = signature(column, layout=Layout.FRAME)
    error = refused(fake, tmp_path, data, model, BatchOptions(block_bytes=block_bytes))
    assert isinstance(error, SignatureError)
    assert (error.row, error.column) == (3, "b")
    assert expected in error.message


def test_of_several_bad_values_the_first_row_is_named(fake: Any, tmp_path: Path) -> None:
    data = b"a,b,c\n1,2,3\n1,2,x\n1,x,3\nx,2,3\n"
    error = refused(fake, tmp_path, data, signature("a", "b", "c"))
    assert isinstance(error, SignatureError)
    assert (error.row, error.column) == (2, "c")


def refuses_three(batch: "Batch") -> NDArray[Any]:
    assert isinstance(batch, np.ndarray)
    if (batch[:, 0] == 3).any():
        raise SignatureError("No threes, please.", row=1, column="a", hint="Use fours.")
    return batch[:, 0]


def fails_on_three(batch: "Batch") -> NDArray[Any]:
    assert isinstance(batch, np.ndarray)
    if (batch[:, 0] == 3).any():
        raise EngineError("Out of order.")
    return batch[:, 0]


def refuses_many(batch: "Batch") -> NDArray[Any]:
    assert isinstance(batch, np.ndarray)
    if len(batch) > 3:
        raise EngineError("Too many at once.")
    return batch[:, 0]


@_BLOCKS
@pytest.mark.parametrize("batch_rows", [None, 1, 3])
@pytest.mark.parametrize(
    ("labels", "kind", "message"),
    [
        (refuses_three, SignatureError, "row 5 (line 7 of the file), column 'a': No threes"),
        (fails_on_three, EngineError, "row 5 (line 7 of the file): Out of order."),
    ],
)
def test_a_row_that_the_model_refuses_is_found_in_its_block(
    fake: Any,
    tmp_path: Path,
    *,
    block_bytes: int,
    batch_rows: int | None,
    labels: Any,
    kind: type[MlserveError],
    message: str,
) -> None:
    options = BatchOptions(block_bytes=block_bytes, batch_rows=batch_rows)
    data = b"a\n1\n2\n\n1\n1\n3\n1\n3\n1\n"
    error = refused(fake, tmp_path, data, signature("a"), options, labels=labels)
    assert type(error) is kind
    assert message in error.message
    if isinstance(error, SignatureError):
        assert (error.row, error.column, error.hint) == (5, "a", "Use fours.")


def test_no_row_is_blamed_where_none_is_refused_alone(fake: Any, tmp_path: Path) -> None:
    error = refused(fake, tmp_path, b"a\n1\n2\n3\n4\n", signature("a"), labels=refuses_many)
    assert str(error) == "Too many at once."


def test_a_model_that_answers_for_too_few_rows_is_an_engine_error(
    fake: Any, tmp_path: Path
) -> None:
    error = refused(fake, tmp_path, b"a\n1\n2\n", signature("a"), labels=lambda batch: np.zeros(1))
    assert isinstance(error, EngineError)
    assert "[1] values for 2 rows" in error.message


@_BLOCKS
def test_a_quote_that_is_never_closed_is_named_where_it_starts(
    fake: Any, tmp_path: Path, block_bytes: int
) -> None:
    data = b'a,b\n1,2\n\n3,"4\n5,6\n'
    error = refused(
        fake, tmp_path, data, signature("a", "b"), BatchOptions(block_bytes=block_bytes)
    )
    assert type(error) is InputError
    assert "row 2 (line 4 of the file): a quote in it is never closed" in error.message


def test_a_bad_row_before_an_open_quote_is_named_first(fake: Any, tmp_path: Path) -> None:
    data = b'a\n1\nx\n2\n"\n5,6\n'
    error = refused(fake, tmp_path, data, signature("a"), BatchOptions(block_bytes=2))
    assert isinstance(error, SignatureError)
    assert error.row == 2


def test_a_record_without_an_end_is_given_up(fake: Any, tmp_path: Path) -> None:
    data = b'a\n1\n"' + b"x\n" * (40 << 20)
    error = refused(fake, tmp_path, data, signature("a"))
    assert "row 2 (line 3 of the file): it does not end within 64 MiB" in error.message


@pytest.mark.parametrize(
    ("data", "message", "hint"),
    [
        (b"", "in.csv is empty", None),
        (b"\n\r\n", "blank lines only", None),
        (b"\xef\xbb\xbf\n", "blank lines only", None),
        (b'"a,b\n1,2\n', "quote in the first record is never closed", None),
        (b"PAR1\x15\x04", "is a Parquet file; a CSV file is expected", None),
        (b"PK\x03\x04\x14", "is a zip archive, as Excel workbooks", None),
        (b"\x80\x04\x95\x00", "is a pickle, as joblib models are", None),
        (b"a,x\n1,2\n", "lacks the column 'b'. It has: 'a', 'x'.", None),
        (b"x,y\n1,2\n", "lacks the columns 'a', 'b'.", None),
        (b"a,B \n1,2\n", "lacks the column 'b'.", "'b' may be called 'B ' there."),
        (b"a,b,b\n1,2,3\n", "more than one column named 'b'", "Rename"),
        (b"1,2\n3,4\n", "seems to have no header; its first line is: '1,2'", "--no-header"),
        (b"1,Adelie\n", "seems to have no header", "--no-header --columns NAME,NAME,..."),
    ],
)
def test_a_file_without_the_columns_of_the_model_is_refused(
    fake: Any, tmp_path: Path, data: bytes, message: str, hint: str | None
) -> None:
    error = refused(fake, tmp_path, data, signature("a", "b"))
    assert isinstance(error, InputError)
    assert message in error.message
    assert (error.hint is None) if hint is None else (hint in (error.hint or ""))


@pytest.mark.parametrize(
    ("data", "options", "kind", "message"),
    [
        (b"i,p,q\n1,2,3\n", {}, SignatureError, "has 3 columns; the model takes 2"),
        (b"p,q\n1,2\n", {"columns": ("p",)}, UsageError, "names 1 different columns"),
        (b"p,q\n1,2\n", {"columns": ("p", "p")}, UsageError, "names 1 different columns"),
        (b"p,q\n1,2\n", {"columns": ("p", "z")}, SignatureError, "lacks the column 'z'"),
        (b"7,8\n1,2\n", {}, InputError, "seems to have no header"),
        (b"1,2,3\n", {"header": False}, SignatureError, "has 3 columns; the model takes 2"),
        (
            b"1,2,3\n",
            {"header": False, "columns": ("a", "b")},
            UsageError,
            "--columns names 2 columns, but",
        ),
        (
            b"1,2,3\n",
            {"header": False, "columns": ("a", "b", "c")},
            SignatureError,
            "has 3 columns; the model takes 2",
        ),
    ],
)
def test_columns_without_known_names_are_refused_where_they_are_ambiguous(
    fake: Any,
    tmp_path: Path,
    data: bytes,
    options: dict[str, Any],
    kind: type[MlserveError],
    message: str,
) -> None:
    model = signature("x0", "x1", named=False)
    error = refused(fake, tmp_path, data, model, BatchOptions(**options))
    assert type(error) is kind
    assert message in error.message


def test_a_file_without_a_header_needs_names_for_a_model_that_has_them(
    fake: Any, tmp_path: Path
) -> None:
    error = refused(fake, tmp_path, b"1,2\n", signature("a", "b"), BatchOptions(header=False))
    assert type(error) is UsageError
    assert "--columns NAME,NAME,..." in (error.hint or "")


@pytest.mark.parametrize(
    ("header", "options", "message", "hint"),
    [
        (b"a,prediction\n", {}, "column named 'prediction'", "--prediction-column NAME"),
        (b"a,p\n", {"prediction_column": "p"}, "named 'p'", "--prediction-column NAME"),
        (b"a,probability_1\n", {"output": Output.BOTH}, "'probability_1'", "Rename"),
        (b"a,s\n", {"output": Output.RAW}, "named 's'", "Rename"),
    ],
)
def test_no_column_of_the_input_is_overwritten(
    fake: Any, tmp_path: Path, header: bytes, options: dict[str, Any], message: str, hint: str
) -> None:
    model = signature("a", classes=(0, 1), probabilities=True, decision=("s",))
    error = refused(fake, tmp_path, header + b"1,2\n", model, BatchOptions(**options))
    assert type(error) is UsageError
    assert message in error.message
    assert hint in (error.hint or "")


@pytest.mark.parametrize("output", [Output.PROBABILITIES, Output.BOTH, Output.RAW])
def test_an_output_that_the_model_does_not_have_is_refused(
    fake: Any, tmp_path: Path, output: Output
) -> None:
    error = refused(fake, tmp_path, b"a\n1\n", signature("a"), BatchOptions(output=output))
    assert type(error) is UsageError
    assert error.hint == "Use --output label"


@pytest.mark.parametrize("delimiter", ["", ",,", '"', "\n", "é", "\0"])
def test_a_delimiter_that_cannot_separate_fields_is_refused(
    fake: Any, tmp_path: Path, delimiter: str
) -> None:
    options = BatchOptions(delimiter=delimiter)
    assert type(refused(fake, tmp_path, b"a\n", signature("a"), options)) is UsageError


def test_a_column_without_a_name_is_not_added() -> None:
    with pytest.raises(UsageError, match="is empty"):
        BatchOptions(prediction_column="")


def test_probabilities_of_unknown_classes_are_refused(fake: Any, tmp_path: Path) -> None:
    model = signature("a", probabilities=True)
    error = refused(fake, tmp_path, b"a\n1\n", model, BatchOptions(output=Output.BOTH))
    assert "does not say which classes" in error.message


@pytest.mark.parametrize(
    ("row", "column", "hint"),
    [
        (b'"1,5"', Column("a"), "decimal point"),
        (b'"1,234,567"', Column("a", DType.INT64), "decimal point"),
        (b"Z\xfcrich", Column("a", DType.STRING), "iconv"),
    ],
)
def test_a_value_of_another_locale_comes_with_a_hint(
    fake: Any, tmp_path: Path, row: bytes, column: Column, hint: str
) -> None:
    model = signature(column, layout=Layout.FRAME)
    error = refused(fake, tmp_path, b"a\n" + row + b"\n", model)
    assert hint in (error.hint or "")


@pytest.mark.parametrize("option", ["batch_rows", "block_bytes", "threads"])
def test_sizes_start_at_one(option: str) -> None:
    with pytest.raises(UsageError, match=f"{option} is 0"):
        BatchOptions(**cast("Any", {option: 0}))


@pytest.mark.parametrize(
    ("source", "destination", "message"),
    [
        ("in.csv", "out.tsv", "in.csv and out.tsv have different suffixes"),
        ("in.tsv.gz", "out.csv", "in.tsv.gz and out.csv have different suffixes"),
    ],
)
def test_another_kind_of_csv_is_refused_by_suffix(
    fake: Any, source: str, destination: str, message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        predict_file(source, destination, fake(signature("a")))


def test_a_header_of_one_value_longer_than_a_record_may_be_is_given_up(
    fake: Any, tmp_path: Path
) -> None:
    error = refused(fake, tmp_path, b"x" * (70 << 20), signature("a"))
    assert "the first record" in error.message
