"""JSON schemas of what models take and answer, in each protocol."""

from typing import TYPE_CHECKING, Any

from mlserve_cli.serving.protocols.tensorflow import DEFAULT_SIGNATURE
from mlserve_cli.serving.protocols.v2 import outputs_of
from mlserve_cli.serving.protocols.v2_tensors import DATATYPES
from mlserve_cli.signature import Column, DType, Signature

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
ANY_LIST: Schema = {"type": "array"}
_NUMBER_OR_NULL: Schema = {"type": ["number", "null"]}
_SIDE: Schema = {"type": "integer", "minimum": 0, "maximum": 2**31 - 1}
_TYPES = {
    DType.FLOAT64: "number",
    DType.INT64: "integer",
    DType.BOOL: "boolean",
    DType.STRING: "string",
}
# Categories and class names that a schema lists.
_SHOWN = 20

_LABEL: Schema = {
    "type": "object",
    "properties": {
        "request_id": {"type": "string", "minLength": 1, "maxLength": 128},
        "label": {"type": ["string", "number", "boolean"], "description": "Class or value."},
        "row": {
            "type": ["integer", "null"],
            "minimum": 1,
            "maximum": 2**53,
            "description": "Which row of the request, from 1 on; needed where it had several.",
        },
        "model": {
            "type": ["string", "null"],
            "maxLength": 256,
            "description": "NAME or NAME/VERSION, where several were asked under one id.",
        },
    },
    "required": ["request_id", "label"],
    "additionalProperties": False,
}
FEEDBACK: Schema = {
    "oneOf": [_LABEL, {"type": "array", "items": _LABEL, "minItems": 1, "maxItems": 10_000}]
}
_COUNT: Schema = {"type": "integer"}
TAKEN: Schema = {
    "type": "object",
    "properties": {
        "taken": _COUNT,
        "replaced": _COUNT,
        "unknown": _COUNT,
        "unknown_ids": {"type": "array", "items": {"type": "object"}},
        "hint": TEXT,
    },
    "required": ["taken", "replaced", "unknown"],
}


def column_schema(column: Column) -> Schema:
    """Values of one column."""
    if column.dtype is DType.CATEGORICAL:
        # A value beyond the known ones is the estimator's to judge.
        schema: Schema = {"examples": list(column.categories or ())[:_SHOWN]}
        kinds = {type(category) for category in column.categories or ()}
        kind = {str: "string", bool: "boolean"}.get(next(iter(kinds), str), "number")
    else:
        schema, kind = {}, _TYPES[column.dtype]
    if kind == "integer":
        schema |= {"minimum": -(2**63), "maximum": 2**63 - 1}
    schema["type"] = kind if column.missing is False else [kind, "null"]
    return {"title": column.name, **schema}


def request_schema(signature: Signature) -> Schema:
    """A native request."""
    row, record = _row(signature), _record(signature)
    return {
        "oneOf": [
            _holding("features", row, "One row, values in order.", without="rows"),
            _holding("features", _many(row), "Rows, values in order.", without="rows"),
            _holding("rows", _many(record), "Rows by column name.", without="features"),
        ]
    }


def response_schema(signature: Signature) -> Schema:
    """The answer to a native request."""
    value = _value(signature)
    about: Schema = {"model": TEXT, "version": {"type": "integer"}}
    one: Schema = {"prediction": value, **about}
    many: Schema = {"predictions": _list(value), **about}
    if signature.probabilities:
        one["probability"] = {**_NUMBER_OR_NULL, "description": "Of the predicted class."}
        many["probabilities"] = {
            **_list(_list(_NUMBER_OR_NULL)),
            "description": _classes(signature),
        }
    return {"oneOf": [object_of(one), object_of(many)]}


def instances_schema(model: "LoadedModel") -> Schema:
    """A request in the words of TensorFlow Serving, KServe V1 and Vertex AI."""
    signature = model.signature
    return {
        "type": "object",
        "properties": {
            "instances": _rows(signature),
            "signature_name": {"enum": [None, "", DEFAULT_SIGNATURE, *outputs_of(model)]},
        },
        "required": ["instances"],
    }


