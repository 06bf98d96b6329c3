"""Files that lie elsewhere, copied to this machine while they are compared."""

import atexit
import shutil
import tempfile
from pathlib import Path

from mlserve_cli.errors import InputError, MissingExtraError


def fetch(uri: str) -> list[Path]:
    """Local copies of the files that a URI names: one file, a folder or a pattern.

    They are removed when the process ends.

    Raises:
        MissingExtraError: The packages for this kind of URI are not installed.
        InputError: There is nothing, or it cannot be read.
    """
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError(f"Reading {uri}", "remote") from error
    target = Path(tempfile.mkdtemp(prefix="mlserve-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    try:
        filesystem, path = fsspec.core.url_to_fs(uri)
        found = filesystem.glob(path) if any(mark in path for mark in "*?[") else [path]
        files: list[str] = []
        for entry in found:
            files += filesystem.find(entry) if filesystem.isdir(entry) else [entry]
        copies = []
        for number, file in enumerate(sorted(files)):
            # The number keeps files of one name apart, and all of them in order.
            local = target / f"{number:06}" / Path(file).name
            local.parent.mkdir()
            filesystem.get_file(file, str(local))
            copies.append(local)
    except ImportError as error:
        raise MissingExtraError(f"Reading {uri}", "s3") from error
    # Every store has errors of its own.
    except Exception as error:
        raise InputError(f"{uri} cannot be read: {type(error).__name__}: {error}.") from error
    if not copies:
        raise InputError(f"There is nothing at {uri}.")
    return copies
