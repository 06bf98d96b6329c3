"""Whether an Arrow file is compressed: pyarrow unpacks it, and does not say."""

import pyarrow as pa
import pyarrow.ipc

_MARK, _PADDING_BYTES = b"ARROW1", 2
# Numbers of fields in Arrow's Message.fbs: of a message its header, of a batch its compression.
_HEADER_FIELD, _COMPRESSION_FIELD = 2, 3


def is_compressed(content: pa.Buffer) -> bool:
    """Whether the record batches of an Arrow file, or of a stream, have to be unpacked.

    The first one tells, in a field of its own.

    Args:
        content: The file, mapped: no more of it is read than what describes that batch.

    Raises:
        pa.ArrowException: It is damaged.
    """
    # A file is a stream between two marks.
    start = len(_MARK) + _PADDING_BYTES if content[: len(_MARK)].to_pybytes() == _MARK else 0
    for message in pyarrow.ipc.MessageReader.open_stream(content[start:]):
        if message.type == "record batch":
            return _has_field(message.metadata.to_pybytes(), _HEADER_FIELD, _COMPRESSION_FIELD)
    return False


def _has_field(table: bytes, inner: int, field: int) -> bool:
    """Whether a table inside of a FlatBuffers table has a field; both are named by their number."""

    def place_of(start: int, number: int) -> int | None:
        known = start - int.from_bytes(table[start : start + 4], "little", signed=True)
        entry = known + 4 + 2 * number
        size = int.from_bytes(table[known : known + 2], "little")
        offset = int.from_bytes(table[entry : entry + 2], "little") if entry < known + size else 0
        return start + offset if offset else None

    def follow(place: int) -> int:
        return place + int.from_bytes(table[place : place + 4], "little")

    place = place_of(follow(0), inner)
    return place is not None and place_of(follow(place), field) is not None
