"""What a server writes to stderr: one line per event, as text or as JSON."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum

import msgspec

from mlserve_cli.serving.log_writer import LogWriter


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


class Event(msgspec.Struct, omit_defaults=True):
    """A line of the log; what is None is left out.

    Attributes:
        time: When, in seconds since 1970; ISO 8601 in UTC in the line.
        level: `info`, `warning` or `error`.
        message: What happened; `answered` for a request that went well.
        request_id: As in the answer's `X-Request-Id`.
        trace_id: Of the `traceparent` that the client sent.
        client: Address and port.
        method: HTTP method.
        path: Path of the address.
        protocol: In which the model was asked.
        model: Its name.
        version: Its version.
        status: HTTP status.
        rows: How many were scored.
        milliseconds: From the end of the request to its answer.
        bytes_in: Of the request's body.
        bytes_out: Of the answer's body.
        exception: The traceback.
    """

    time: float | str
    level: str
    message: str
    request_id: str | None = None
    trace_id: str | None = None
    client: str | None = None
    method: str | None = None
    path: str | None = None
    protocol: str | None = None
    model: str | None = None
    version: int | None = None
    status: int | None = None
    rows: int | None = None
    milliseconds: float | None = None
    bytes_in: int | None = None
    bytes_out: int | None = None
    exception: str | None = None


# Loggers that have something to say to whoever runs a server.
_OWN = "mlserve"
_LOGGERS = (_OWN, "uvicorn.error", "grpc")
# Attributes of a record that are fields of an event.
_CARRIED = frozenset(Event.__struct_fields__[3:])
_encode = msgspec.json.Encoder().encode


def configure_logs(format: LogFormat) -> LogWriter[Event]:
    """Sends what the server has to say to stderr; of the libraries below it, what is wrong.

    Returns:
        The writer, for further events.
    """
    writer = LogWriter(line_maker(format))
    handler = _EventHandler(writer)
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.INFO if name == _OWN else logging.WARNING)
        logger.propagate = False
    return writer


def line_maker(format: LogFormat) -> Callable[[Event], str]:
    """What turns an event into its line."""
    return _json_line if format is LogFormat.JSON else _text_line


class _EventHandler(logging.Handler):
    """Turns log records into events.

    Args:
        writer: Gets the events.
    """

    def __init__(self, writer: LogWriter[Event]) -> None:
        super().__init__()
        self._writer = writer
        self._formatter = logging.Formatter()

    def emit(self, record: logging.LogRecord) -> None:
        """Passes a record on."""
        event = Event(record.created, record.levelname.lower(), record.getMessage())
        for name in _CARRIED & record.__dict__.keys():
            setattr(event, name, record.__dict__[name])
        if record.exc_info:
            event.exception = self._formatter.formatException(record.exc_info)
        self._writer.put(event)


def _json_line(event: Event) -> str:
    event.time = _shown_time(event.time)
    return _encode(event).decode()


def _text_line(event: Event) -> str:
    """Time, level and message, then the fields as `name=value`, the traceback below."""
    message = event.message if event.message.isprintable() else _encode(event.message).decode()
    parts = [_shown_time(event.time), event.level, message]
    for name in Event.__struct_fields__[3:-1]:
        value = getattr(event, name)
        if value is not None:
            parts.append(f"{name}={_shown(value)}")
    line = " ".join(parts)
    return line if event.exception is None else f"{line}\n{event.exception}"


def _shown_time(value: float | str) -> str:
    if isinstance(value, str):
        return value
    return datetime.fromtimestamp(value, UTC).isoformat(timespec="milliseconds")


def _shown(value: float | str) -> str:
    """A value that stands between spaces; in quotes where it could be taken for more than one."""
    if not isinstance(value, str):
        return str(value)
    plain = value.isprintable() and not set(' "=') & set(value)
    return value if plain and value else _encode(value).decode()
