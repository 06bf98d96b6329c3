"""Blocks of text scored in a copy of this process.

Whatever reads text holds Python's lock most of the time, so that threads alone keep little more
than one core busy. A copy made by `fork` has a lock of its own, shares the model's memory and is
there within milliseconds. It is given the bytes of blocks and gives back those of pieces, both in
memory that the two share. Whatever it cannot do (a row at fault, a block of unusual size, a
warning, its own death) is done once more here, where it is told as ever.
"""

import gc
import os
import select
import signal
import struct
import warnings
from collections.abc import Callable
from contextlib import ExitStack, suppress
from io import FileIO
from mmap import mmap
from typing import NoReturn, Self

import msgspec

from mlserve_cli.batch.scoring import Piece
from mlserve_cli.batch.skipping import Rejected
from mlserve_cli.children import die_with

# Places of a fork for blocks: while one is scored, the next is there already.
PLACES = 2
# How much larger than a block is what becomes of it, at the most.
_GROWTH = 4
# Between two looks at whether a fork that says nothing was stopped (SIGSTOP).
_PATIENCE_MS = 1_000
# Which place, and the size of the block.
_REQUEST = struct.Struct("=BQ")
# Whether it was scored; rows, lines, and the sizes of what is to be written and of what was
# rejected, which stand behind one another.
_REPLY = struct.Struct("=?QQQQ")
_REJECTED = msgspec.msgpack.Decoder(tuple[Rejected, ...])


class Fork:
    """A copy of this process that scores blocks of text, for as long as the `with` block lasts.

    For Linux, and for processes of which no other thread does what the scoring needs: a copy has
    only the thread that made it, and every lock as it was held at that moment.

    Args:
        score: Scores the bytes of a block.
        block_bytes: The usual size of a block.

    Raises:
        OSError: The system has no room for another process.
    """

    def __init__(self, score: Callable[[bytes], Piece], block_bytes: int) -> None:
        self._score = score
        with ExitStack() as stack:
            self._areas = [
                stack.enter_context(mmap(-1, block_bytes * _GROWTH)) for _ in range(PLACES)
            ]
            self._orders, self._requests = _pipe(stack)
            pipes = [_pipe(stack) for _ in range(PLACES)]
            self._replies = [read for read, _ in pipes]
            self._answers = [write for _, write in pipes]
            self._process = self._forked()
            self._open = stack.pop_all()
        # These ends are the fork's.
        for end in (self._orders, *self._answers):
            end.close()

    def score(self, place: int, data: bytes) -> Piece | None:
        """What a block becomes, to be called by one thread for each place.

        Args:
            place: From 0 to before `PLACES`.
            data: The bytes of the block.

        Returns:
            The piece, whose end is not known; None where the block is to be scored here.
        """
        area = self._areas[place]
        if len(data) > len(area):
            return None
        area[: len(data)] = data
        try:
            self._requests.write(_REQUEST.pack(place, len(data)))
            self._wait_for(self._replies[place])
            reply = self._replies[place].read(_REPLY.size)
        except BrokenPipeError:
            reply = b""
        # It may have died.
        if not reply:
            return None
        is_scored, rows, lines, written, rejected = _REPLY.unpack(reply)
        if not is_scored:
            return None
        others = _REJECTED.decode(area[written : written + rejected])
        return Piece(rows, lines, [area[:written]], 0, others)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        # Where somebody ignores the ends of children, the system has cleaned up.
        with self._open, suppress(ChildProcessError):
            os.waitpid(self._process, 0)

    def kill(self) -> None:
        """Ends it; it has nothing to finish. What waits for it goes on."""
        with suppress(ProcessLookupError):
            os.kill(self._process, signal.SIGKILL)

    def _wait_for(self, reply: FileIO) -> None:
        """Waits for an answer or the end of the fork, which is made to end if somebody stops it."""
        poll = select.poll()
        poll.register(reply, select.POLLIN)
        while not poll.poll(_PATIENCE_MS):
            with suppress(ChildProcessError):
                if os.waitid(os.P_PID, self._process, os.WSTOPPED | os.WNOHANG | os.WNOWAIT):
                    self.kill()

    def _forked(self) -> int:
        parent = os.getpid()
        # What exists now is looked at by no garbage collection, which would copy its memory.
        gc.freeze()
        try:
            with warnings.catch_warnings():
                # Newer Pythons warn where there are threads, such as that of a progress bar.
                warnings.simplefilter("ignore", DeprecationWarning)
                process = os.fork()
        finally:
            if os.getpid() == parent:
                gc.unfreeze()
        if process == 0:
            self._be_fork(parent)
        return process

    def _be_fork(self, parent: int) -> NoReturn:
        try:
            _follow(parent)
            self._requests.close()
            while request := self._orders.read(_REQUEST.size):
                place, size = _REQUEST.unpack(request)
                self._answers[place].write(self._reply(self._areas[place], size))
        # Nothing of the parent's stack may run here, and the parent needs no words.
        finally:
            os._exit(0)

    def _reply(self, area: mmap, size: int) -> bytes:
        try:
            piece = self._score(area[:size])
            end = 0
            for payload in piece.payloads:
                assert isinstance(payload, bytes | memoryview)
                area[end : end + len(payload)] = payload
                end += len(payload)
            rejected = msgspec.msgpack.encode(piece.rejected)
            area[end : end + len(rejected)] = rejected
        # The parent scores the block as well, and tells what is wrong with it.
        except Exception:
            return _REPLY.pack(False, 0, 0, 0, 0)
        return _REPLY.pack(True, piece.rows, piece.lines, end, len(rejected))


def _pipe(stack: ExitStack) -> tuple[FileIO, FileIO]:
    """Both ends of a pipe, closed with the stack."""
    read, write = os.pipe()
    return stack.enter_context(FileIO(read, "rb")), stack.enter_context(FileIO(write, "wb"))


def _follow(parent: int) -> None:
    """Leaves everything but the work to the parent, and ends when it does."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    die_with(parent)
    # What shows warnings may be locked by a thread that is not here.
    warnings.showwarning = _raised  # type: ignore[assignment]


def _raised(message: Warning | str, *_: object) -> NoReturn:
    raise message if isinstance(message, Warning) else UserWarning(message)
