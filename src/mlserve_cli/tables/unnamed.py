"""Files without a name, for what must be read here and there and is too large for memory."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from mlserve_cli.errors import EngineError


@contextmanager
def unnamed_file(name: str) -> Iterator[IO[bytes]]:
    """A file in `TMPDIR` that is gone afterwards; what was mapped of it stays readable.

    Args:
        name: What is put into it, as messages call it.

    Raises:
        EngineError: There is no space for it.
    """
    try:
        with tempfile.NamedTemporaryFile(prefix="mlserve-") as file:
            yield file
    except OSError as error:
        raise EngineError(
            f"{name} could not be unpacked to {tempfile.gettempdir()}: {error.strerror or error}.",
            hint="Name a folder with more space: TMPDIR=FOLDER",
        ) from error
