"""The native protocol, from bytes to bytes."""

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import FakePredictor, Trained

from mlserve_cli.errors import InputError, MlserveError, SignatureError
from mlserve_cli.serving.exchange import Headers
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.native import NativeProtocol
from mlserve_cli.serving.refusals import MediaTypeError
from mlserve_cli.serving.scoring import score


def answer(model: LoadedModel, body: bytes, headers: Headers | None = None) -> Any:
    call = NativeProtocol().read(model, body, headers or {})
    scored = score(model, [call.rows], call.wanted, 4096)
    return msgspec.json.decode(call.answer(scored, 0, call.rows.count).body)


def test_one_row_many_rows_and_rows_by_name_agree(trained: Trained) -> None:
    model = trained.load("iris")
    flowers = trained.flowers[:3].tolist()
    one = answer(model, msgspec.json.encode({"features": flowers[0]}))
    many = answer(model, msgspec.json.encode({"features": flowers}))
    named = [dict(zip(model.signature.names, row, strict=True)) for row in flowers]
    assert answer(model, msgspec.json.encode({"rows": named})) == many
    assert one == {
        "prediction": many["predictions"][0],
        "probability": max(many["probabilities"][0]),
        "model": "iris",
        "version": 1,
    }


def test_a_model_without_probabilities_gives_none(fake: type[FakePredictor]) -> None:
    model = LoadedModel("m", 7, fake())
    found = answer(model, b'{"features": [1, 2]}')
    assert found == {"prediction": 3.0, "model": "m", "version": 7}
    found = answer(model, b'{"features": [[1, 2]]}')
    assert found == {"predictions": [3.0], "model": "m", "version": 7}


def test_names_may_come_in_any_order(trained: Trained) -> None:
    row = trained.animals.iloc[1].to_dict()
    model = trained.load("pets")
    forwards = answer(model, msgspec.json.encode({"rows": [row]}))
    backwards = answer(model, msgspec.json.encode({"rows": [dict(reversed(row.items()))]}))
    assert forwards == backwards
    assert forwards["predictions"] == ["dog"]
    by_position = answer(model, msgspec.json.encode({"features": list(row.values())}))
    assert by_position["prediction"] == "dog"


@pytest.mark.parametrize(
    ("body", "kind", "message"),
    [
        (b"", InputError, "The body is empty; expected JSON."),
        (b"{", InputError, "The body cannot be read: Input data was truncated."),
        (b"{}", InputError, "Found neither of 'features' and 'rows'"),
        (b'{"features":[],"rows":[]}', InputError, "Found both of"),
        (b'{"features":5}', SignatureError, "Found the number 5 as 'features'"),
        (b'{"features":[NaN,1]}', InputError, "The body cannot be read: JSON is malformed"),
        (b'{"features":[1e999,1]}', InputError, "The body cannot be read: Number out of range"),
        (b'{"features":[true,1]}', SignatureError, "Row 1, column 'x0': found true, expected a n"),
        (b'{"features":["1",1]}', SignatureError, "Row 1, column 'x0': found the text '1'"),
        (b'{"features":[[1,2],[1,{}]]}', SignatureError, "Row 2, column 'x1': found an object"),
        (b'{"features":[[1,2],[3]]}', SignatureError, "Row 2: found 1 value, expected 2"),
        (b'{"features":' + b"[" * 9999, InputError, "The JSON of the body nests too deep."),
        (b'{"rows":["\xff"]}', InputError, "The body is not valid UTF-8."),
        (b'{"rows":[{"x0":1}]}', SignatureError, "Row 1: column 'x1' is missing"),
    ],
)
def test_what_is_wrong_is_named(
    fake: type[FakePredictor], body: bytes, kind: type[MlserveError], message: str
) -> None:
    with pytest.raises(kind) as caught:
        NativeProtocol().read(LoadedModel("m", 1, fake()), body, {})
    assert type(caught.value) is kind
    assert caught.value.message.startswith(message)


def test_another_content_type_is_refused(fake: type[FakePredictor]) -> None:
    with pytest.raises(MediaTypeError, match="'text/html' is not read here"):
        answer(LoadedModel("m", 1, fake()), b"{}", {b"content-type": b"text/html; charset=x"})


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(st.sampled_from(["features", "rows"]), json_values)
def test_whatever_json_comes_is_read_or_refused(key: str, value: Any) -> None:
    model = LoadedModel("m", 1, FakePredictor())
    with contextlib.suppress(InputError):
        call = NativeProtocol().read(model, msgspec.json.encode({key: value}), {})
        assert call.rows.count >= 1
