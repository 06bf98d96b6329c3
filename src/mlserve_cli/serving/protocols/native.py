"""`/predict` and `/models/NAME/predict`: features or rows in, predictions out.

```
{"features": [5.1, 3.5]}                   {"prediction": .., "probability": .., ...}
{"features": [[5.1, 3.5], [4.9, 3.0]]}     {"predictions": [..], "probabilities": [[..], ..], ...}
{"rows": [{"length": 5.1, "width": 3.5}]}  {"predictions": [..], "probabilities": [[..], ..], ...}
```

Every answer also names the model and its version. `/models/NAME` names the classes, in the order of
the probabilities.
"""

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.serving.columns import describe
from mlserve_cli.serving.exchange import (
    LARGE_BODY_BYTES,
    Call,
    Reply,
    check_json_type,
    decode_json,
    plain_error,
)
from mlserve_cli.serving.json_numbers import HEAD_BYTES, read_table, read_together, seems_table
from mlserve_cli.serving.protocols.large_rows import read_large_rows, write_large_lists
from mlserve_cli.serving.rows import Rows
from mlserve_cli.serving.waiting import MANY_ROWS

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.rows import RowReader
    from mlserve_cli.serving.scoring import Scored


class _OneRow(msgspec.Struct, gc=False):
    features: list[float]
    # Only one of the two may be there.
    rows: Any = msgspec.UNSET


class _ManyRows(msgspec.Struct, gc=False):
    features: list[list[float]]
    rows: Any = msgspec.UNSET


class _Anything(msgspec.Struct, gc=False):
    features: Any = msgspec.UNSET
    rows: Any = msgspec.UNSET


class OnePrediction(msgspec.Struct, gc=False, omit_defaults=True):
    """The answer to one row.

    Attributes:
        prediction: The predicted value; a list for a model of several outputs.
        model: Name of the model that answered.
        version: Its version.
        probability: Of the predicted class.
    """

    prediction: Any
    model: str
    version: int
    probability: float | msgspec.UnsetType = msgspec.UNSET


class Predictions(msgspec.Struct, gc=False, omit_defaults=True):
    """The answer to several rows.

    Attributes:
        predictions: One value per row.
        model: Name of the model that answered.
        version: Its version.
        probabilities: Per row, one for each class in the model's order.
    """

    predictions: list[Any]
    model: str
    version: int
    probabilities: list[list[float]] | msgspec.UnsetType = msgspec.UNSET


_decode_one = msgspec.json.Decoder(_OneRow).decode
_decode_many = msgspec.json.Decoder(_ManyRows).decode
_ANYTHING = msgspec.json.Decoder(_Anything)
_encode = msgspec.json.Encoder().encode
_encode_lines = msgspec.json.Encoder().encode_lines
# A row as most clients write it.
_BEGINNINGS = (b'{"features": [', b'{"features":[')
# Fewer bodies are read as fast one by one.
_FEW_BODIES = 12
_NOT_NUMBERS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, struct.error)


class NativeProtocol:
    """See `InferenceProtocol`."""

    name = "native"

    def read(self, model: "LoadedModel", body: bytes, headers: "Headers") -> Call:
        """See `InferenceProtocol.read`."""
        if headers:
            check_json_type(headers)
        if model.reader.is_matrix:
            is_large = len(body) > LARGE_BODY_BYTES
            call = _read_large(model, body) if is_large else _read_numbers(model, body)
            if call is not None:
                return call
        return _read_anything(model, body)

    def error(self, error: "MlserveError") -> Reply:
        """See `InferenceProtocol.error`."""
        return plain_error(error)


def _read_numbers(model: "LoadedModel", body: bytes) -> Call | None:
    """The request if it holds nothing but numbers in the right places, as most do."""
    pack = model.reader.pack
    if seems_table(body):
        table = read_table(body, model.reader.width)
        if table is not None and table.key == "features":
            return _many(model, table.numbers)
    else:
        try:
            one = _decode_one(body)
            if one.rows is msgspec.UNSET:
                return Call(model, Rows(1, pack(*one.features)), model.wanted, _One(model))
        except _NOT_NUMBERS:
            pass
    try:
        many = _decode_many(body)
        rows = many.features if many.rows is msgspec.UNSET else []
        data = b"".join([pack(*row) for row in rows])
    except _NOT_NUMBERS:
        return None
    return _many(model, data) if data else None


def _read_large(model: "LoadedModel", body: bytes) -> Call | None:
    try:
        data = read_large_rows(model.reader, body)
    except _NOT_NUMBERS:
        return None
    return None if data is None else _many(model, data)


