"""The description of what is served, and the page to try it out."""

import re
from typing import Any

import httpx
import pytest
from jsonschema_rs import Draft202012Validator
from tests.serving.conftest import FakePredictor, Server, Trained

from mlserve_cli.serving.documentation import ASSETS, openapi
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.service import PredictionService


@pytest.fixture(scope="module")
def description(server: Server) -> dict[str, Any]:
    with server.client as client:
        found: dict[str, Any] = client.get("/openapi.json").json()
    return found


def schema_of(description: dict[str, Any], path: str) -> tuple[Any, Any, Any]:
    """Schemas of a request and its answer, and the example."""
    operation = description["paths"][path]["post"]
    asked = operation["requestBody"]["content"]["application/json"]
    answered = operation["responses"]["200"]["content"]["application/json"]["schema"]
    return asked["schema"], answered, asked["example"]


def is_valid(content: Any, schema: Any) -> bool:
    return Draft202012Validator(schema).is_valid(content)


@pytest.mark.parametrize("name", ["iris", "pets"])
@pytest.mark.parametrize(
    "path", ["/models/{}/predict", "/v2/models/{}/infer", "/v1/models/{}:predict"]
)
def test_examples_work_and_fit_the_schemas(
    server: Server, description: dict[str, Any], path: str, name: str
) -> None:
    asked, answered, example = schema_of(description, path.format(name))
    assert is_valid(example, asked)
    with server.client as client:
        answer = client.post(path.format(name), json=example)
    assert answer.status_code == 200
    assert is_valid(answer.json(), answered)


def test_the_only_model_is_asked_without_its_name(trained: Trained) -> None:
    description = openapi(PredictionService([trained.load("pets")]))
    assert {"/predict", "/invocations", "/models/pets/predict"} <= description["paths"].keys()
    assert "/predict" not in openapi(PredictionService())["paths"]


def test_columns_classes_and_keys_are_told(trained: Trained) -> None:
    description = openapi(PredictionService([trained.load("pets")]), needs_key=True)
    asked, answered, _ = schema_of(description, "/predict")
    record = asked["oneOf"][2]["properties"]["rows"]["items"]
    assert record["required"] == ["weight", "age", "colour", "size"]
    assert record["properties"]["age"]["type"] == "integer"
    assert record["properties"]["size"]["examples"] == ["L", "M", "S"]
    probabilities = answered["oneOf"][1]["properties"]["probabilities"]
    assert probabilities["description"] == "One for each class, in this order: cat, dog."
    assert description["security"] == [{"key": []}]


def test_a_request_holds_features_or_rows(description: dict[str, Any]) -> None:
    asked, _, _ = schema_of(description, "/models/iris/predict")
    row = [5.1, 3.5, 1.4, 0.2]
    for good in ({"features": row}, {"features": [row, row]}):
        assert is_valid(good, asked)
    wrong: list[dict[str, Any]] = [
        {},
        {"features": []},
        {"features": row[:3]},
        {"features": [row, [None] * 4]},
        {"features": row, "rows": []},
        {"rows": [{"x0": 1}]},
    ]
    for bad in wrong:
        assert not is_valid(bad, asked)


def test_several_outputs_are_lists(fake: type[FakePredictor]) -> None:
    model = LoadedModel("m", 1, fake(1))
    asked, answered, example = schema_of(
        openapi(PredictionService([model])), "/v1/models/m:predict"
    )
    assert is_valid(example, asked)
    assert is_valid({"instances": [1.5, 2]}, asked)
    assert is_valid({"predictions": [1.5]}, answered)


def test_what_is_served_is_told_with_its_classes(server: Server) -> None:
    with server.client as client:
        listed = client.get("/models").json()["models"]
        pets = client.get("/models/pets").json()
        assert client.get("/models/pets/versions/1").json() == pets
        assert client.get("/models/none").status_code == 404
        answer = client.post("/models/pets/predict", json=pets["example"]).json()
    assert [model["name"] for model in listed] == ["iris", "pets"]
    assert (pets["classes"], pets["versions"], pets["engine"]) == (["cat", "dog"], [1], "sklearn")
    assert pets["columns"][3] == {
        "name": "size",
        "dtype": "categorical",
        "categories": ["L", "M", "S"],
        "missing": True,
    }
    assert len(answer["probabilities"][0]) == len(pets["classes"])


def test_the_page_needs_no_other_server(server: Server) -> None:
    with server.client as client:
        page = client.get("/docs").text
        assert not re.findall(r"https?://[^\s'\"]+", page)
        for name, kind in ASSETS.items():
            assert f"docs/{name}" in page
            file = client.get(f"/docs/{name}")
            assert (file.status_code, file.headers["content-type"]) == (200, kind.decode())
            assert len(file.content) > 1000
        assert client.get("/docs/redoc.standalone.js").status_code == 404
        assert client.get("/docs/..%2f..%2fcore.py").status_code == 404


def test_a_sign_of_life_is_at_the_root(server: Server) -> None:
    assert httpx.get(server.address).json()["status"] == "alive"
