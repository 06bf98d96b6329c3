"""Thrift's compact protocol, in which Parquet's footers are written: values read, and written.

Nothing is known of the fields' meaning. What was read and not changed is written as it came.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

# Types of values.
TRUE, FALSE, BYTE, I16, I32, I64, DOUBLE, BINARY, LIST, SET, MAP, STRUCT = range(1, 13)
_DOUBLE_BYTES = 8
# Larger steps between field numbers, and longer lists, take another byte or more.
_SHORT = 15

# Field numbers with types and values; structures are such again, lists a type and their items.
Struct: TypeAlias = "dict[int, tuple[int, Any]]"


class Decoder:
    """Reads structures.

    Args:
        data: A structure as bytes; what follows it is not looked at.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0
        self._readers: dict[int, Callable[[], Any]] = {
            **dict.fromkeys((I16, I32, I64), self._integer),
            **dict.fromkeys((LIST, SET), self._list),
            BYTE: self._byte,
            DOUBLE: lambda: self._bytes(_DOUBLE_BYTES),
            BINARY: lambda: self._bytes(self._varint()),
            STRUCT: self.struct,
        }

    def struct(self) -> Struct:
        """The next structure.

        Raises:
            ValueError: There is none.
        """
        fields: Struct = {}
        number = 0
        while head := self._byte():
            number = number + (head >> 4) if head >> 4 else self._integer()
            fields[number] = head & 15, self._value(head & 15)
        return fields

    def _value(self, kind: int) -> Any:
        if kind in (TRUE, FALSE):
            return None
        reader = self._readers.get(kind)
        if reader is None:
            raise ValueError(f"type {kind} is not known")
        return reader()

    def _list(self) -> tuple[int, list[Any]]:
        head = self._byte()
        count = head >> 4 if head >> 4 < _SHORT else self._varint()
        kind = head & 15
        # Truth values have their type in a field's head, and a byte of their own in a list.
        item = self._byte if kind in (TRUE, FALSE) else lambda: self._value(kind)
        return kind, [item() for _ in range(count)]

    def _byte(self) -> int:
        value = self._bytes(1)
        return value[0]

    def _bytes(self, count: int) -> bytes:
        value = self._data[self._at : self._at + count]
        if len(value) < count:
            raise ValueError("it ends too early")
        self._at += count
        return value

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 1 << 7:
                return value
            shift += 7

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def encode(fields: Struct) -> bytes:
    """A structure as bytes. Structures that are bytes already are taken as they are."""
    parts: list[bytes] = []
    before = 0
    for number, (kind, value) in fields.items():
        step = number - before
        parts.append(
            bytes([step << 4 | kind]) if 0 < step <= _SHORT else bytes([kind]) + _integer(number)
        )
        parts.append(_encoded(kind, value))
        before = number
    return b"".join([*parts, b"\0"])


def _encoded(kind: int, value: Any) -> bytes:
    return b"" if kind in (TRUE, FALSE) else _ENCODERS[kind](value)


def _encoded_list(kind: int, items: list[Any]) -> bytes:
    count = len(items)
    head = bytes([count << 4 | kind]) if count < _SHORT else bytes([0xF0 | kind]) + varint(count)
    item_kind = BYTE if kind in (TRUE, FALSE) else kind
    return head + b"".join(_encoded(item_kind, item) for item in items)


def varint(value: int) -> bytes:
    """A number from 0 on as bytes, seven bits in each."""
    parts = bytearray()
    while value > 0x7F:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)


def _integer(value: int) -> bytes:
    return varint(value << 1 if value >= 0 else (-value << 1) - 1)


_ENCODERS: dict[int, Callable[[Any], bytes]] = {
    **dict.fromkeys((I16, I32, I64), _integer),
    **dict.fromkeys((LIST, SET), lambda value: _encoded_list(*value)),
    BYTE: lambda value: bytes([value]),
    DOUBLE: bytes,
    BINARY: lambda value: varint(len(value)) + value,
    STRUCT: lambda value: value if isinstance(value, bytes) else encode(value),
}
