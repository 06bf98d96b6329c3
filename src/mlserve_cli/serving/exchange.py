"""What passes between transports, protocols and the scheduler: calls, replies, content rules."""

import zlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.errors import InputError, MlserveError
from mlserve_cli.serving.refusals import (
    MediaTypeError,
    OverloadedError,
    TooLargeError,
    UnauthorizedError,
)
from mlserve_cli.serving.rows import Rows
from mlserve_cli.serving.scoring import Scored, Wanted

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel

JSON = b"application/json"

# Header fields that change how a request is read or answered, in lower case. A request with any
# other field is read as if the field were not there.
MEANINGFUL_HEADERS = frozenset(
    {b"content-type", b"content-encoding", b"inference-header-content-length", b"accept"}
)

Headers = Mapping[bytes, bytes]

# Larger bodies are read in a thread: up to here it takes two or three milliseconds, as long as a
# call of a model that stays on the event loop may take.
LARGE_BODY_BYTES = 256 << 10
# A value of JSON in memory takes many times its bytes: so many bytes of the limit on bodies allow
# for one value. The number 1 with its comma has two, one of full precision about twenty.
_BYTES_PER_VALUE = 16
_FEWEST_VALUES = LARGE_BODY_BYTES // 2
# Parts of a compressed body: what is behind each of them is copied.
_MOST_MEMBERS = 100


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A complete answer.

    Attributes:
        body: Its bytes.
        status: HTTP status.
        content_type: Media type of the body.
        headers: Further header fields.
    """

    body: bytes
    status: int = 200
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Call(msgspec.Struct, frozen=True):
    """A checked request that waits to be scored.

    Attributes:
        model: The model that answers.
        rows: Its rows.
        wanted: What it asks for.
        answer: Gives the reply from a scored micro-batch and the positions of the first row of this
            call and of the row after its last.
    """

    model: "LoadedModel"
    rows: Rows
    wanted: Wanted
    answer: Callable[[Scored, int, int], Reply]


def decode_json(body: bytes, decoder: "msgspec.json.Decoder[Any]") -> Any:
    """The decoded body.

    Raises:
        InputError: It is no JSON, is not of the expected form, or nests too deep.
    """
    try:
        return decoder.decode(body)
    except RecursionError:
        raise InputError("The JSON of the body nests too deep.") from None
    except UnicodeDecodeError as error:
        raise InputError("The body is not valid UTF-8.") from error
    except msgspec.DecodeError as error:
        if not body:
            raise InputError("The body is empty; expected JSON.") from error
        raise InputError(f"The body cannot be read: {error}.") from error


def check_json_type(headers: Headers) -> None:
    """Accepts JSON, text without further claim (curl's default), and no content type at all.

    Raises:
        MediaTypeError: The body says that it is something else.
    """
    if headers.get(b"content-type") == JSON:
        return
    found = media_type(headers)
    if found not in _READ_AS_JSON:
        raise MediaTypeError(
            f"The content type {found.decode('latin-1')[:80]!r} is not read here; "
            "expected application/json."
        )


# curl -d sends the form type where the user sets none, and what follows is JSON all the same.
_READ_AS_JSON = frozenset({b"", JSON, b"application/x-www-form-urlencoded", b"text/plain"})


def media_type(headers: Headers) -> bytes:
    """The body's media type without parameters, in lower case; empty where none is given."""
    return headers.get(b"content-type", b"").partition(b";")[0].strip().lower()


def plain_body(body: bytes, headers: Headers, max_bytes: int) -> bytes:
    """The body after its content encoding (gzip, deflate) was undone.

    Raises:
        TooLargeError: It is larger than the limit.
        MediaTypeError: An encoding that is not read.
        InputError: The encoded body is damaged.
    """
    encoding = headers.get(b"content-encoding", b"").strip().lower()
    if encoding in {b"", b"identity"}:
        return body
    if encoding not in {b"gzip", b"x-gzip", b"deflate"}:
        raise MediaTypeError(
            f"The content encoding {encoding.decode('latin-1')[:40]!r} is not read; "
            "expected gzip or deflate."
        )
    parts, size = [], 0
    # A file of gzip may be several, one behind the other.
    while body:
        # 32 lets zlib recognise the gzip and the zlib header.
        inflate = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
        try:
            parts.append(inflate.decompress(body, max_bytes - size + 1))
        except zlib.error as error:
            raise InputError("The compressed body is damaged.") from error
        size += len(parts[-1])
        if size > max_bytes:
            raise too_large(max_bytes)
        if not inflate.eof:
            raise InputError("The compressed body ends too early.")
        if len(parts) > _MOST_MEMBERS:
            raise InputError(f"The compressed body has more than {_MOST_MEMBERS} parts.")
        body = inflate.unused_data
    return b"".join(parts)


def check_values(body: bytes, headers: Headers, max_bytes: int) -> None:
    """Refuses a large body of text that holds so many values that reading it takes the memory.

    Args:
        body: After its content encoding was undone.
        headers: As protocols are given them.
        max_bytes: The limit on bodies.

    Raises:
        TooLargeError: Naming how many values it holds, and the limit.
    """
    kind = media_type(headers)
    marks = b",\n" if kind == b"text/csv" else b",[{" if kind in _READ_AS_JSON else b""
    # Behind its JSON, a body with binary tensors holds any bytes.
    json_bytes = headers.get(b"inference-header-content-length", b"")
    end = int(json_bytes) if json_bytes.isdigit() and len(json_bytes) < 19 else len(body)
    check_count(sum(body.count(mark, 0, end) for mark in marks), "values", max_bytes)


def check_count(found: int, noun: str, max_bytes: int) -> None:
    """Refuses more values or rows than the limit on bodies allows for.

    Raises:
        TooLargeError: Naming the number and the limit.
    """
    most = max(_FEWEST_VALUES, max_bytes // _BYTES_PER_VALUE)
    if found > most:
        raise TooLargeError(
            f"The body holds about {found} {noun}, more than {most}, the most that this server "
            "reads at once.",
            hint="Send fewer rows per request, or start the server with a larger --max-body-bytes: "
            f"every {_BYTES_PER_VALUE} bytes allow for one of these.",
        )


def too_large(max_bytes: int) -> TooLargeError:
    """The error for a body beyond the limit."""
    return TooLargeError(
        f"The body is larger than {max_bytes} bytes, the most that this server takes.",
        hint="Send fewer rows per request, or start the server with a larger --max-body-bytes.",
    )


def error_reply(error: MlserveError, content: Mapping[str, Any]) -> Reply:
    """The reply to a failed request.

    Args:
        error: What went wrong.
        content: The JSON object, in the words of the protocol.
    """
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if isinstance(error, OverloadedError):
        headers = ((b"retry-after", str(error.retry_after_seconds).encode()),)
    elif isinstance(error, UnauthorizedError):
        headers = ((b"www-authenticate", error.challenge.encode()),)
    return Reply(msgspec.json.encode(content), error.http_status, JSON, headers)


def plain_error(error: MlserveError) -> Reply:
    """The reply in the form that all protocols but MLflow's share: `{"error": text, ...}`."""
    content: dict[str, Any] = {"error": error.message}
    for name in ("row", "column", "hint"):
        value = getattr(error, name, None)
        if value is not None:
            content[name] = value
    return error_reply(error, content)
