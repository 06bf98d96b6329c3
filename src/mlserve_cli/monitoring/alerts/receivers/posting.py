"""JSON sent to an address by HTTP."""

import http.client
import urllib.error
import urllib.request
from typing import IO

from mlserve_cli.monitoring.alerts.receivers.interface import DeliveryError

_TOO_MANY_REQUESTS = 429


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirected POST would arrive without its body."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        """Takes a redirection as the answer."""
        del req, fp, code, msg, headers, newurl


_OPENER = urllib.request.build_opener(_NoRedirects)


def post_json(url: str, body: bytes, headers: dict[str, str], timeout_seconds: float) -> None:
    """Sends a body; returns where the answer says that it was taken.

    Raises:
        DeliveryError: It was not; worth another attempt where the network or the server failed.
    """
    headers = {"Content-Type": "application/json", "User-Agent": "mlserve", **headers}
    # The settings admit http and https only.
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310
    try:
        with _OPENER.open(request, timeout=timeout_seconds):
            return
    except urllib.error.HTTPError as error:
        with error:
            again = error.code >= 500 or error.code == _TOO_MANY_REQUESTS
            raise DeliveryError(f"it answered {error.code}", again=again) from None
    except TimeoutError:
        raise DeliveryError(f"no answer in {timeout_seconds:g} seconds", again=True) from None
    except urllib.error.URLError as error:
        reason = getattr(error.reason, "strerror", None) or type(error.reason).__name__
        raise DeliveryError(f"it cannot be reached: {reason}", again=True) from None
    except (OSError, http.client.HTTPException) as error:
        # Their text may repeat the address, which may be a secret.
        raise DeliveryError(f"the connection failed: {type(error).__name__}", again=True) from None
