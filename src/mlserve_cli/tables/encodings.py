"""Text in other encodings than UTF-8: read as UTF-8, and written as it came."""

import codecs
from typing import Protocol

from mlserve_cli.errors import EngineError, InputError, UsageError

UTF_8 = "utf-8"
# What a file starts with that says it is UTF-16; the mark itself is kept.
_MARKS = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}
MARK_BYTES = 2


class Readable(Protocol):
    """Something that bytes are read from."""

    def read(self, size: int, /) -> bytes:
        """At most so many bytes; none at the end."""


def encoding_of(head: bytes, asked: str | None) -> str:
    """The encoding of a text.

    Args:
        head: Its first bytes, `MARK_BYTES` of them.
        asked: What the user says it is; None takes UTF-16 where a byte order mark says so, else
            UTF-8.

    Raises:
        UsageError: There is no such encoding of text.
    """
    marked = _MARKS.get(head)
    if asked is None:
        return marked or UTF_8
    try:
        info = codecs.lookup(asked)
        "a,b\n1".encode(info.name)
    except (LookupError, UnicodeError) as error:
        raise UsageError(
            f"{asked!r} is no encoding of text.",
            hint="Usual ones are utf-8, utf-16, latin-1 and windows-1252.",
        ) from error
    if info.name in ("utf-8", "utf-8-sig", "ascii"):
        return UTF_8
    if info.name == "utf-16":
        return marked or "utf-16-le"
    if "a,b\n1".encode(info.name).decode("latin-1") != "a,b\n1" and "-" not in info.name:
        raise UsageError(f"Text in {asked} cannot be cut into lines.")
    return info.name


class Transcoded:
    """A stream of text as UTF-8.

    Args:
        stream: Its bytes.
        encoding: Their encoding.
        name: What the user calls the input.
    """

    def __init__(self, stream: Readable, encoding: str, name: str) -> None:
        self._stream = stream
        self._encoding = encoding
        self._name = name
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._decoded = b""
        self._taken = 0

    def read(self, size: int, /) -> bytes:
        """At most so many bytes of UTF-8; none at the end.

        Raises:
            InputError: The input has bytes that its encoding has not.
        """
        while not self._decoded:
            data = self._stream.read(size)
            try:
                text = self._decoder.decode(data, final=not data)
            except UnicodeDecodeError as error:
                raise InputError(
                    f"{self._name} is not text in {self._encoding}: byte "
                    f"{self._taken + error.start + 1} and those around it mean nothing there."
                ) from error
            self._taken += len(data)
            self._decoded = text.encode(UTF_8, "surrogatepass")
            if not data:
                break
        taken, self._decoded = self._decoded[:size], self._decoded[size:]
        return taken


def encode(data: bytes, encoding: str) -> bytes:
    """UTF-8 as another encoding.

    Raises:
        EngineError: It has no character for a part of the text.
    """
    try:
        return data.decode(UTF_8, "surrogatepass").encode(encoding)
    except UnicodeEncodeError as error:
        missing = error.object[error.start : error.start + 1]
        raise EngineError(
            f"{missing!r} cannot be written in {encoding}, the encoding of the input.",
            hint="Convert the input to UTF-8, or name an output file of another format.",
        ) from error
