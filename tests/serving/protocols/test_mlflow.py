"""MLflow's and SageMaker's `/invocations`, from bytes to bytes."""

import io
import json
from typing import Any

import numpy as np
import pytest
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import InputError
from mlserve_cli.serving.exchange import Headers, Reply
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.mlflow import MlflowProtocol
from mlserve_cli.serving.refusals import MediaTypeError
from mlserve_cli.serving.scoring import score

CSV = {b"content-type": b"text/csv"}


def reply(model: LoadedModel, body: bytes, headers: Headers | None = None) -> Reply:
    call = MlflowProtocol().read(model, body, headers or {})
    return call.answer(score(model, [call.rows], call.wanted, 4096), 0, call.rows.count)


def predictions(model: LoadedModel, body: Any, headers: Headers | None = None) -> Any:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return json.loads(reply(model, content, headers).body)["predictions"]


def test_every_form_gives_the_estimators_predictions(trained: Trained) -> None:
    model = trained.load("pets")
    frame = trained.animals[:4].astype({"size": "object"})
    expected = trained.pets.predict(trained.animals[:4]).tolist()
    split = frame[["size", "age", "weight", "colour"]].to_dict("split")
    split = {"columns": split["columns"], "data": split["data"]}
    records, columns = frame.to_dict("records"), frame.to_dict("list")
    for body in (
        {"dataframe_split": split},
        {"dataframe_records": records},
        {"instances": records},
        {"inputs": columns},
        {"inputs": records, "params": {"unknown": 1}},
        {"inputs": records, "params": "MLflow passes over these too"},
    ):
        assert predictions(model, body) == expected
    assert predictions(model, frame.to_csv(index=False).encode(), CSV) == expected


def test_csv_without_names_keeps_its_first_row(fake: type[FakePredictor], trained: Trained) -> None:
    unnamed = LoadedModel("m", 1, fake())
    assert predictions(unnamed, b"1,2\n3,4", CSV) == [3.0, 7.0]
    assert predictions(unnamed, b"a,b\r\n3,4\r\n", CSV) == [7.0]
    assert predictions(trained.load("pets"), b"4,1,black,S\n30,2,brown,L\n", CSV) == ["cat", "dog"]


def test_the_answer_comes_as_the_client_accepts_it(fake: type[FakePredictor]) -> None:
    model = LoadedModel("m", 1, fake())
    found = reply(model, b"1,2\n3,4\n", {**CSV, b"accept": b"text/csv"})
    assert (found.body, found.content_type) == (b"3.0\n7.0\n", b"text/csv")
    found = reply(model, b"1,2\n3,4\n", {**CSV, b"accept": b"application/x-npy"})
    assert np.load(io.BytesIO(found.body)).tolist() == [3.0, 7.0]
    with pytest.raises(MediaTypeError, match="None of what the client accepts"):
        reply(model, b"1,2\n", {**CSV, b"accept": b"image/png"})


def test_npy_is_read_without_pickle(fake: type[FakePredictor]) -> None:
    model = LoadedModel("m", 1, fake())
    headers = {b"content-type": b"application/x-npy"}
    content = io.BytesIO()
    np.save(content, np.array([[1, 2], [3, 4]]))
    assert predictions(model, content.getvalue(), headers) == [3.0, 7.0]
    content = io.BytesIO()
    np.save(content, np.array([[object()]]), allow_pickle=True)
    for damaged in (content.getvalue(), b"", b"\x93NUMPY"):
        with pytest.raises(InputError, match="is not an npy array of numbers"):
            reply(model, damaged, headers)


@pytest.mark.parametrize(
    ("body", "headers", "message"),
    [
        (b"{}", {}, "Found none in the body, expected one of dataframe_split"),
        (b'{"inputs":[[1,2]],"instances":[[1,2]]}', {}, "Found instances and inputs"),
        (b'{"inputs":{"x0":[1],"x1":[1,2]}}', {}, "The columns differ in their number of rows."),
        (b'{"inputs":{"x0":1,"x1":[1]}}', {}, "Column 'x0': found the number 1"),
        (b"1,2\n3\n", CSV, "Row 2: found 1 fields, expected 2."),
        (b"1,2\nx,4\n", CSV, "Row 2, column 'x0': found the text 'x', expected a number."),
        (b"1,2\n1e999,4\n", CSV, "Row 2, column 'x0': found the text '1e999', expected a number."),
        (b"1,2,3\n", CSV, "Found 3 fields, expected 2: x0, x1."),
        (b"", CSV, "Found no rows"),
        (b'"', CSV, "The CSV cannot be read"),
        (b"\xff", CSV, "The CSV is not valid UTF-8."),
    ],
)
def test_what_is_wrong_is_named_in_mlflows_words(
    fake: type[FakePredictor], body: bytes, headers: Headers, message: str
) -> None:
    with pytest.raises(InputError) as caught:
        reply(LoadedModel("m", 1, fake()), body, headers)
    assert caught.value.message.startswith(message)
    found = MlflowProtocol().error(caught.value)
    assert found.status == 400
    assert json.loads(found.body)["error_code"] in {"BAD_REQUEST", "INVALID_PARAMETER_VALUE"}
