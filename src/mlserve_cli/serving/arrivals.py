"""Where a request came from and what it is called, for answers, logs and records."""

import itertools
import os
import re
from collections.abc import Mapping

import msgspec

REQUEST_ID = b"x-request-id"
TRACE_PARENT = b"traceparent"
# Header fields that name a request.
NAMING_HEADERS = frozenset({REQUEST_ID, TRACE_PARENT})

# What a request id may look like; others are replaced.
_REQUEST_ID = re.compile(rb"[\x21-\x7e]{1,128}")
# W3C Trace Context, level 1: version, trace id, parent id, flags; later versions may say more.
_TRACE_PARENT = re.compile(rb"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?")


class Arrival(msgspec.Struct):
    """A request for predictions as it came in.

    Attributes:
        client: Address and port.
        method: HTTP method.
        path: Path of its address, without the query.
        size_bytes: Of its body, as it was sent.
        request_id: As the client gave it, or as it was made up here; empty as long as nobody needs
            one.
        trace_parent: The `traceparent` field as the client sent it.
        is_counted: Whether it was counted as a request for predictions.
    """

    client: str = ""
    method: str = "POST"
    path: str = ""
    size_bytes: int = 0
    request_id: bytes = b""
    trace_parent: bytes = b""
    is_counted: bool = False

    def take_names(self, headers: Mapping[bytes, bytes], ids: "RequestIds") -> None:
        """Takes over what the client calls the request; an id that cannot be one is replaced."""
        given = headers.get(REQUEST_ID)
        if given is not None:
            self.request_id = given if _REQUEST_ID.fullmatch(given) else ids.new()
        self.trace_parent = headers.get(TRACE_PARENT, b"")

    @property
    def trace_id(self) -> str | None:
        """The trace that the client says it belongs to; None where it says nothing valid."""
        found = _TRACE_PARENT.fullmatch(self.trace_parent)
        if found is None:
            return None
        version, trace_id, parent_id, rest = found.groups()
        is_valid = version != b"ff" and (version != b"00" or rest is None)
        is_set = trace_id.strip(b"0") and parent_id.strip(b"0")
        return trace_id.decode() if is_valid and is_set else None


class RequestIds:
    """Makes up ids: eight random bytes for the process, then a number."""

    def __init__(self) -> None:
        self._numbers = itertools.count()
        # Made with the first id, since processes are forked before that.
        self._prefix = ""

    def new(self) -> bytes:
        """An id that no other request has."""
        if not self._prefix:
            self._prefix = os.urandom(8).hex()
        return f"{self._prefix}{next(self._numbers):08x}".encode()
