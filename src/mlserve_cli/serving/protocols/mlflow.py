"""`/invocations` as MLflow and SageMaker speak it: JSON in four forms, CSV, Parquet, npy.

`params` are accepted and change nothing: no model here has a schema of parameters, and MLflow
passes over the parameters of such a model too.
"""

import io
from collections.abc import Container
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.serving.columns import describe
from mlserve_cli.serving.exchange import (
    JSON,
    LARGE_BODY_BYTES,
    Call,
    Reply,
    check_json_type,
    decode_json,
    error_reply,
    media_type,
)
from mlserve_cli.serving.json_numbers import read_matrix, read_table, seems_table, without
from mlserve_cli.serving.protocols.npy import read_npy
from mlserve_cli.serving.refusals import MediaTypeError
from mlserve_cli.serving.scoring import Wanted

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.rows import RowReader, Rows
    from mlserve_cli.serving.scoring import Scored

_CSV = b"text/csv"
_NPY = b"application/x-npy"

# MLflow's name for each status.
_CODES = {
    400: "BAD_REQUEST",
    401: "UNAUTHENTICATED",
    404: "RESOURCE_DOES_NOT_EXIST",
    422: "INVALID_PARAMETER_VALUE",
    503: "TEMPORARILY_UNAVAILABLE",
    504: "REQUEST_LIMIT_EXCEEDED",
}

_FORMS = ("dataframe_split", "dataframe_records", "instances", "inputs")


class _Split(msgspec.Struct):
    data: list[Any]
    columns: list[str] | None = None


class _Request(msgspec.Struct):
    dataframe_split: _Split | None = None
    dataframe_records: list[Any] | None = None
    instances: Any = None
    inputs: Any = None
    params: Any = None


class _TextOfSplit(msgspec.Struct):
    data: msgspec.Raw


class _TextOfRequest(msgspec.Struct):
    dataframe_split: _TextOfSplit


_REQUEST = msgspec.json.Decoder(_Request)
_decode_split = msgspec.json.Decoder(_TextOfRequest).decode
_SPLIT_START = b'{"dataframe_split"'


class MlflowProtocol:
    """See `InferenceProtocol`."""

    name = "mlflow"

    def read(self, model: "LoadedModel", body: bytes, headers: "Headers") -> Call:
        """See `InferenceProtocol.read`."""
        answer = _answer_for(headers)
        match media_type(headers):
            case b"text/csv":
                # This and the next bring pyarrow: memory that other requests do not need.
                from mlserve_cli.serving.protocols.csv_rows import read_csv

                rows = read_csv(body, model.reader)
            case b"application/vnd.apache.parquet" | b"application/x-parquet":
                from mlserve_cli.serving.protocols.parquet import read_parquet

                rows = read_parquet(body, model.reader)
            case b"application/x-npy":
                rows = _read_npy(body, model.reader)
            case _:
                check_json_type(headers)
                rows = _read_json(body, model.reader)
        return Call(model, rows, Wanted.LABELS, answer)

    def error(self, error: "MlserveError") -> Reply:
        """See `InferenceProtocol.error`: MLflow says 400 where others say 422."""
        code = _CODES.get(
            error.http_status, "INTERNAL_ERROR" if error.http_status >= 500 else "BAD_REQUEST"
        )
        reply = error_reply(error, {"error_code": code, "message": error.message})
        return reply if reply.status != 422 else msgspec.structs.replace(reply, status=400)


def _read_json(body: bytes, reader: "RowReader") -> "Rows":
    rows = read_plain_rows(body, reader, {"instances", "inputs"}) or _read_plain_split(body, reader)
    if rows is not None:
        return rows
    request = decode_json(body, _REQUEST)
    given = _forms_in(request)
    if len(given) != 1:
        found = " and ".join(given) or "none"
        raise InputError(f"Found {found} in the body, expected one of {', '.join(_FORMS)}.")
    match given[0]:
        case "dataframe_split":
            return _read_split(request.dataframe_split, reader)
        case "dataframe_records":
            return reader.from_records(request.dataframe_records)
        case form:
            return read_values(getattr(request, form), reader, form)


def _forms_in(request: Any) -> list[str]:
    return [form for form in _FORMS if getattr(request, form) is not None]


