"""Heads of requests and answers that come again and again: each is read or written once."""

import re
from typing import TYPE_CHECKING

import msgspec
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from mlserve_cli.serving.arrivals import REQUEST_ID
from mlserve_cli.serving.exchange import JSON, Headers, Reply

if TYPE_CHECKING:
    from mlserve_cli.serving.routes import Endpoint

HEAD_END = b"\r\n\r\n"
_UPGRADE = re.compile(rb"(?i)(?<=\r\n)upgrade(?=:)")
# Heads that are remembered, and bytes of the longest one of a request.
_MOST_HEADS = 1024
_MOST_HEAD_BYTES = 2048

_Fields = list[tuple[bytes, bytes]]


class RequestHead(msgspec.Struct, frozen=True, gc=False):
    """What the parser has found in a request's first bytes.

    Attributes:
        endpoint: Who answers.
        path: The address.
        noted: Header fields that matter.
        body_bytes: Length of the body that follows.
        may_be_single: Whether that may be one row of numbers; see `single_rows`.
        content: Its bytes, of a head that is remembered.
    """

    endpoint: "Endpoint"
    path: str
    noted: Headers
    body_bytes: int
    may_be_single: bool
    content: bytes = b""


class RequestHeads:
    """Heads of plain requests, by their bytes: the same bytes always say the same.

    Only heads that the HTTP parser has read are in here, and only those whose end is beyond doubt.
    """

    def __init__(self) -> None:
        self._known: dict[bytes, RequestHead] = {}
        # Gives the head with these bytes, which are those before `HEAD_END`.
        self.find = self._known.get

    def learn(self, request: bytes, body: bytes, head: RequestHead) -> None:
        """Remembers a head.

        Args:
            request: The bytes of a whole request.
            body: What the parser took for its body.
            head: What it found before the body.
        """
        first, _, rest = request.partition(HEAD_END)
        # Some parsers take bare line feeds for the end of a line, and two for that of the head.
        is_clear = first.startswith(b"POST ") and first.count(b"\n") == first.count(b"\r\n")
        if not is_clear or len(first) > _MOST_HEAD_BYTES or rest != body:
            return
        # A head without a body could be taken for complete before its end has come.
        if not body:
            return
        if len(self._known) >= _MOST_HEADS:
            self._known.clear()
        self._known[first] = msgspec.structs.replace(head, content=first + HEAD_END)


def without_upgrade(data: bytes) -> bytes:
    """The same bytes without the offer, in the first head, to go on in another protocol.

    The parser takes what follows such an offer for that protocol, even a body; here nobody speaks
    any, and the request is answered as if the field were not there. Some clients make the offer
    with every first request, to go on in HTTP/2.
    """
    head, end, rest = data.partition(HEAD_END)
    return _UPGRADE.sub(b"-passed", head) + end + rest


class AnswerHeads:
    """Heads of good answers by the length of their body, as long as the default fields hold."""

    def __init__(self) -> None:
        self._known: dict[int, bytes] = {}
        self._defaults: _Fields | None = None

    def head(self, reply: Reply, defaults: _Fields, *, closing: bool) -> bytes:
        """The head of an answer.

        Args:
            reply: The answer.
            defaults: Fields of every answer; a new list whenever they change.
            closing: Whether the connection is closed after it.
        """
        if reply.status != 200 or closing or reply.headers or reply.content_type is not JSON:
            return _written(reply, defaults, closing=closing)
        return self.good(reply.body, defaults)

    def named(self, body: bytes, defaults: _Fields, request_id: bytes) -> bytes:
        """As `good`, for a request that has a name."""
        return b"%b%b: %b\r\n\r\n" % (self.good(body, defaults)[:-2], REQUEST_ID, request_id)

    def good(self, body: bytes, defaults: _Fields) -> bytes:
        """The head of an answer in JSON that went well, on a connection that stays open."""
        if self._defaults is not defaults:
            self._known.clear()
            self._defaults = defaults
        head = self._known.get(len(body))
        if head is None:
            if len(self._known) >= _MOST_HEADS:
                self._known.clear()
            head = self._known[len(body)] = _written(Reply(body), defaults, closing=False)
        return head


def _written(reply: Reply, defaults: _Fields, *, closing: bool) -> bytes:
    head = [STATUS_LINE[reply.status]]
    for name, value in defaults:
        head += (name, b": ", value, b"\r\n")
    head += (
        b"content-type: ",
        reply.content_type,
        b"\r\ncontent-length: ",
        b"%d" % len(reply.body),
        b"\r\n",
    )
    for name, value in reply.headers:
        head += (name, b": ", value, b"\r\n")
    if closing:
        head.append(b"connection: close\r\n")
    head.append(b"\r\n")
    return b"".join(head)
