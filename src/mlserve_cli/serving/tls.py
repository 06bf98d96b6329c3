"""The certificate with which a server answers over TLS."""

import ssl
import tempfile
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
        # What gRPC takes instead of a context: the key and the certificates.
        self.pem = self._read()
        self.context = self._loaded(certificate, key)

    def reload(self) -> None:
        """Reads the files again, for connections from now on; the ones from before stay on failure.

        Raises:
            UsageError: See the class.
        """
        pem = self._read()
        try:
            # The files may change meanwhile, and a context that fails to load has a half of each.
            with tempfile.TemporaryDirectory(prefix="mlserve-") as folder:
                key, certificate = Path(folder, "key"), Path(folder, "certificate")
                for path, content in zip((key, certificate), pem, strict=True):
                    path.touch(0o600)
                    path.write_bytes(content)
                self._loaded(certificate, key)
                self.context.load_cert_chain(certificate, key)
        except OSError as error:
            raise UsageError(f"The TLS certificate cannot be read again: {error}.") from error
        self.pem = pem

    def _read(self) -> tuple[bytes, bytes]:
        """The key and the certificates."""
        certificate = _pem(self._certificate, b"CERTIFICATE-----", "certificate")
        return _pem(self._key, b"PRIVATE KEY-----", "private key"), certificate

    def _loaded(self, certificate: Path, key: Path) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2

        def refuse() -> NoReturn:
            raise UsageError(
                f"The TLS key {self._key} is encrypted; nobody could type its password here.",
                hint=f"Decrypt it: openssl pkey -in {self._key} -out plain.pem",
            )

        try:
            context.load_cert_chain(certificate, key, refuse)
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


def _pem(path: Path, mark: bytes, kind: str) -> bytes:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"The TLS {kind} {path} cannot be read: {error.strerror}.") from error
    if mark not in content:
        raise UsageError(f"{path} holds no {kind} in PEM form.")
    return content
