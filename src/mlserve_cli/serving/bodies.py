"""Bodies of requests, read to a bounded size."""

from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect

from mlserve_cli.errors import InputError
from mlserve_cli.serving.exchange import too_large

if TYPE_CHECKING:
    from starlette.requests import Request


async def read_body(request: "Request", max_bytes: int) -> bytes:
    """The whole body.

    What is beyond the limit, but not beyond twice the limit, is read and thrown away: clients that
    send everything before they read anything would not see the answer.

    Raises:
        TooLargeError: It is larger than the limit.
        InputError: The client left before its end.
    """
    announced = request.headers.get("content-length", "0")
    if announced.isdecimal() and int(announced) > 2 * max_bytes:
        raise too_large(max_bytes)
    parts, size = [], 0
    try:
        async for part in request.stream():
            size += len(part)
            if size > 2 * max_bytes:
                break
            parts.append(part)
            if size > max_bytes:
                parts.clear()
    except ClientDisconnect as error:
        raise InputError("The body ended too early.") from error
    if size > max_bytes:
        raise too_large(max_bytes)
    return b"".join(parts)
