"""What became of requests: in the log, and under which id."""

import contextlib
import logging
import time
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.serving.arrivals import REQUEST_ID, Arrival, RequestIds
from mlserve_cli.serving.logs import Event

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from mlserve_cli.serving.exchange import Reply
    from mlserve_cli.serving.log_writer import LogWriter
    from mlserve_cli.serving.model import LoadedModel

_LOGGER = logging.getLogger("mlserve")


class Outcome(msgspec.Struct):
    """What became of a request.

    Attributes:
        status: HTTP status of the answer.
        seconds: From the end of the request to its answer.
        size_bytes: Of the answer's body.
        protocol: In which a model was asked; None where none was.
        model: Which that was; None where there is none of that name.
        rows: How many were asked about; None where that could not be read.
        message: What went wrong; None where nothing did.
    """

    status: int
    seconds: float
    size_bytes: int
    protocol: str | None = None
    model: "LoadedModel | None" = None
    rows: int | None = None
    message: str | None = None


class RequestLog:
    """Names requests, and writes down those that failed by our fault, or all of them.

    Args:
        writer: Writes the lines; None leaves them to `logging`, and only what is wrong with the
            server itself.
        logs_all: Whether every request has a line.
    """

    def __init__(self, writer: "LogWriter[Event] | None" = None, *, logs_all: bool = False) -> None:
        self.writer = writer
        self.logs_all = logs_all and writer is not None
        self.ids = RequestIds()

    def in_background(self) -> "AbstractContextManager[None]":
        """Leaves the writing to a thread; see `LogWriter.in_background`."""
        return contextlib.nullcontext() if self.writer is None else self.writer.in_background()

    def needs_name(self, arrival: Arrival, status: int) -> bool:
        """Whether the answer says what the request is called: the client did, or will want to."""
        return bool(arrival.request_id) or status >= 400 or self.logs_all

    def name(self, arrival: Arrival) -> bytes:
        """What a request is called; made up where the client did not say."""
        if not arrival.request_id:
            arrival.request_id = self.ids.new()
        return arrival.request_id

    def named(self, reply: "Reply", arrival: Arrival) -> "Reply":
        """A reply that says what its request is called."""
        headers = (*reply.headers, (REQUEST_ID, self.name(arrival)))
        return msgspec.structs.replace(reply, headers=headers)

    def write(self, arrival: Arrival, outcome: Outcome) -> None:
        """Writes down what became of a request, where it matters."""
        is_failure = outcome.status >= 500
        if not (is_failure or self.logs_all):
            return
        if self.writer is not None:
            self.writer.put(self._event(arrival, outcome))
        elif outcome.status == 500:
            event = msgspec.structs.asdict(self._event(arrival, outcome))
            for name in ("time", "level", "message"):
                del event[name]
            _LOGGER.error("%s", outcome.message, extra=event)

    def _event(self, arrival: Arrival, outcome: Outcome) -> Event:
        model = outcome.model
        return Event(
            time.time(),
            "error" if outcome.status >= 500 else "info",
            outcome.message or "answered",
            request_id=self.name(arrival).decode(),
            trace_id=arrival.trace_id if arrival.trace_parent else None,
            client=arrival.client,
            method=arrival.method,
            path=arrival.path,
            protocol=outcome.protocol,
            model=model.name if model else None,
            version=model.version if model else None,
            status=outcome.status,
            rows=outcome.rows,
            milliseconds=round(1000 * outcome.seconds, 3),
            bytes_in=arrival.size_bytes,
            bytes_out=outcome.size_bytes,
        )
