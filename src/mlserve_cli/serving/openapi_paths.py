"""Operations of the OpenAPI description: for each model one per protocol, and those beside them."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import msgspec

from mlserve_cli.serving import openapi_schemas as schemas
from mlserve_cli.serving.protocols.v2_metadata import input_tensors

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.openapi_schemas import Schema

Paths = dict[str, Any]

_ERRORS = {
    "400": "The request cannot be read.",
    "404": "No such model.",
    "422": "The rows do not fit the model; row and column are named.",
    "4XX": "No valid API key (401), a body that is too large (413), a content type or encoding "
    "that is not read (415).",
    "5XX": "The model failed (500), overloaded or not ready (503, see Retry-After), no answer in "
    "time (504).",
}
ERROR_SCHEMAS = {
    "Error": {
        "type": "object",
        "properties": {
            "error": schemas.TEXT,
            "row": {"type": "integer"},
            "column": schemas.TEXT,
            "hint": schemas.TEXT,
        },
        "required": ["error"],
    },
    "MlflowError": schemas.object_of({"error_code": schemas.TEXT, "message": schemas.TEXT}),
}
_ANYTHING: "Schema" = {"type": "object"}


def model_paths(model: "LoadedModel") -> Paths:
    """Where one model is asked, in each protocol that names it in the address."""
    name = quote(model.name, safe="")
    return {
        f"/models/{name}/predict": _native(model, f"predict_{model.name}"),
        f"/v2/models/{name}/infer": _infer(model),
        f"/v1/models/{name}:predict": _instances(model),
    }


def only_model_paths(model: "LoadedModel") -> Paths:
    """Where the only model is asked without its name."""
    return {"/predict": _native(model, "predict"), "/invocations": _invocations(model)}


def other_paths(names: Sequence[str]) -> Paths:
    """Addresses beside predictions.

    Args:
        names: Of the models.
    """
    probes = {
        "/health": "Whether the server answers, and with which models.",
        "/health/live": "Whether the process lives.",
        "/health/ready": "Whether requests are answered.",
    }
    found = {
        path: _get(text, "health", {"200": "Yes.", "503": "Not now."})
        for path, text in probes.items()
    }
    name = {"name": "name", "in": "path", "required": True, "schema": schemas.TEXT}
    if names:
        name["example"] = names[0]
    listed = {"200": "What is served."}
    one = {**listed, "404": "No such model."}
    return found | {
        "/feedback": _feedback(),
        "/models": _get("The models.", "metadata", listed),
        "/models/{name}": _get("Columns, classes, an example.", "metadata", one, [name]),
        "/v2": _get("The server.", "Open Inference Protocol", listed),
        "/v2/models/{name}": _get("A model's tensors.", "Open Inference Protocol", one, [name]),
        "/v1/models": _get("Names of the models.", "TensorFlow Serving", listed),
        "/v1/models/{name}": _get("A model's versions.", "TensorFlow Serving", one, [name]),
    }


def _native(model: "LoadedModel", identifier: str) -> Paths:
    asked = _Exchange(
        schemas.request_schema(model.signature),
        schemas.response_schema(model.signature),
        model.example_request,
    )
    return _post(model, identifier, f"Predictions of {model.name}, version {model.version}", asked)


def _infer(model: "LoadedModel") -> Paths:
    values = model.example
    tensors = [
        {
            **tensor,
            "shape": [1, *tensor["shape"][1:]],
            "data": list(values.values()) if model.reader.is_matrix else [values[tensor["name"]]],
        }
        for tensor in input_tensors(model)
    ]
    asked = _Exchange(
        schemas.infer_schema(model), schemas.infer_response_schema(), {"inputs": tensors}
    )
    summary = "The same in the Open Inference Protocol (KServe V2, Triton)"
    return _post(model, f"infer_{model.name}", summary, asked)


def _instances(model: "LoadedModel") -> Paths:
    asked = _Exchange(
        schemas.instances_schema(model),
        schemas.instances_response_schema(),
        {"instances": [list(model.example.values())]},
    )
    summary = "The same in the words of TensorFlow Serving, KServe V1 and Vertex AI"
    return _post(model, f"instances_{model.name}", summary, asked)


def _invocations(model: "LoadedModel") -> Paths:
    columns, data = list(model.example), [list(model.example.values())]
    asked = _Exchange(
        schemas.invocations_schema(model.signature),
        schemas.predictions_schema(model.signature),
        {"dataframe_split": {"columns": columns, "data": data}},
        "MlflowError",
    )
    return _post(model, "invocations", "The same in the words of MLflow and SageMaker", asked)


def _feedback() -> Paths:
    refusal = _json({"$ref": "#/components/schemas/Error"})
    answers = {
        "200": ("Taken; what no prediction is known for is listed.", _json(schemas.TAKEN)),
        "404": ("No prediction is known by these ids, or none are recorded.", refusal),
        "422": ("A label does not fit its model, or a row must be named.", refusal),
        "4XX": ("The request cannot be read (400, 413), no valid API key (401).", refusal),
        "5XX": ("Labels cannot be kept now (503, see Retry-After).", refusal),
    }
    example = {"request_id": "order-17", "label": 1}
    return {
        "post": {
            "operationId": "feedback",
            "tags": ["quality"],
            "summary": "What was true, by the X-Request-Id of requests for predictions",
            "description": "A prediction is known about a second after it was answered. A later "
            "label for the same row replaces the one before.",
            "requestBody": {"required": True, "content": _json(schemas.FEEDBACK, example)},
            "responses": {
                status: {"description": text, "content": content}
                for status, (text, content) in answers.items()
            },
        }
    }


class _Exchange(NamedTuple):
    """What is sent and what comes back: schemas, a request that works, and how errors look."""

    request: "Schema"
    response: "Schema"
    example: Mapping[str, Any]
    error: str = "Error"


def _post(model: "LoadedModel", identifier: str, summary: str, asked: _Exchange) -> Paths:
    refusal = _json({"$ref": f"#/components/schemas/{asked.error}"})
    errors = {status: {"description": text, "content": refusal} for status, text in _ERRORS.items()}
    answer = {"description": "Predictions.", "content": _json(asked.response)}
    return {
        "post": {
            "operationId": identifier,
            "tags": [model.name],
            "summary": summary,
            "requestBody": {"required": True, "content": _json(asked.request, asked.example)},
            "responses": {"200": answer, **errors},
        }
    }


def _get(
    summary: str, tag: str, statuses: Mapping[str, str], parameters: list[Any] | None = None
) -> Paths:
    described = {
        status: {"description": text, "content": _json(_ANYTHING)}
        for status, text in {**statuses, "401": "No valid API key."}.items()
    }
    operation = {"tags": [tag], "summary": summary, "responses": described}
    return {"get": operation | ({"parameters": parameters} if parameters else {})}


def _json(schema: "Schema", example: Mapping[str, Any] | None = None) -> dict[str, Any]:
    content: dict[str, Any] = {"schema": schema}
    if example is not None:
        # As clients write it: examples may hold values that only Python knows.
        content["example"] = msgspec.to_builtins(example)
    return {"application/json": content}
