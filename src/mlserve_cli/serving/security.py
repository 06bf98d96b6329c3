"""API keys."""

import base64
import binascii
import hmac
from collections.abc import Mapping
from pathlib import Path

from mlserve_cli.errors import UsageError
from mlserve_cli.serving.dashboard.files import PAGE_PATHS
from mlserve_cli.serving.refusals import UnauthorizedError

# Header fields that carry a key.
KEY_HEADERS = frozenset({b"authorization", b"x-api-key"})

# What makes a browser ask its user.
_FOR_BROWSERS = 'Basic realm="an API key as the password, any user name", charset="UTF-8"'

# Probes carry no keys, nor do browsers that ask for a page.
OPEN_PATHS = PAGE_PATHS | frozenset(
    {"/health", "/health/live", "/health/ready", "/v2/health/live", "/v2/health/ready", "/ping"}
)


class ApiKeys:
    """The keys that open the server; with none, it is open to everybody.

    Args:
        path: A file with one key per line; empty lines and lines that start with # are skipped.

    Raises:
        UsageError: The file cannot be read or holds no key.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._keys: tuple[bytes, ...] = ()
        self.reload()

    @property
    def required(self) -> bool:
        """Whether requests need a key."""
        return bool(self._keys)

    def reload(self) -> None:
        """Reads the file again; the keys from before stay where that fails."""
        if self._path is None:
            return
        try:
            lines = self._path.read_bytes().splitlines()
        except OSError as error:
            raise UsageError(
                f"The file of API keys {self._path} cannot be read: {error.strerror}."
            ) from error
        keys = tuple(line.strip() for line in lines if line.strip() and not line.startswith(b"#"))
        if not keys:
            raise UsageError(
                f"The file of API keys {self._path} holds no key.", hint="Write one key per line."
            )
        self._keys = keys

    def admits(self, headers: Mapping[bytes, bytes], *, only_reads: bool = False) -> bool:
        """Whether the request carries a key, as `Authorization: Bearer KEY` or `X-API-Key: KEY`.

        Takes the same time whichever key is given and however much of it is right.

        Args:
            headers: Of `KEY_HEADERS` those that the request has.
            only_reads: Whether the request changes nothing, so that the password of a browser
                counts too: a browser sends it along with whatever any page makes it ask.
        """
        if not self._keys:
            return True
        given = headers.get(b"x-api-key")
        if given is None:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if only_reads and scheme.lower() == b"basic":
                given = _password(given)
            elif scheme.lower() != b"bearer":
                return False
        given = given.strip()
        found = False
        for key in self._keys:
            found |= hmac.compare_digest(key, given)
        return found

    def check(
        self, headers: Mapping[bytes, bytes], *, method: str = "POST", accept: str = ""
    ) -> None:
        """Refuses a request without a valid key.

        Args:
            headers: Of `KEY_HEADERS` those that the request has.
            method: Its HTTP method.
            accept: What it takes for an answer.

        Raises:
            UnauthorizedError: It has none, or a wrong one.
        """
        only_reads = method in {"GET", "HEAD"}
        if not self.admits(headers, only_reads=only_reads):
            # What scripts of a page ask for is no reason for a window that asks for a password.
            is_browser = only_reads and "text/html" in accept
            raise UnauthorizedError(
                "A valid API key is needed.",
                hint="Send it in the header field Authorization: Bearer KEY, or X-API-Key: KEY.",
                challenge=_FOR_BROWSERS if is_browser else "Bearer",
            )


def _password(credentials: bytes) -> bytes:
    """Of a user name and a password as browsers send them; empty where they are not such."""
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except binascii.Error:
        return b""
