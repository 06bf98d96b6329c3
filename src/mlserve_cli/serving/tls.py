"""The certificate with which a server answers over TLS."""

import ssl
from pathlib import Path
from typing import NoReturn

from mlserve_cli.errors import UsageError


class Tls:
    """A certificate and its key, checked when they are read.

    Args:
        certificate: PEM file with the certificate, and those of its issuers behind it.
        key: PEM file with the private key, not encrypted.

    Raises:
        UsageError: One of the files cannot be read or used, or they do not belong together.
    """

    def __init__(self, certificate: Path, key: Path) -> None:
        self._certificate = certificate
        self._key = key
        self.context = self._read()
        # What gRPC takes instead of a context: the key and the certificates.
        self.pem = (key.read_bytes(), certificate.read_bytes())

    def reload(self) -> None:
        """Reads the files again, for connections from now on; the ones from before stay on failure.

        Raises:
            UsageError: See the class.
        """
        # A context that fails to load is left with a half of each.
        self._read()
        self.context.load_cert_chain(self._certificate, self._key)
        self.pem = (self._key.read_bytes(), self._certificate.read_bytes())

    def _read(self) -> ssl.SSLContext:
        _check_pem(self._certificate, b"CERTIFICATE-----", "certificate")
        _check_pem(self._key, b"PRIVATE KEY-----", "private key")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2

        def refuse() -> NoReturn:
            raise UsageError(
                f"The TLS key {self._key} is encrypted; nobody could type its password here.",
                hint=f"Decrypt it: openssl pkey -in {self._key} -out plain.pem",
            )

        try:
            context.load_cert_chain(self._certificate, self._key, refuse)
        except ssl.SSLError as error:
            if error.reason == "KEY_VALUES_MISMATCH":
                raise UsageError(
                    f"The TLS key {self._key} does not belong to the certificate "
                    f"{self._certificate}."
                ) from error
            reason = (error.reason or "unreadable").lower().replace("_", " ")
            raise UsageError(
                f"The TLS certificate {self._certificate} or its key {self._key} cannot be used: "
                f"{reason}."
            ) from error
        return context


def _check_pem(path: Path, mark: bytes, kind: str) -> None:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The TLS {kind} {path} cannot be read: {error.strerror}.") from error
    if mark not in content:
        raise UsageError(f"{path} holds no {kind} in PEM form.")
