"""Numbers read without Python objects: always the same as what the decoders read."""

import json
import sys
from dataclasses import replace

import msgspec
import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.serving.conftest import FakePredictor

from mlserve_cli.errors import MlserveError
from mlserve_cli.serving import json_numbers
from mlserve_cli.serving.exchange import LARGE_BODY_BYTES
from mlserve_cli.serving.json_numbers import (
    read_list,
    read_matrix,
    read_table,
    read_together,
    without,
)
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.protocols.interface import InferenceProtocol
from mlserve_cli.serving.protocols.mlflow import MlflowProtocol
from mlserve_cli.serving.protocols.native import NativeProtocol, read_single_rows
from mlserve_cli.serving.protocols.tensorflow import TensorflowProtocol
from mlserve_cli.serving.protocols.v2 import V2Protocol
from mlserve_cli.signature import Column, DType, Signature, Task

PROTOCOLS: list[InferenceProtocol] = [
    NativeProtocol(),
    V2Protocol(),
    MlflowProtocol(),
    TensorflowProtocol(),
]


def model_of(*columns: Column, named: bool = False) -> LoadedModel:
    predictor = FakePredictor(len(columns))
    predictor.signature = replace(
        Signature(Task.REGRESSION, columns or predictor.signature.columns), named=named
    )
    return LoadedModel("fake", 1, predictor)


MODELS = [
    model_of(Column("x0"), Column("x1")),
    model_of(Column("a", missing=False), Column("b", missing=False), named=True),
    model_of(Column("a"), Column("b", DType.INT64)),
    model_of(Column("data")),
]


def packed(*numbers: float) -> bytes:
    return np.array(numbers, np.float64).tobytes()


def outcome(protocol: InferenceProtocol, model: LoadedModel, body: bytes) -> object:
    """Everything that a request is read as, or what is wrong with it."""
    try:
        call = protocol.read(model, body, {})
    except MlserveError as error:
        return type(error), protocol.error(error).body
    data = call.rows.data
    return call.rows.count, data, call.rows.kinds, call.wanted, repr(call.answer)


def check_is_read_alike(model: LoadedModel, body: bytes) -> None:
    found = [outcome(protocol, model, body) for protocol in PROTOCOLS]
    with pytest.MonkeyPatch.context() as patch:
        # As where the parser is not installed.
        patch.setattr(json_numbers, "parser_of_thread", lambda: None)
        assert found == [outcome(protocol, model, body) for protocol in PROTOCOLS]


SPELLINGS = [
    *("0", "-0", "-0.0", "0.5", "1", "-17", "1E5", "2.5e-3", "1e-400", "4.9e-324", "0.1"),
    *("9007199254740993", "18446744073709551615", "18446744073709551616", "-9223372036854775809"),
    *("123456789012345678901234567890.5", "2.2250738585072011e-308", "1e39", "1e308"),
]
ODDITIES = [
    *("1e999", "-1e999", "NaN", "Infinity", "null", "true", '"1"', '"[1, 2]"', "01", ".5", "+1"),
    *("[]", "[1]", "[1, 2]", "{}", '{"a": 1, "b": 2}', "", "1 2", "0x1", '"\\ud800"', "1,"),
]
numbers = st.floats(allow_nan=False, allow_infinity=False).map(repr) | st.sampled_from(SPELLINGS)
values = st.integers(0, 30).flatmap(lambda one: numbers if one else st.sampled_from(ODDITIES))
blanks = st.sampled_from(["", "", " ", "\n", "\t "])


@st.composite
def listed(draw: st.DrawFn, parts: st.SearchStrategy[str], most: int) -> str:
    between = draw(blanks)
    texts = draw(st.lists(parts, max_size=most))
    return f"[{between}{f'{between},{between}'.join(texts)}{between}]"


even_rows = st.integers(1, 3).flatmap(
    lambda width: st.lists(
        st.lists(values, min_size=width, max_size=width).map(lambda row: f"[{', '.join(row)}]"),
        min_size=1,
        max_size=4,
    ).map(lambda rows: f"[{','.join(rows)}]")
)
ragged_rows = listed(listed(values, 4), 4)
data = even_rows | even_rows | ragged_rows | listed(values, 8)