def read_plain_rows(body: bytes, reader: "RowReader", keys: Container[str]) -> "Rows | None":
    """The rows of a body that holds nothing but rows of numbers, under one of the keys.

    Returns:
        None where it holds anything else, or the model takes more than numbers.
    """
    if not reader.takes_numbers or not seems_table(body):
        return None
    table = read_table(body, reader.width)
    return None if table is None or table.key not in keys else reader.from_numbers(table.numbers)


def _read_plain_split(body: bytes, reader: "RowReader") -> "Rows | None":
    """The same for `dataframe_split`, where its columns are in the model's order."""
    is_short = len(body) <= LARGE_BODY_BYTES
    if not reader.takes_numbers or not is_short or not body.startswith(_SPLIT_START):
        return None
    try:
        data = bytes(_decode_split(body).dataframe_split.data)
        # All that is beside the data is read as it always is.
        rest = without(body, data, b"[]")
        request = None if rest is None else _REQUEST.decode(rest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if request is None or request.dataframe_split is None or len(_forms_in(request)) > 1:
        return None
    names = request.dataframe_split.columns
    if names is not None and tuple(names) != reader.signature.names:
        return None
    numbers = read_matrix(data, reader.width)
    return None if numbers is None else reader.from_numbers(numbers)


def _read_split(split: _Split, reader: "RowReader") -> "Rows":
    names = split.columns
    if names is None or not reader.signature.named:
        return reader.from_rows(split.data)
    if len(set(names)) != len(names):
        raise SignatureError("A column comes twice in 'columns'.")
    for row, values in enumerate(split.data, 1):
        if not isinstance(values, list) or len(values) != len(names):
            raise SignatureError(f"Row {row}: expected a list of {len(names)} values.", row=row)
    return reader.from_records([dict(zip(names, values, strict=True)) for values in split.data])


def read_values(values: Any, reader: "RowReader", form: str) -> "Rows":
    """Rows as lists, rows as objects, or columns as an object of lists.

    Raises:
        SignatureError: They do not fit the model.
    """
    if isinstance(values, dict):
        columns = {name: _column(name, column) for name, column in values.items()}
        return reader.from_columns(columns)
    if not isinstance(values, list):
        raise SignatureError(f"Found {describe(values)} as '{form}', expected a list of rows.")
    if values and isinstance(values[0], dict):
        return reader.from_records(values)
    if values and reader.width == 1 and not isinstance(values[0], list):
        return reader.from_rows([[value] for value in values])
    return reader.from_rows(values)


def _column(name: str, values: Any) -> list[Any]:
    if not isinstance(values, list):
        raise SignatureError(
            f"Column '{name[:60]}': found {describe(values)}, expected a list of values."
        )
    if values and all(isinstance(value, list) and len(value) == 1 for value in values):
        return [value[0] for value in values]
    return values


def _read_npy(body: bytes, reader: "RowReader") -> "Rows":
    values = read_npy(body)
    if values.dtype.kind == "f" and np.isinf(values).any():
        raise SignatureError("The array holds infinity, expected finite numbers.")
    return reader.from_matrix(values.reshape(1, -1) if values.ndim == 1 else values)


def _answer_for(headers: "Headers") -> Any:
    """The writer for what the client accepts; JSON unless it wants only something else."""
    accepted = [part.partition(b";")[0].strip() for part in headers.get(b"accept", b"").split(b",")]
    for kind in accepted:
        if kind in {b"", b"*/*", b"application/*", JSON}:
            return _as_json
        if kind == _CSV:
            return _as_csv
        if kind == _NPY:
            return _as_npy
    raise MediaTypeError(
        "None of what the client accepts can be written; answers are application/json, text/csv "
        "or application/x-npy."
    )


def _as_json(scored: "Scored", start: int, stop: int) -> Reply:
    return Reply(msgspec.json.encode({"predictions": scored.label_list[start:stop]}))


def _as_csv(scored: "Scored", start: int, stop: int) -> Reply:
    import csv

    text = io.StringIO(newline="")
    rows = [
        value if isinstance(value, list) else [value] for value in scored.label_list[start:stop]
    ]
    csv.writer(text, lineterminator="\n").writerows(rows)
    return Reply(text.getvalue().encode(), 200, _CSV)


def _as_npy(scored: "Scored", start: int, stop: int) -> Reply:
    assert scored.labels is not None
    values = scored.labels[start:stop]
    content = io.BytesIO()
    np.save(content, values.astype(np.str_) if values.dtype == object else values)
    return Reply(content.getvalue(), 200, _NPY)
