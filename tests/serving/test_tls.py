"""Certificates that are read again, whatever happens to their files meanwhile."""

import contextlib
import itertools
import subprocess
import threading
from pathlib import Path

import pytest

from mlserve_cli.errors import UsageError
from mlserve_cli.serving.tls import Tls


def write_pair(folder: Path, name: str) -> tuple[bytes, bytes]:
    key, certificate = folder / f"{name}.key", folder / f"{name}.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", f"/CN={name}"),
            *("-keyout", str(key), "-out", str(certificate)),
        ],
        check=True,
        capture_output=True,
    )
    return key.read_bytes(), certificate.read_bytes()


def test_files_that_change_while_they_are_read_do_no_harm(tmp_path: Path) -> None:
    pairs = [write_pair(tmp_path, "first"), write_pair(tmp_path, "second")]
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    key.write_bytes(pairs[0][0])
    certificate.write_bytes(pairs[0][1])
    tls = Tls(certificate, key)
    is_done = threading.Event()

    def keep_changing() -> None:
        for private, public in itertools.cycle(pairs):
            certificate.write_bytes(public)
            key.write_bytes(private)
            if is_done.is_set():
                return

    changing = threading.Thread(target=keep_changing)
    changing.start()
    try:
        for _ in range(200):
            with contextlib.suppress(UsageError):
                tls.reload()
            assert tls.pem in pairs
    finally:
        is_done.set()
        changing.join()
    tls.reload()
    assert tls.pem == (key.read_bytes(), certificate.read_bytes())


def test_a_pair_that_does_not_belong_together_leaves_the_one_before(tmp_path: Path) -> None:
    first, second = write_pair(tmp_path, "first"), write_pair(tmp_path, "second")
    tls = Tls(tmp_path / "first.pem", tmp_path / "first.key")
    (tmp_path / "first.key").write_bytes(second[0])
    with pytest.raises(UsageError, match=r"first\.key does not belong to the certificate"):
        tls.reload()
    (tmp_path / "first.key").unlink()
    with pytest.raises(UsageError, match=r"first\.key cannot be read: No such file"):
        tls.reload()
    assert tls.pem == first
