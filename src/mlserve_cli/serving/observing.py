"""What a running server says about itself, asked over HTTP."""

import urllib.error
import urllib.request
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import msgspec

from mlserve_cli.errors import EngineError, InputError, UsageError
from mlserve_cli.monitoring.summary import Observation
from mlserve_cli.serving.history_routes import HISTORY_PATH, TrafficReport

if TYPE_CHECKING:
    from http.client import HTTPResponse

_TIMEOUT_SECONDS = 5.0
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
    return Observation(address, report.started, report.until, totals, report.minutes)


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
    parts = urlsplit(url if "://" in url else f"http://{url}")
    if parts.scheme not in {"http", "https"} or not parts.hostname:
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
    response: HTTPResponse
    try:
        with opener.open(request, timeout=_TIMEOUT_SECONDS) as response:
            return response.read()
    except urllib.error.HTTPError as error:
        with error:
            if error.code in {401, 403}:
                raise UsageError(
                    f"{address} wants an API key.",
                    hint="Give one: MLSERVE_API_KEY=... mlserve metrics",
                ) from error
            raise _stranger(address) from error
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or error.reason
        raise NoServerError(
            f"No server answers at {address}: {reason}.", hint="Start one with: mlserve serve"
        ) from error
    except (OSError, ValueError) as error:
        raise InputError(f"{address} does not answer as a server does: {error}.") from error


def _is_here(url: str) -> bool:
    return urlsplit(url).hostname in {"127.0.0.1", "localhost", "::1"}


def _stranger(address: str) -> NoServerError:
    return NoServerError(
        f"What answers at {address} is not mlserve serve.", hint="Name the server: --url URL"
    )
