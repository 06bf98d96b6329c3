"""Errors that only a server has: they sit below the families of `mlserve_cli.errors`.

```
InputError
├── UnauthorizedError      401   no API key, or a wrong one
├── TooLargeError          413   a body beyond the limit
└── MediaTypeError         415   a content type or encoding that is not read
EngineError
├── OverloadedError        503   the queue is full, or no model is ready
└── DeadlineError          504   no answer in time
```
"""

from mlserve_cli.errors import EngineError, InputError


class UnauthorizedError(InputError):
    """A request without a valid API key.

    Args:
        message: What was found and what was expected.
        hint: What the client can send.
        challenge: How the client may say who it is, in the words of `WWW-Authenticate`.
    """

    http_status = 401

    def __init__(self, message: str, *, hint: str | None = None, challenge: str = "Bearer") -> None:
        super().__init__(message, hint=hint)
        self.challenge = challenge


class TooLargeError(InputError):
    """A body that is larger than the server takes, before or after decompression."""

    http_status = 413


class MediaTypeError(InputError):
    """A content type or content encoding that the server does not read."""

    http_status = 415


class OverloadedError(EngineError):
    """More rows wait than the queue holds, or nothing can be answered yet.

    Args:
        message: What is full.
        retry_after_seconds: When to try again.
    """

    http_status = 503

    def __init__(self, message: str, *, retry_after_seconds: int = 1) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class DeadlineError(EngineError):
    """A request that could not be answered in time."""

    http_status = 504
