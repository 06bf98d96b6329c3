"""Thrift's compact protocol, read strictly."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.serving.protocols.thrift import BINARY, INT32, INT64, CompactReader, DamagedError

# Field 1: 150 as INT32. Field 3: "ab". Field 4: a struct whose field 1 is true. Field 20: -1.
STRUCT = b"\x15\xac\x02\x28\x02ab\x1c\x11\x00\x06\x28\x01\x00"


def test_named_fields_come_back_and_others_are_passed_over() -> None:
    reader = CompactReader(b"before" + STRUCT + b"behind", 6, 10)
    assert reader.struct({1: INT32, 3: BINARY, 20: INT64}) == {1: 150, 3: b"ab", 20: -1}
    assert reader.position == 6 + len(STRUCT)
    assert CompactReader(STRUCT, 0, 10).struct({4: {1: 1}}) == {4: {1: True}}


def test_lists_are_read_where_it_is_known_what_they_hold() -> None:
    numbers = b"\x19\x35\x02\x04\x06\x00"
    assert CompactReader(numbers, 0, 10).struct({1: (INT32,)}) == {1: [1, 2, 3]}
    for form in ({}, {1: (INT64,)}, {1: INT32}):
        with pytest.raises(DamagedError):
            CompactReader(numbers, 0, 10).struct(form)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x15",
        b"\x28\x7fab\x00",
        b"\x15\x02\x05\x02\x02\x00",
        b"\x15" + b"\xff" * 12,
        b"\x1c" * 50,
        b"\x1b\x00\x00",
        b"\x19\xf5\xff\xff\xff\xff\x0f",
    ],
    ids=["empty", "cut", "long text", "twice", "varint", "nesting", "map", "long list"],
)
def test_anything_else_is_damaged(data: bytes) -> None:
    with pytest.raises(DamagedError):
        CompactReader(data, 0, 20).struct({1: (INT32,)} if data[:1] == b"\x19" else {})


@given(st.binary(max_size=50))
def test_any_bytes_are_read_or_damaged(data: bytes) -> None:
    reader = CompactReader(data, 0, 20)
    try:
        reader.struct({1: INT32, 2: (BINARY,), 3: {1: INT64}})
    except DamagedError:
        return
    assert reader.position <= len(data)