FORMS = [
    '{"features":DATA}',
    '{ "features" : DATA }',
    '{"features":DATA,"rows":null}',
    '{"features":DATA,"other":1}',
    '{"features":[[1e999]],"features":DATA}',
    '{"features":DATA,"features":[[1,2]]}',
    '{"\\u0066eatures":DATA}',
    '{"rows":DATA}',
    '{"instances":DATA}',
    '{"instances":DATA,"inputs":[[1,2]]}',
    '{"instances":DATA,"signature_name":"predict"}',
    '{"inputs":DATA}',
    '{"inputs":{"a":DATA}}',
    '{"dataframe_split":{"data":DATA}}',
    '{"dataframe_split":{"columns":["a","b"],"data":DATA}}',
    '{"dataframe_split":{"columns":["b","a"],"data":DATA}}',
    '{"dataframe_split":{"columns":["a","a"],"data":DATA},"params":{}}',
    '{"dataframe_split":{"data":[[1e999]],"data":DATA}}',
    '{"dataframe_split":{"data":DATA},"inputs":DATA}',
    '{"dataframe_split":{"data":DATA},"params":[1e999]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[ROWS,2],"data":DATA}]}',
    '{"inputs":[{"name":"x","datatype":"FP32","shape":[ROWS,2],"data":DATA}],"id":"7"}',
    '{"inputs":[{"name":"x","datatype":"INT64","shape":[ROWS,2],"data":DATA}]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[ROWS,1],"data":DATA}]}',
    '{"inputs":[{"name":"data","datatype":"FP64","shape":[ROWS,1],"data":DATA}]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[ROWS],"data":DATA}]}',
    '{"inputs":[{"data":DATA,"name":"x","datatype":"FP64","shape":DATA}]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"data":[1e999],"data":DATA}]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"parameters":{"data":DATA},"data":DATA}]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"data":DATA}],"outputs":[{"name":"no"}]}',
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[1,2],"data":DATA},{"name":"b","data":DATA}]}',
    "DATA",
    '\ufeff{"features":DATA}',
    '{"features":DATA}\x00',
    '{"features":DATA',
]


@given(
    st.sampled_from(FORMS),
    data,
    st.none() | st.tuples(st.integers(0, 10_000), st.integers(0, 3), st.binary(max_size=2)),
)
@example('{"features":DATA}', "[[1,2],3,[4]]", None)
@example('{"features":DATA}', "[[[1,2]],[]]", None)
@example('{"features":DATA}', "[[1,[2,3]],[4,[]]]", None)
@example('{"features":DATA}', "[" * 3000 + "]" * 3000, None)
@example(
    '{"inputs":[{"name":"x","datatype":"FP64","shape":[2,2],"data":DATA}]}',
    "[[1],[2,3,4]]",
    None,
)
def test_every_body_is_read_as_without_the_parser(
    form: str, text: str, damage: tuple[int, int, bytes] | None
) -> None:
    # As many as there are where they have two values each.
    rows = (text.count(",") + 1) // 2
    body = form.replace("DATA", text).replace("ROWS", str(rows)).encode()
    if damage is not None:
        place, length, junk = damage
        place %= len(body) + 1
        body = body[:place] + junk + body[place + length :]
    for model in MODELS:
        check_is_read_alike(model, body)


@given(st.lists(st.tuples(st.floats(width=64), st.floats(width=64)), min_size=1, max_size=40))
def test_bodies_as_clients_write_them_are_read_as_without_the_parser(
    rows: list[tuple[float, float]],
) -> None:
    flat = [value for row in rows for value in row]
    tensor = {"name": "x", "datatype": "FP64", "shape": [len(rows), 2]}
    for request in (
        {"features": rows},
        {"instances": rows},
        {"inputs": rows},
        {"dataframe_split": {"columns": ["a", "b"], "data": rows}},
        {"inputs": [{**tensor, "data": flat}]},
        {"inputs": [{**tensor, "datatype": "FP32", "data": rows}]},
    ):
        for body in (json.dumps(request).encode(), msgspec.json.encode(request)):
            for model in MODELS[:2]:
                check_is_read_alike(model, body)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b'{"features":[[1,2.5],[-3,4e2]]}', ("features", packed(1, 2.5, -3, 400))),
        (b' { "inputs" : [ [ 9007199254740993 , 0.1 ] ] } ', ("inputs", packed(2**53, 0.1))),
        (b'{"features":[[1,2],[3]]}', None),
        (b'{"features":[[1,2,3]]}', None),
        (b'{"features":[[1,null]]}', None),
        (b'{"features":["ab"]}', None),
        (b'{"features":[{"a":1,"b":2}]}', None),
        (b'{"features":[]}', None),
        (b'{"features":[[1,2]],"rows":1}', None),
        (b'{"features":[[1,2]],"features":[[3,4]]}', None),
        (b"[[1,2]]", None),
        (b"null", None),
        (b"", None),
        (b'\xef\xbb\xbf{"features":[[1,2]]}', None),
        (b'{"\xff":[[1,2]]}', None),
    ],
)
def test_only_rows_of_numbers_are_a_table(text: bytes, expected: tuple[str, bytes] | None) -> None:
    assert read_table(text, 2) == expected


