"""`/predict` and `/models/NAME/predict`: features or rows in, predictions out.

```
{"features": [5.1, 3.5]}                   {"prediction": .., "probability": .., ...}
{"features": [[5.1, 3.5], [4.9, 3.0]]}     {"predictions": [..], "probabilities": [[..], ..], ...}
{"rows": [{"length": 5.1, "width": 3.5}]}  {"predictions": [..], "probabilities": [[..], ..], ...}
```

Every answer also names the model and its version.
"""

import struct
from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.errors import InputError, SignatureError
from mlserve_cli.serving.columns import describe
from mlserve_cli.serving.exchange import (
    Call,
    Reply,
    check_json_type,
    decode_json,
    plain_error,
)
from mlserve_cli.serving.rows import Rows

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.scoring import Scored


class _OneRow(msgspec.Struct, gc=False):
    features: list[float]


class _ManyRows(msgspec.Struct, gc=False):
    features: list[list[float]]


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


class NativeProtocol:
    """See `InferenceProtocol`."""

    name = "native"

    def read(self, model: "LoadedModel", body: bytes, headers: "Headers") -> Call:
        """See `InferenceProtocol.read`."""
        if headers:
            check_json_type(headers)
        if model.reader.is_matrix:
            call = _read_numbers(model, body)
            if call is not None:
                return call
        return _read_anything(model, body)

    def error(self, error: "MlserveError") -> Reply:
        """See `InferenceProtocol.error`."""
        return plain_error(error)


def _read_numbers(model: "LoadedModel", body: bytes) -> Call | None:
    """The request if it holds nothing but numbers in the right places, as most do."""
    pack = model.reader.pack
    try:
        return Call(model, Rows(1, pack(*_decode_one(body).features)), model.wanted, _One(model))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, struct.error):
        pass
    try:
        rows = _decode_many(body).features
        data = b"".join([pack(*row) for row in rows])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, struct.error):
        return None
    return Call(model, Rows(len(rows), data), model.wanted, _Many(model)) if rows else None


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
                max(scored.probability_list[start]),
            )
        return Reply(_encode(answer))


class _Many(msgspec.Struct, frozen=True, gc=False):
    """Writes the answer to several rows."""

    model: "LoadedModel"

    def __call__(self, scored: "Scored", start: int, stop: int) -> Reply:
        answer = Predictions(scored.label_list[start:stop], self.model.name, self.model.version)
        if scored.probabilities is not None:
            answer.probabilities = scored.probability_list[start:stop]
        return Reply(_encode(answer))
