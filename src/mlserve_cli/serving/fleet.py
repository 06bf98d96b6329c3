"""What the workers of one server tell each other: which versions they serve from now on.

One worker is asked to load or to unload a model. It does so, writes it in a journal that all of
them inherited, and wakes the others, which do the same; so does a worker that starts later.
"""

import contextlib
import mmap
import os
import struct
import tempfile
from typing import NamedTuple

import msgspec

from mlserve_cli.serving.sheet import SharedSheet

_NUMBER = struct.Struct("<Q")


class Post(msgspec.Struct, frozen=True):
    """What becomes of a model.

    Attributes:
        name: Its name.
        version: Served from now on; None where the model is not served any more.
    """

    name: str
    version: int | None


_POST = msgspec.json.Decoder(Post)


class AlertMemory(NamedTuple):
    """What the worker that alerts leaves for whoever replaces it.

    Attributes:
        known: What was measured, and which alerts are up.
        undelivered: The notices by receiver that were not told yet.
    """

    known: SharedSheet
    undelivered: SharedSheet


class Fleet:
    """The journal, a bell for each worker, and how far each of them has read.

    Made before the workers are forked. A worker takes one of the places, from 0 on; whoever
    replaces it takes the same place.

    Args:
        workers: How many places there are.
    """

    def __init__(self, workers: int) -> None:
        self.place: int | None = None
        # Lines are appended in one write each, so that no lock is needed, and none stays locked by
        # a worker that dies.
        with tempfile.TemporaryFile("ab+") as journal:
            self._journal = os.dup(journal.fileno())
        self._bells = [_pipe() for _ in range(workers)]
        self._life = _pipe()
        # Per place one more than the bytes of the journal that were read; 0 before it is taken.
        self._read = mmap.mmap(-1, _NUMBER.size * workers)
        self._announced = mmap.mmap(-1, 1)
        self.alerts = AlertMemory(SharedSheet(), SharedSheet())

    def join(self, place: int) -> None:
        """Takes a place; called in the worker's own process."""
        self.place = place
        # Whoever had the place before has read what this process has not.
        self.follow(-1)
        # Only the supervisor holds the other end: it is closed when the supervisor is gone.
        os.close(self._life[1])

    @property
    def bell(self) -> int:
        """Readable when something was posted; see `unread`."""
        assert self.place is not None
        return self._bells[self.place][0]

    def silence(self) -> None:
        """Stops the bell."""
        with contextlib.suppress(BlockingIOError):
            while os.read(self.bell, 4096):
                pass

    @property
    def life(self) -> int:
        """Readable when the supervisor is gone."""
        return self._life[0]

    def post(self, name: str, version: int | None) -> int:
        """Tells all workers; gives the mark that they have reached once they follow."""
        os.write(self._journal, msgspec.json.encode(Post(name, version)) + b"\n")
        for _, ringing in self._bells:
            # It rings already where no more goes in.
            with contextlib.suppress(BlockingIOError):
                os.write(ringing, b".")
        return os.fstat(self._journal).st_size

    def unread(self) -> tuple[list[Post], int]:
        """What was posted last about each model since `follow`, and the mark to follow up to."""
        start = max(self._reached(self.place) - 1, 0)
        end = os.fstat(self._journal).st_size
        lines = os.pread(self._journal, end - start, start).splitlines()
        latest = {post.name: post for post in map(_POST.decode, lines)}
        return list(latest.values()), end

    def follow(self, mark: int) -> None:
        """Says that this worker has done what was posted up to a mark."""
        assert self.place is not None
        _NUMBER.pack_into(self._read, _NUMBER.size * self.place, mark + 1)

    def all_follow(self, mark: int = 0) -> bool:
        """Whether every place is taken by a worker that has done what was posted up to a mark."""
        return all(self._reached(place) > mark for place in range(len(self._bells)))

    def announce_once(self) -> bool:
        """Whether nobody was told yet that the server is ready; true only the first time."""
        first = self._announced[0] == 0
        self._announced[0] = 1
        return first

    def _reached(self, place: int | None) -> int:
        assert place is not None
        found: int = _NUMBER.unpack_from(self._read, _NUMBER.size * place)[0]
        return found


def _pipe() -> tuple[int, int]:
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    os.set_blocking(writing, False)
    return reading, writing