def test_a_list_is_flat_and_as_long_as_expected() -> None:
    assert read_list(b"[1, 2.5, 3]", 3) == packed(1, 2.5, 3)
    for text in (b"[1,2]", b"[1,2,[3]]", b"[[1,2,3]]", b'{"a":1,"b":2,"c":3}', b"3"):
        assert read_list(text, 3) is None


def test_rows_are_as_wide_as_expected() -> None:
    assert read_matrix(b"[[1, 2], [3, 4]]", 2) == packed(1, 2, 3, 4)
    for text in (b"[[1,2],[3]]", b"[1,2]", b"[[1,[2]]]", b"[[[1,2]]]", b"5"):
        assert read_matrix(text, 2) is None


BEGINNING = b'{"features": ['
# Parts of bodies that could be taken for others' where they are read as one.
SLY = [
    *(b"1,2]},", b"1,2],[", b'1,2]},{"features": [', b'1,2]}\n{"features": [', b'","', b'"],["'),
    *(b"", b"1", b"1,", b",2", b"3,4]", b"]", b"[", b"]}", b"[]", b'"', b"{}", b"1,2,3", b"[2]"),
    *(b"null,1", b"1e999,2", b"1,\n2", b"\\", b"NaN,1", b'1,2],"rows": [', b"1,2]]", b"[[1,2"),
]
plain_rows = st.lists(numbers, min_size=2, max_size=2).map(lambda row: ", ".join(row).encode())
bodies = st.one_of(
    plain_rows.map(lambda row: b"%b%b]}" % (BEGINNING, row)),
    st.lists(st.sampled_from(SLY) | plain_rows, max_size=3).map(
        lambda parts: b"%b%b]}" % (BEGINNING, b"".join(parts))
    ),
    st.lists(st.sampled_from([BEGINNING, b"]}", *SLY]), max_size=4).map(b"".join),
)


@given(st.lists(bodies, min_size=1, max_size=6))
@example([BEGINNING + b'1,2]},{"features": [3,4]}', BEGINNING + b"5", b"6]}"])
@example([BEGINNING + b"1,2],[3,4]}", b"]}"])
@example([BEGINNING + b"1,2]", b"}" + BEGINNING + b"3,4]}"])
@example([BEGINNING + b'1,"]}', BEGINNING + b'",2]}'])
@example([BEGINNING + b"1]}", BEGINNING + b"2,3,4]}"])
@example([BEGINNING + b"1,[2]]}"])
@example([b"!" + BEGINNING[1:] + b"1,2]}"])
@example([BEGINNING + b"1,2]]", BEGINNING + b"1,2}}"])
def test_texts_read_together_are_those_that_are_rows_alone(texts: list[bytes]) -> None:
    found = read_together(texts, BEGINNING, 2)
    alone = read_single_rows(MODELS[0].reader, texts)
    if found is not None:
        assert found == b"".join(one for one in alone if one is not None)
        assert None not in alone


@given(st.lists(st.tuples(*[st.floats(allow_nan=False, allow_infinity=False)] * 2), min_size=1))
def test_rows_as_clients_write_them_are_read_together(rows: list[tuple[float, float]]) -> None:
    texts = [json.dumps({"features": row}).encode() for row in rows]
    assert read_together(texts, BEGINNING, 2) == packed(*[one for row in rows for one in row])
    texts = [msgspec.json.encode({"features": row}) for row in rows]
    assert read_together(texts, b'{"features":[', 2) is not None


def test_large_texts_are_left_to_those_who_read_them_in_pieces() -> None:
    row = b"[1.5,2.5]"
    most = LARGE_BODY_BYTES // (len(row) + 1) - 1
    assert read_matrix(b"[%b]" % b",".join([row] * most), 2) == packed(*[1.5, 2.5] * most)
    assert read_matrix(b"[%b]" % b",".join([row] * (most + 2)), 2) is None


def test_a_part_is_replaced_only_where_it_is_the_first_that_begins_so() -> None:
    part = b"[%b]" % (b"1," * 100)
    assert without(b'{"a":%b,"b":2}' % part, part, b"null") == b'{"a":null,"b":2}'
    assert without(b'{"c":%b9,"a":%b}' % (part[:-1], part), part, b"null") is None


def test_the_parser_is_there_where_it_is_compiled_for_this_python() -> None:
    assert read_list(b"[1]", 1) == packed(1) or sys.version_info >= (3, 14)
