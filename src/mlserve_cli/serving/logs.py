"""What a server writes to stderr: one line per event, as text or as JSON."""

import logging
import sys
from datetime import UTC, datetime
from enum import StrEnum

import msgspec


class LogFormat(StrEnum):
    """How a line is written."""

    TEXT = "text"
    JSON = "json"


# Loggers that have something to say to whoever runs a server.
_LOGGERS = ("mlserve", "uvicorn.error")
# Attributes that events may carry.
_FIELDS = ("model", "version", "protocol", "status", "request_id")


def configure_logs(format: LogFormat) -> None:
    """Sends warnings and errors of the server to stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if format is LogFormat.JSON else _TextLines())
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = [handler]
        logger.setLevel(logging.WARNING)
        logger.propagate = False


def _fields(record: logging.LogRecord) -> dict[str, object]:
    found = {name: getattr(record, name, None) for name in _FIELDS}
    return {name: value for name, value in found.items() if value is not None}


def _time(record: logging.LogRecord) -> str:
    return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class _JsonLines(logging.Formatter):
    """`{"time": .., "level": .., "message": .., ...}`, the traceback under `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname.lower(),
            "message": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            event["exception"] = self.formatException(record.exc_info)
        return msgspec.json.encode(event).decode()


class _TextLines(logging.Formatter):
    """Time, level and message, then the fields as `name=value`."""

    def format(self, record: logging.LogRecord) -> str:
        fields = [f"{name}={value}" for name, value in _fields(record).items()]
        line = " ".join([_time(record), record.levelname.lower(), record.getMessage(), *fields])
        if record.exc_info:
            line = f"{line}\n{self.formatException(record.exc_info)}"
        return line
