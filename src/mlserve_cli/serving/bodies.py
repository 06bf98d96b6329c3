"""Bodies of requests, read to a bounded size."""

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from mlserve_cli.errors import InputError
from mlserve_cli.serving.exchange import too_large

if TYPE_CHECKING:
    from starlette.requests import Request


async def read_body(request: "Request", max_bytes: int) -> bytes:
    """The whole body.

    Raises:
        TooLargeError: It is larger than the limit.
        InputError: The client left before its end.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > max_bytes:
        raise too_large(max_bytes)
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > max_bytes:
                raise too_large(max_bytes)
            parts.append(part)
    except ClientDisconnect as error:
        raise InputError("The body ended too early.") from error
    return b"".join(parts)
