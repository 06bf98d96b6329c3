"""Inputs behind a web server."""

import functools
import http.server
import io
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mlserve_cli.batch import is_many, predict_file
from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.signature import Column, Signature, Task

_MODEL = Signature(Task.REGRESSION, (Column("a"),), named=True)
_TEXT = b"a\n" + b"".join(b"%d\n" % k for k in range(300_000))


@pytest.fixture
def model(fake: Any) -> Any:
    return fake(_MODEL, labels=lambda batch: batch[:, 0])


def give(
    data: bytes, request: http.server.BaseHTTPRequestHandler, *, ranges: bool, cut: int = 0
) -> None:
    asked = request.headers.get("Range", "")
    first, last = 0, len(data) - 1
    if ranges and asked:
        start, _, stop = asked.removeprefix("bytes=").partition("-")
        first, last = int(start), min(int(stop or last), last)
        request.send_response(206)
        request.send_header("Content-Range", f"bytes {first}-{last}/{len(data)}")
    else:
        request.send_response(200)
    request.send_header("Content-Length", str(last + 1 - first))
    request.end_headers()
    if request.command == "GET":
        request.wfile.write(data[first : last + 1 - cut])


def parquet() -> bytes:
    buffer = io.BytesIO()
    values = np.random.default_rng(0).normal(size=100_000)
    pq.write_table(pa.table({"a": values}), buffer, row_group_size=20_000)
    return buffer.getvalue()


@pytest.mark.parametrize("ranges", [True, False])
def test_text_is_read_in_one_answer(web: Any, model: Any, tmp_path: Path, *, ranges: bool) -> None:
    with web(functools.partial(give, _TEXT, ranges=ranges)) as address:
        report = predict_file(f"http://{address}/in.csv", tmp_path / "out.csv", model)
    assert report.rows == 300_000
    assert (tmp_path / "out.csv").read_bytes().splitlines()[-1] == b"299999,299999.0"


@pytest.mark.parametrize("ranges", [True, False])
def test_typed_rows_are_read_even_where_the_server_gives_no_parts(
    web: Any, model: Any, tmp_path: Path, *, ranges: bool
) -> None:
    data = parquet()
    with web(functools.partial(give, data, ranges=ranges)) as address:
        predict_file(f"http://{address}/in.parquet", tmp_path / "out.parquet", model)
    found = pq.read_table(tmp_path / "out.parquet")
    assert found["prediction"].equals(found["a"])


def test_secrets_are_sent_but_never_told(web: Any, model: Any, tmp_path: Path) -> None:
    asked: list[tuple[str, str | None]] = []

    def answer(request: http.server.BaseHTTPRequestHandler) -> None:
        asked.append((request.path, request.headers["Authorization"]))
        give(b"a\n1\noops\n", request, ranges=False)

    with web(answer) as address:
        uri = f"http://me:hidden@{address}/day=1/in.csv?signature=hid%2Fden"
        with pytest.raises(InputError, match=rf"^http://{address}/day=1/in\.csv, row 2") as caught:
            predict_file(uri, tmp_path / "out.csv", model)
    assert "hid" not in str(caught.value)
    path, authorization = asked[-1]
    assert path == "/day=1/in.csv?signature=hid%2Fden"
    assert authorization == "Basic bWU6aGlkZGVu"
    for unknown in (f"http://token@{address}/x.csv?hidden=1", f"http://me:hid/den@{address}/x.csv"):
        with pytest.raises(InputError) as caught:
            predict_file(unknown, tmp_path / "out.csv", model)
        assert "hid" not in str(caught.value)
        assert "token" not in str(caught.value)


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (404, "there is no such file"),
        (403, "access is denied"),
        (401, "no credentials were found that are accepted"),
    ],
)
def test_what_a_server_refuses_is_explained(
    web: Any, model: Any, tmp_path: Path, status: int, expected: str
) -> None:
    with (
        web(lambda request: request.send_error(status)) as address,
        pytest.raises(InputError, match=rf"in\.csv cannot be read: {expected}"),
    ):
        predict_file(f"http://{address}/in.csv?signature=hidden", tmp_path / "out.csv", model)


def test_an_answer_that_breaks_off_is_no_end_of_the_file(
    web: Any, model: Any, tmp_path: Path
) -> None:
    with (
        web(functools.partial(give, _TEXT, ranges=False, cut=1000)) as address,
        pytest.raises(InputError, match="the connection was lost before the end"),
    ):
        predict_file(f"http://{address}/in.csv", tmp_path / "out.csv", model)
    assert list(tmp_path.iterdir()) == []


def test_a_web_server_has_no_folders() -> None:
    assert not is_many("https://host/x.csv?a=*[")
    for uri in ("https://host/folder/", "https://host/*.csv"):
        with pytest.raises(UsageError, match="does not tell which files it has"):
            is_many(uri)
