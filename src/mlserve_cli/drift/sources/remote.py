"""Files that lie elsewhere, copied to this machine while they are compared."""

import atexit
import shutil
import tempfile
from pathlib import Path, PurePosixPath

from mlserve_cli.drift.sources.found import is_table
from mlserve_cli.errors import EngineError, InputError
from mlserve_cli.tables.remote import Remote, connect, find_remote, is_remote_folder
from mlserve_cli.tables.remote_errors import shown_uri


def fetch(uri: str) -> list[Path]:
    """Local copies of the files that a URI names: one file, a folder or a pattern.

    They are removed when the process ends.

    Raises:
        MissingExtraError: The packages for this kind of URI are not installed.
        UsageError: There is no such kind.
        InputError: There is nothing, or it cannot be read.
        EngineError: The disk is full or failed.
    """
    remotes = _found(uri)
    target = Path(tempfile.mkdtemp(prefix="mlserve-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    copies = []
    for number, remote in enumerate(remotes):
        # The number keeps files of one name apart, and all of them in order.
        local = target / f"{number:06}" / PurePosixPath(remote.name).name
        local.parent.mkdir()
        _copy(remote, local)
        copies.append(local)
    return copies


def _found(uri: str) -> list[Remote]:
    if not is_remote_folder(uri):
        return [connect(uri)]
    entries = find_remote(uri)
    name = shown_uri(uri)
    if not entries:
        raise InputError(f"There is nothing at {name}.")
    # Who writes a pattern means what it matches.
    chosen = [entry for entry in entries if "*" in uri or is_table(PurePosixPath(entry.name))]
    if not chosen:
        raise InputError(f"{name} holds no file with a table.")
    return [connect(entry.uri) for entry in chosen]


def _copy(remote: Remote, local: Path) -> None:
    with remote.reaching():
        try:
            remote.filesystem.get_file(remote.path, str(local))
        except OSError as error:
            # What the store raises has no number of the system.
            if error.errno is None or not shutil.disk_usage(local.parent).free < 1 << 20:
                raise
            raise EngineError(
                f"{remote.name} does not fit on the disk: {error.strerror}.",
                hint=f"Make room in {tempfile.gettempdir()}, or name another folder by TMPDIR.",
            ) from error
