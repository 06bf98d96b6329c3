"""Where the tasks of a run put what they have not finished."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from mlserve_cli.errors import UsageError

_PREFIX = ".mlserve-run-"


@contextmanager
def attempts_folder(parent: Path, run: str) -> Iterator[Path]:
    """A hidden folder that is gone after the run.

    A task that is still under way then, on a worker that nobody can reach, finds no place for its
    result, and so cannot replace what a later run has written.

    Args:
        parent: Where the results go; a result gets its name in one step from here.
        run: Names the run.

    Raises:
        UsageError: Another run is writing there.
    """
    with _locked(parent):
        for left in parent.glob(f"{_PREFIX}*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = parent / f"{_PREFIX}{run}"
        folder.mkdir()
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise UsageError(
            f"{folder} is being written by another run.",
            hint="Wait until it has finished, or name another folder.",
        ) from None
    # Some network file systems have no locks.
    except OSError:
        pass
    try:
        yield
    finally:
        os.close(descriptor)
