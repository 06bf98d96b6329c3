"""CSV as the world writes it: other encodings, delimiters and decimal commas."""

import gzip
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.batch import BatchOptions, predict_file
from mlserve_cli.errors import (
    EngineError,
    InputError,
    InterruptedJobError,
    SignatureError,
    UsageError,
)
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

_MODEL = Signature(
    Task.CLASSIFICATION,
    (Column("größe"), Column("ort", DType.STRING)),
    layout=Layout.FRAME,
    named=True,
)
_TEXT = 'größe,ort\r\n1,"Zürich\r\n"\r\n,Øy\r\n'
_SCORED = "größe,ort,prediction\r\n1,\"Zürich\r\n\",1.0 'Zürich\\r\\n'\r\n,Øy,nan 'Øy'\r\n"


def score(fake: Any, folder: Path, data: bytes, **options: Any) -> bytes:
    source, destination = folder / "in.csv", folder / "out.csv"
    source.write_bytes(data)
    predict_file(source, destination, fake(_MODEL), BatchOptions(**options))
    return destination.read_bytes()


@pytest.mark.parametrize("encoding", ["latin-1", "windows-1252", "utf-16-le", "utf-16-be"])
def test_text_is_written_in_the_encoding_in_which_it_came(
    fake: Any, tmp_path: Path, encoding: str
) -> None:
    found = score(fake, tmp_path, _TEXT.encode(encoding), encoding=encoding)
    assert found.decode(encoding) == _SCORED


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-8"])
def test_a_byte_order_mark_tells_the_encoding_and_is_kept(
    fake: Any, tmp_path: Path, encoding: str
) -> None:
    found = score(fake, tmp_path, f"\ufeff{_TEXT}".encode(encoding))
    assert found.decode(encoding) == "\ufeff" + _SCORED


def test_compressed_text_in_utf_16_is_read_too(fake: Any, tmp_path: Path) -> None:
    found = score(fake, tmp_path, gzip.compress(_TEXT.encode("utf-16")), encoding="utf-16")
    assert "Zürich" in found.decode("utf-16-le")


@given(
    text=st.text(st.characters(codec="latin-1", exclude_characters=',"\r\n;')),
    size=st.integers(1, 50),
)
def test_no_byte_of_latin_1_is_changed(
    fake: Any, tmp_path_factory: pytest.TempPathFactory, text: str, size: int
) -> None:
    line = f"{text};7\n".encode("latin-1")
    folder = tmp_path_factory.mktemp("latin")
    data = "größe;note\n".encode("latin-1").replace(b"note", b"n") + b"7;" + line[:-3] + b"\n"
    model = Signature(Task.REGRESSION, (Column("größe"),), named=True)
    (folder / "in.csv").write_bytes(data)
    options = BatchOptions(encoding="latin-1", delimiter=";", block_bytes=size)
    predict_file(folder / "in.csv", folder / "out.csv", fake(model), options)
    found = (folder / "out.csv").read_bytes()
    assert found.replace(b";prediction\n", b"\n").replace(b";7.0\n", b"\n") == data


def test_bytes_that_are_no_text_are_an_error(fake: Any, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not text in cp1252: byte 7 "):
        score(fake, tmp_path, b"a,b\n1,\x81\n", encoding="windows-1252")
    with pytest.raises(InputError, match="is not text in utf-16-le"):
        score(fake, tmp_path, b"\xff\xfea\x00\x00", encoding=None)


@pytest.mark.parametrize("encoding", ["nonsense", "base64", "rot13", "hex", "zlib"])
def test_what_is_no_encoding_of_text_is_refused(fake: Any, tmp_path: Path, encoding: str) -> None:
    with pytest.raises(UsageError, match="is no encoding of text"):
        score(fake, tmp_path, b"a,b\n1,2\n", encoding=encoding)


def test_a_prediction_that_the_encoding_lacks_is_an_error(fake: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes("größe,ort\n1,x\n".encode("latin-1"))
    with pytest.raises(EngineError, match="cannot be written in"):
        predict_file(
            source,
            tmp_path / "out.csv",
            fake(_MODEL),
            BatchOptions(encoding="latin-1", prediction_column="прогноз"),
        )
    assert not (tmp_path / "out.csv").exists()


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_delimiter_is_found_in_the_header_and_told(
    fake: Any, tmp_path: Path, delimiter: str
) -> None:
    data = "größe,x,ort,y\n1,,a,\n".replace(",", delimiter)
    with pytest.warns(UserWarning, match="separates its fields by"):
        found = score(fake, tmp_path, data.encode())
    assert found.decode() == "größe,x,ort,y,prediction\n1,,a,,1.0 'a'\n".replace(",", delimiter)


def test_a_comma_that_works_is_kept(fake: Any, tmp_path: Path) -> None:
    model = Signature(Task.REGRESSION, (Column("a;b"),), named=True)
    (tmp_path / "in.csv").write_bytes(b"a;b\n1\n")
    predict_file(tmp_path / "in.csv", tmp_path / "out.csv", fake(model))
    assert (tmp_path / "out.csv").read_bytes() == b"a;b,prediction\n1,1.0\n"


def test_columns_that_no_delimiter_brings_are_still_missing(fake: Any, tmp_path: Path) -> None:
    with pytest.raises(SignatureError, match="lacks the column"):
        score(fake, tmp_path, b"a;b;c\n1;2;3\n")


def test_a_decimal_comma_is_read_and_written(fake: Any, tmp_path: Path) -> None:
    model = Signature(
        Task.REGRESSION, (Column("a"), Column("n", DType.INT64)), Layout.FRAME, named=True
    )
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a;n\n1,5;3\n-2;4\n1e3;\n0,25;1,5\n")

    def total(batch: Any) -> Any:
        return batch["a"] + batch["n"]

    options = BatchOptions(delimiter=";", decimal=",")
    predict_file(source, destination, fake(model, labels=total), options)
    assert destination.read_bytes() == (
        b"a;n;prediction\n1,5;3;4,5\n-2;4;2,0\n1e3;;nan\n0,25;1,5;1,75\n"
    )
    source.write_bytes(b"a;n\n1.234,5;3\n")
    with pytest.raises(SignatureError, match="expected a number"):
        predict_file(source, destination, fake(model, labels=total), options)


def test_one_character_cannot_separate_fields_and_fractions(fake: Any, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot separate fields and fractions alike"):
        score(fake, tmp_path, _TEXT.encode(), decimal=",")
    with pytest.raises(UsageError, match="is no decimal point"):
        score(fake, tmp_path, _TEXT.encode(), decimal="x")


def test_a_job_in_another_encoding_is_continued(fake: Any, tmp_path: Path) -> None:
    source = tmp_path / "in.csv"
    rows = "".join(f"{number},Zürich\n" for number in range(3000))
    source.write_bytes(f"größe,ort\n{rows}".encode("utf-16"))
    predict_file(source, tmp_path / "whole.csv", fake(_MODEL))

    def interrupt(now: Any) -> None:
        if now.rows > 1000:
            raise InterruptedJobError("Stopped.")

    options = BatchOptions(block_bytes=500)
    with pytest.raises(InterruptedJobError):
        predict_file(source, tmp_path / "out.csv", fake(_MODEL), options, progress=interrupt)
    options = BatchOptions(block_bytes=500, resume=True)
    assert predict_file(source, tmp_path / "out.csv", fake(_MODEL), options).resumed_rows > 1000
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()