def invocations_schema(signature: Signature) -> Schema:
    """A request in the words of MLflow."""
    split = object_of({"data": _many(ANY_LIST)})
    split["properties"]["columns"] = {"type": ["array", "null"], "items": TEXT}
    return {
        "description": _takes(signature),
        "oneOf": [
            _holding("dataframe_split", split, "Rows, with the names of the columns."),
            _holding("dataframe_records", _many(_record(signature)), "Rows by column name."),
            _holding("instances", _rows(signature), "Rows."),
            _holding("inputs", {"type": ["array", "object"]}, "Rows, or columns by name."),
        ],
    }


def instances_response_schema() -> Schema:
    """The answer to it: what the signature stands for."""
    return object_of({"predictions": ANY_LIST})


def predictions_schema(signature: Signature) -> Schema:
    """The answer in the words of MLflow."""
    return object_of({"predictions": _list(_value(signature))})


def infer_schema(model: "LoadedModel") -> Schema:
    """A request in the Open Inference Protocol."""
    parameters: Schema = {"type": "object"}
    tensor = {
        "name": TEXT,
        "shape": {"type": "array", "minItems": 1, "maxItems": 2, "items": _SIDE},
        "datatype": {"type": "string", "enum": list(DATATYPES)},
        "data": ANY_LIST,
    }
    output = {"type": "string", "enum": outputs_of(model)}
    return {
        "type": "object",
        "description": _takes(model.signature),
        "properties": {
            "id": {"type": ["string", "null"]},
            "inputs": _many(object_of(tensor)),
            "outputs": {"type": ["array", "null"], "items": object_of({"name": output})},
            "parameters": parameters,
        },
        "required": ["inputs"],
    }


def infer_response_schema() -> Schema:
    """The answer to it."""
    shape = _list({"type": "integer"})
    tensor = {"name": TEXT, "datatype": TEXT, "shape": shape, "data": ANY_LIST}
    schema = object_of(
        {"model_name": TEXT, "model_version": TEXT, "outputs": _many(object_of(tensor))}
    )
    schema["properties"]["id"] = TEXT
    return schema


def object_of(properties: Schema) -> Schema:
    """An object that has all of these properties."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def _row(signature: Signature) -> Schema:
    return {
        "type": "array",
        "prefixItems": [column_schema(column) for column in signature.columns],
        "items": False,
        "minItems": len(signature.columns),
    }


def _record(signature: Signature) -> Schema:
    return {
        **object_of({column.name: column_schema(column) for column in signature.columns}),
        "additionalProperties": False,
    }


def _rows(signature: Signature) -> Schema:
    """Rows by position or by name, or values for a model of one column."""
    forms = [_many(_row(signature)), _many(_record(signature))]
    if len(signature.columns) == 1:
        forms.append(_many(column_schema(signature.columns[0])))
    return {"anyOf": forms}


def _value(signature: Signature) -> Schema:
    """One predicted value."""
    kind: Schema = {"type": [_TYPES.get(signature.label_dtype, "string"), "null"]}
    return _list(kind) if len(signature.outputs) > 1 else kind


def _classes(signature: Signature) -> str:
    classes = [str(label) for label in signature.classes or ()]
    listed = ", ".join(classes[:_SHOWN])
    more = "" if len(classes) <= _SHOWN else f" and {len(classes) - _SHOWN} more"
    return f"One for each class, in this order: {listed}{more}."


def _takes(signature: Signature) -> str:
    columns = [f"{column.name} ({column.dtype.value})" for column in signature.columns]
    more = "" if len(columns) <= _SHOWN else f" and {len(columns) - _SHOWN} more"
    return f"Columns: {', '.join(columns[:_SHOWN])}{more}."


def _holding(key: str, schema: Schema, title: str, without: str | None = None) -> Schema:
    holding = {"title": title, **object_of({key: schema})}
    return holding | ({"not": {"required": [without]}} if without else {})


def _many(items: Schema) -> Schema:
    return {"type": "array", "minItems": 1, "items": items}


def _list(items: Schema) -> Schema:
    return {"type": "array", "items": items}