def _many(model: "LoadedModel", numbers: bytes) -> Call:
    return Call(model, model.reader.from_numbers(numbers), model.wanted, _Many(model))


def _read_anything(model: "LoadedModel", body: bytes) -> Call:
    request = decode_json(body, _ANYTHING)
    features, rows = request.features, request.rows
    if (features is msgspec.UNSET) == (rows is msgspec.UNSET):
        found = "neither" if rows is msgspec.UNSET else "both"
        raise InputError(
            f"Found {found} of 'features' and 'rows' in the body, expected one of them.",
            hint='Send {"features": [value, ...]} or {"rows": [{column: value, ...}, ...]}.',
        )
    given, key = (rows, "rows") if features is msgspec.UNSET else (features, "features")
    if not isinstance(given, list):
        raise SignatureError(f"Found {describe(given)} as '{key}', expected a list.")
    if key == "rows":
        return Call(model, model.reader.from_records(given), model.wanted, _Many(model))
    if given and not isinstance(given[0], list):
        return Call(model, model.reader.from_row(given), model.wanted, _One(model))
    return Call(model, model.reader.from_rows(given), model.wanted, _Many(model))


def read_rows_together(reader: "RowReader", bodies: "list[bytes]") -> bytes | None:
    """The numbers of bodies that hold one row of them and nothing else, row after row.

    Args:
        reader: Of a matrix model.
        bodies: Of requests that say they are JSON, or nothing.

    Returns:
        None where one of them is anything else, or is not written as the others are.
    """
    beginning = bodies[0][: bodies[0].find(b"[") + 1]
    if len(bodies) < _FEW_BODIES or beginning not in _BEGINNINGS:
        return None
    return read_together(bodies, beginning, reader.width)


def read_single_rows(reader: "RowReader", bodies: "list[bytes]") -> list[bytes | None]:
    """The numbers of bodies that hold one row of them and nothing else; None for all others.

    Args:
        reader: Of a matrix model.
        bodies: Of requests that say they are JSON, or nothing.
    """
    pack = reader.pack
    found: list[bytes | None] = []
    for body in bodies:
        # As `seems_table`, which this is too often called for.
        if body.find(b"[[", 0, HEAD_BYTES) >= 0:
            found.append(None)
            continue
        try:
            one = _decode_one(body)
            found.append(pack(*one.features) if one.rows is msgspec.UNSET else None)
        except _NOT_NUMBERS:
            found.append(None)
    return found


def write_single_rows(model: "LoadedModel", scored: "Scored") -> list[bytes]:
    """The answers to requests of one row each, in their order."""
    name, version, labels = model.name, model.version, scored.label_list
    if scored.probabilities is None:
        answers = [OnePrediction(label, name, version) for label in labels]
    else:
        answers = [
            OnePrediction(label, name, version, highest)
            for label, highest in zip(labels, scored.highest_list, strict=True)
        ]
    # What is inside of texts is escaped, line ends too.
    return _encode_lines(answers).split(b"\n")[:-1]


class _One(msgspec.Struct, frozen=True, gc=False):
    """Writes the answer to one row."""

    model: "LoadedModel"

    def __call__(self, scored: "Scored", start: int, _: int) -> Reply:
        model = self.model
        if scored.probabilities is None:
            answer = OnePrediction(scored.label_list[start], model.name, model.version)
        else:
            answer = OnePrediction(
                scored.label_list[start],
                model.name,
                model.version,
                scored.highest_list[start],
            )
        return Reply(_encode(answer))


class _Many(msgspec.Struct, frozen=True, gc=False):
    """Writes the answer to several rows."""

    model: "LoadedModel"

    def __call__(self, scored: "Scored", start: int, stop: int) -> Reply:
        if stop - start > MANY_ROWS:
            return Reply(self._in_pieces(scored, start, stop))
        answer = Predictions(scored.label_list[start:stop], self.model.name, self.model.version)
        if scored.probabilities is not None:
            # Only of these rows: of thousands of lists the garbage collector would look at each.
            answer.probabilities = scored.probabilities[start:stop].tolist()
        return Reply(_encode(answer))

    def _in_pieces(self, scored: "Scored", start: int, stop: int) -> bytes:
        frame = Predictions([], self.model.name, self.model.version)
        probabilities = None
        if scored.probabilities is not None:
            frame.probabilities = []
            probabilities = scored.probabilities[start:stop]
        assert scored.labels is not None
        return write_large_lists(_encode(frame), scored.labels[start:stop], probabilities)
