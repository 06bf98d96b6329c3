"""Thrift's compact protocol, read no further than its reader was told what stands there.

Parquet writes its footer and the headers of its pages in it.
"""

from typing import Any

# Kinds of values.
INT32, INT64, BINARY = 5, 6, 8
_TRUE, _FALSE, _BYTE, _INT16, _DOUBLE, _LIST, _STRUCT = 1, 2, 3, 4, 7, 9, 12
_INTEGERS = frozenset({_INT16, INT32, INT64})
_MOST_NESTING = 12
_MOST_BITS = 64

# What fields of a struct hold: a kind, the fields of a struct, or, in a tuple, what a list holds.
Form = dict[int, Any]


class DamagedError(Exception):
    """The bytes are something else."""


class CompactReader:
    """Reads structs one after the other.

    Other readers, meeting something unexpected, go on in ways of their own; here it is an error
    wherever they might not end at the same byte. Fields that no form names are passed over.

    Args:
        data: Bytes.
        position: Where the first struct begins; moves behind what was read.
        fields: How many fields and list entries are read at the most.
    """

    def __init__(self, data: bytes, position: int, fields: int) -> None:
        self.position = position
        self._data = data
        self._left = fields

    def struct(self, form: Form) -> dict[int, Any]:
        """The fields of a struct that `form` names, by their numbers.

        Raises:
            DamagedError: The bytes end too early, or are no such struct.
        """
        try:
            return self._struct(form, 0)
        except IndexError:
            raise DamagedError from None

    def _struct(self, form: Form, depth: int) -> dict[int, Any]:
        if depth > _MOST_NESTING:
            raise DamagedError
        found: dict[int, Any] = {}
        seen = set()
        field = 0
        while head := self._byte():
            # A field tells how far its number is from the one before, or the number itself.
            field = field + (head >> 4) if head >> 4 else self._integer()
            self._count()
            if field in seen:
                raise DamagedError
            seen.add(field)
            value = self._value(head & 15, form.get(field), depth)
            if field in form:
                found[field] = value
        return found

    def _value(self, kind: int, form: Any, depth: int) -> Any:
        if form is not None and kind != _kind_of(form):
            raise DamagedError
        if kind == _STRUCT:
            return self._struct(form or {}, depth + 1)
        if kind == _LIST and form is not None:
            return self._list(form[0], depth + 1)
        return self._plain(kind)

    def _plain(self, kind: int) -> bool | int | bytes:
        if kind in _INTEGERS:
            return self._integer()
        if kind in {_TRUE, _FALSE}:
            # A boolean is its kind.
            return kind == _TRUE
        if kind == _BYTE:
            return self._byte()
        if kind in {BINARY, _DOUBLE}:
            return self._bytes(self._varint() if kind == BINARY else 8)
        # Sets, maps, and lists of who knows what.
        raise DamagedError

    def _list(self, form: Any, depth: int) -> list[Any]:
        head = self._byte()
        size = head >> 4 if head >> 4 < 15 else self._varint()
        values = []
        for _ in range(size):
            self._count()
            values.append(self._value(head & 15, form, depth))
        return values

    def _count(self) -> None:
        self._left -= 1
        if self._left < 0:
            raise DamagedError

    def _byte(self) -> int:
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _bytes(self, size: int) -> bytes:
        start = self.position
        self.position += size
        if self.position > len(self._data):
            raise DamagedError
        return self._data[start : self.position]

    def _varint(self) -> int:
        value = shift = 0
        while shift < _MOST_BITS:
            byte = self._byte()
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value
        raise DamagedError

    def _integer(self) -> int:
        value = self._varint()
        return (value >> 1) ^ -(value & 1)


def _kind_of(form: Any) -> int:
    if isinstance(form, int):
        return form
    return _STRUCT if isinstance(form, dict) else _LIST
