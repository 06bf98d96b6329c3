"""The OpenAPI description: one operation per model, with its columns and a real example."""

import importlib.metadata
from typing import TYPE_CHECKING, Any

from mlserve_cli.signature import Column, DType, Signature

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.service import PredictionService

_TYPES = {
    DType.FLOAT64: "number",
    DType.INT64: "integer",
    DType.BOOL: "boolean",
    DType.STRING: "string",
}

_ERRORS = {
    "400": "The request cannot be read.",
    "401": "No valid API key.",
    "404": "No such model.",
    "413": "The body is too large.",
    "415": "The content type or encoding is not read.",
    "422": "The rows do not fit the model; row and column are named.",
    "500": "The model failed.",
    "503": "Overloaded or not ready; see Retry-After.",
    "504": "No answer in time.",
}

_ERROR_SCHEMA = {
    "type": "object",
    "properties": {
        "error": {"type": "string"},
        "row": {"type": "integer"},
        "column": {"type": "string"},
        "hint": {"type": "string"},
    },
    "required": ["error"],
}


def openapi(service: "PredictionService") -> dict[str, Any]:
    """The description of what a service answers at this moment."""
    paths: dict[str, Any] = {}
    newest = {model.name: model for model in service.models()}
    for model in newest.values():
        operation = _operation(model, f"predict_{model.name}")
        paths[f"/models/{model.name}/predict"] = {"post": operation}
    if len(newest) == 1:
        (model,) = newest.values()
        paths = {"/predict": {"post": _operation(model, "predict")}, **paths}
    for path, text in (
        ("/health", "Whether the server answers, and with which models."),
        ("/health/live", "Whether the process lives."),
        ("/health/ready", "Whether requests are answered."),
    ):
        paths[path] = {"get": _probe(path, text)}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlserve", "version": importlib.metadata.version("mlserve-cli")},
        "paths": paths,
        "components": {"schemas": {"Error": _ERROR_SCHEMA}},
    }


def request_schema(signature: Signature) -> dict[str, Any]:
    """JSON schema of a native request."""
    columns = signature.columns
    row = {
        "type": "array",
        "prefixItems": [column_schema(column) for column in columns],
        "items": False,
        "minItems": len(columns),
    }
    record = {
        "type": "object",
        "properties": {column.name: column_schema(column) for column in columns},
        "required": list(signature.names),
        "additionalProperties": False,
    }
    many = {"type": "array", "minItems": 1}
    return {
        "oneOf": [
            _holding("features", row, "One row, values in order."),
            _holding("features", {**many, "items": row}, "Rows, values in order."),
            _holding("rows", {**many, "items": record}, "Rows by column name."),
        ]
    }


def column_schema(column: Column) -> dict[str, Any]:
    """JSON schema of the values of one column."""
    if column.dtype is DType.CATEGORICAL:
        # A value beyond the known ones is the estimator's to judge.
        schema: dict[str, Any] = {"examples": list(column.categories or ())[:20]}
        kinds = {type(category) for category in column.categories or ()}
        kind = {str: "string", bool: "boolean"}.get(next(iter(kinds), str), "number")
    else:
        schema, kind = {}, _TYPES[column.dtype]
    schema["type"] = kind if column.missing is False else [kind, "null"]
    return {"title": column.name, **schema}


def _holding(key: str, schema: dict[str, Any], title: str) -> dict[str, Any]:
    return {"title": title, "type": "object", "properties": {key: schema}, "required": [key]}


def _operation(model: "LoadedModel", identifier: str) -> dict[str, Any]:
    signature = model.signature
    example: dict[str, Any] = {"rows": [dict(model.example)]}
    if not signature.named:
        example = {"features": list(model.example.values())}
    responses = {
        status: {
            "description": text,
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }
        for status, text in _ERRORS.items()
    }
    schema = response_schema(signature)
    answer = {"description": "Predictions.", "content": {"application/json": {"schema": schema}}}
    return {
        "operationId": identifier,
        "tags": [model.name],
        "summary": f"Predictions of {model.name}, version {model.version}",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": request_schema(signature), "example": example}
            },
        },
        "responses": {"200": answer, **responses},
    }


def response_schema(signature: Signature) -> dict[str, Any]:
    """JSON schema of the answers to a native request."""
    kind: dict[str, Any] = {"type": [_TYPES.get(signature.label_dtype, "string"), "null"]}
    if len(signature.outputs) > 1:
        kind = {"type": "array", "items": kind}
    about = {"model": {"type": "string"}, "version": {"type": "integer"}}
    one: dict[str, Any] = {"prediction": kind, **about}
    many: dict[str, Any] = {"predictions": {"type": "array", "items": kind}, **about}
    if signature.probabilities:
        number = {"type": ["number", "null"]}
        one["probability"] = number
        many["probabilities"] = {"type": "array", "items": {"type": "array", "items": number}}
    return {
        "oneOf": [
            {"type": "object", "properties": answer, "required": list(answer)}
            for answer in (one, many)
        ]
    }


def _probe(path: str, text: str) -> dict[str, Any]:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "operationId": path.strip("/").replace("/", "_"),
        "tags": ["health"],
        "summary": text,
        "responses": {
            "200": {"description": "Yes.", "content": content},
            "503": {"description": "Not now.", "content": content},
        },
    }
