"""What the fast path takes for granted about uvicorn, and whether it holds.

`hot.py` extends `HttpToolsProtocol`, which is no public interface. Everything that it relies on is
listed here; a test compares the sources with the digests, so that a new uvicorn is read by a person
before it is admitted, and at run time the fast path is left out where a name is missing.
"""

import hashlib
import inspect

from uvicorn.protocols.http import httptools_impl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

# Methods that are overridden, called or whose effects matter.
METHODS = (
    *("__init__", "connection_made", "connection_lost", "data_received", "send_400_response"),
    *("on_message_begin", "on_url", "on_header", "on_headers_complete", "on_body"),
    *("on_message_complete", "on_response_complete", "shutdown", "pause_writing"),
    *("resume_writing", "_unset_keepalive_if_required", "_start_asgi_task", "eof_received"),
)

# Attributes of a protocol, as its __init__ sets them.
ATTRIBUTES = (
    *("config", "loop", "parser", "server_state", "connections", "transport", "flow", "pipeline"),
    *("scheme", "scope", "headers", "expect_100_continue", "cycle", "timeout_keep_alive"),
)

# Digests of the methods' sources, by a uvicorn in which they were read.
KNOWN_SOURCES = {"0.54.0": "936393cfb305923b"}


def source_digest() -> str:
    """SHA-256 over the sources of `METHODS`, shortened."""
    sources = [inspect.getsource(getattr(HttpToolsProtocol, name)) for name in METHODS]
    return hashlib.sha256("".join(sources).encode()).hexdigest()[:16]


def is_kept() -> bool:
    """Whether everything that the fast path needs is there."""
    source = inspect.getsource(HttpToolsProtocol.__init__)
    return (
        all(hasattr(HttpToolsProtocol, name) for name in METHODS)
        and all(f"self.{name}" in source for name in ATTRIBUTES)
        and hasattr(httptools_impl, "STATUS_LINE")
    )
