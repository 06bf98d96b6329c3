"""TensorFlow Serving's `:predict`, from bytes to bytes."""

import json
from typing import Any

import numpy as np
import pytest
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import InputError
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.tensorflow import (
    TensorflowProtocol,
    model_metadata,
    model_status,
)
from mlserve_cli.serving.scoring import score


def ask(model: LoadedModel, request: Any) -> Any:
    call = TensorflowProtocol().read(model, json.dumps(request).encode(), {})
    scored = score(model, [call.rows], call.wanted, 4096)
    return json.loads(call.answer(scored, 0, call.rows.count).body)


def test_rows_and_columns(fake: type[FakePredictor], trained: Trained) -> None:
    model = LoadedModel("m", 1, fake())
    assert ask(model, {"instances": [[1, 2], [3, 4]]}) == {"predictions": [3.0, 7.0]}
    assert ask(model, {"inputs": {"x0": [1, 3], "x1": [[2], [4]]}}) == {"outputs": [3.0, 7.0]}
    records = trained.animals[:2].to_dict("records")
    assert ask(trained.load("pets"), {"instances": records}) == {"predictions": ["cat", "dog"]}


def test_the_signature_name_chooses_what_is_answered(trained: Trained) -> None:
    model = trained.load("iris")
    rows = trained.flowers[:2].tolist()
    expected = {
        None: trained.iris.predict(rows),
        "": trained.iris.predict(rows),
        "serving_default": trained.iris.predict(rows),
        "predict_proba": trained.iris.predict_proba(rows),
        "decision_function": trained.iris.decision_function(rows),
    }
    for name, values in expected.items():
        found = ask(model, {"instances": rows, "signature_name": name})["predictions"]
        np.testing.assert_allclose(found, values)
    with pytest.raises(InputError, match="Found 'x' as 'signature_name', expected one of serving"):
        ask(model, {"instances": rows, "signature_name": "x"})


def test_parameters_change_nothing(fake: type[FakePredictor]) -> None:
    request = {"instances": [[1, 2]], "parameters": {"temperature": 1}}
    assert ask(LoadedModel("m", 1, fake()), request) == {"predictions": [3.0]}


@pytest.mark.parametrize(
    "body", [{}, {"instances": [[1, 2]], "inputs": [[1, 2]]}, {"instances": 5}]
)
def test_what_is_wrong_has_status_400(fake: type[FakePredictor], body: Any) -> None:
    with pytest.raises(InputError) as caught:
        ask(LoadedModel("m", 1, fake()), body)
    assert TensorflowProtocol().error(caught.value).status == 400


def test_status_and_metadata(trained: Trained) -> None:
    versions = [entry["version"] for entry in model_status([1, 2])["model_version_status"]]
    assert versions == ["2", "1"]
    inputs = model_metadata(trained.load("pets"))["metadata"]["signature_def"]["signature_def"]
    assert inputs["serving_default"]["inputs"]["colour"]["dtype"] == "DT_STRING"
    assert inputs["serving_default"]["outputs"] == {
        "predict": {"dtype": "DT_STRING", "tensor_shape": {"dim": [{"size": "-1"}]}}
    }
    probabilities = inputs["predict_proba"]["outputs"]["predict_proba"]
    assert probabilities["tensor_shape"]["dim"] == [{"size": "-1"}, {"size": "2"}]
