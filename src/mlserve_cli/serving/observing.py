"""What a running server says about itself, asked over HTTP."""

import http.client
import ssl
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import msgspec

from mlserve_cli.errors import EngineError, InputError, UsageError
from mlserve_cli.monitoring.summary import Observation
from mlserve_cli.serving.history_routes import HISTORY_PATH, TrafficReport

# Between two parts of an answer, and for all of them.
_TIMEOUT_SECONDS = 5.0
_LONGEST_SECONDS = 15.0
_MOST_BYTES = 256 << 20
_PART_BYTES = 1 << 20
_METRICS_PATH = "/metrics"


class NoServerError(EngineError):
    """Nobody answers at an address, or somebody who is not `mlserve serve`."""


def observe_server(url: str, seconds: float, key: str | None = None) -> Observation:
    """What a server has counted since its start, and what it did in the last minutes.

    Args:
        url: Its address, such as `http://127.0.0.1:8000`, or that of its metrics.
        seconds: How far its minutes go back.
        key: An API key, where it needs one.

    Raises:
        UsageError: The address is none, or the server wants another key.
        NoServerError: Nobody answers there, or it is no server of this kind.
    """
    address = _address(url)
    body = _get(address, HISTORY_PATH.format(seconds=int(seconds)), key)
    try:
        report = msgspec.json.decode(body, type=TrafficReport)
    except msgspec.DecodeError as error:
        raise _stranger(address) from error
    totals = dict(report.totals)
    return Observation(
        address,
        report.started,
        report.until,
        totals,
        report.minutes,
        report.drift,
        report.quality,
    )


def prometheus_text(url: str, key: str | None = None) -> bytes:
    """The metrics of a server in the text format of Prometheus.

    Args:
        url: Its address, or that of its metrics.
        key: An API key, where it needs one.

    Raises:
        UsageError: The address is none, or the server wants another key.
        NoServerError: Nobody answers there, or it is no server of this kind.
    """
    return _get(_address(url), _METRICS_PATH, key)


def _address(url: str) -> str:
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        # The port is looked at when it is asked for.
        is_good = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        is_good = False
    if not is_good:
        raise UsageError(
            f"{url!r} is no address of a server.", hint="Such as: --url http://127.0.0.1:8000"
        )
    path = parts.path.rstrip("/").removesuffix(_METRICS_PATH)
    return f"{parts.scheme}://{parts.netloc}{path}"


def _get(address: str, path: str, key: str | None) -> bytes:
    # The scheme was checked.
    request = urllib.request.Request(address + path)  # noqa: S310
    if key:
        request.add_header("Authorization", f"Bearer {key}")
    # A proxy is for other machines; the environment may name one for all.
    direct = [urllib.request.ProxyHandler({})] if _is_here(address) else []
    opener = urllib.request.build_opener(*direct)
    response: http.client.HTTPResponse
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            return _read(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code in {401, 403}:
                raise UsageError(
                    f"{address} wants an API key.",
                    hint="Give one: MLSERVE_API_KEY=... mlserve metrics",
                ) from error
            raise _stranger(address) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, ssl.SSLCertVerificationError):
            raise InputError(
                f"The certificate of {address} is not trusted: {error.reason.verify_message}.",
                hint="Name a file of those who sign such certificates: SSL_CERT_FILE=ca.pem",
            ) from error
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise NoServerError(
            f"No server answers at {address}: {reason}.", hint="Start one with: mlserve serve"
        ) from error
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise InputError(f"{address} does not answer as a server does: {error}.") from error


def _read(response: "http.client.HTTPResponse") -> bytes:
    """The whole body.

    Raises:
        TimeoutError: It takes too long.
        ValueError: It is far larger than that of a server of this kind.
    """
    deadline = time.monotonic() + _LONGEST_SECONDS
    parts, size = [], 0
    while part := response.read1(_PART_BYTES):
        parts.append(part)
        size += len(part)
        if size > _MOST_BYTES:
            raise ValueError(f"its answer is larger than {_MOST_BYTES} bytes")
        if time.monotonic() > deadline:
            raise TimeoutError(f"its answer takes longer than {_LONGEST_SECONDS:.0f} seconds")
    if response.length:
        raise ValueError("its answer ends too early")
    return b"".join(parts)


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _stranger(address: str) -> NoServerError:
    return NoServerError(
        f"What answers at {address} is not mlserve serve.", hint="Name the server: --url URL"
    )
