"""Work in a child process, which may hang, crash or eat memory without harm to its parent.

The child is forked before anything heavy is imported: a copy of a process whose thread pools
(OpenMP, BLAS, Arrow, ONNX Runtime) have run can hang in its first parallel loop, and a fresh
interpreter would neither see a model that lives in memory nor start as fast. So this is for
commands, which fork first and then load, convert and compare in the child. Where such pools may
have run already, the work is done in the process itself, and library calls never leave it.
"""

import contextlib
import os
import signal
import sys
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from typing import TYPE_CHECKING, Generic, Protocol, TypeVar

from mlserve_cli.conversion.child_side import Done, Failed, Refused, Step, Warned, flush, live
from mlserve_cli.conversion.memory import available_bytes, resident_bytes
from mlserve_cli.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mlserve_cli.conversion.child_side import Tell

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

SECONDS = 600.0

# Of the memory that is available at the start. The rest is left for everybody else.
_MEMORY_SHARE = 0.8
_POLL_SECONDS = 0.05
# What a child may take to clean up once it was asked to end.
_GRACE_SECONDS = 1.0
# Whoever has imported one of these may have threads that a copy of the process lacks.
_THREADED = {"numpy", "onnxruntime", "pyarrow"}


@dataclass(frozen=True, slots=True)
class Limits:
    """What a child may take.

    Attributes:
        seconds: Time on the clock.
        memory_bytes: Resident memory; None for four fifths of what is available at the start. Held
            on Linux only.
    """

    seconds: float = SECONDS
    memory_bytes: int | None = None


@contextmanager
def in_child(
    work: "Callable[[Tell], T]", doing: str, limits: Limits | None = None
) -> "Iterator[Running[T]]":
    """Starts work in a child process, and ends the child in any case when the block is left.

    A process that has imported libraries with threads of their own does the work itself.

    Args:
        work: Called in the child with a function that takes the step under way. What it returns
            must survive pickling.
        doing: What the work is, as the subject of a sentence: `The conversion`.
        limits: What the child may take.

    Raises:
        EngineError: From `result`: the child crashed, or took more than it may.
    """
    if not _THREADED.isdisjoint(sys.modules):
        yield _Here(work)
        return
    receiver, sender = Pipe(duplex=False)
    limits = limits or Limits()
    available = available_bytes()
    # What is still in these buffers would be written twice.
    flush()
    parent = os.getpid()
    process = os.fork()
    if not process:
        receiver.close()
        live(work, sender, parent)
    sender.close()
    with contextlib.suppress(OSError):
        # Here as in the child: whoever comes first, the group exists before it is signalled.
        os.setpgid(process, process)
    memory = limits.memory_bytes
    if memory is None and available is not None:
        memory = int(available * _MEMORY_SHARE)
    child: Child[T] = Child(process, receiver, doing, limits.seconds, memory)
    try:
        yield child
    finally:
        child.end()


class Running(Protocol[T_co]):
    """Work that has been started, or that starts when its result is asked for."""

    def result(self, on_step: "Tell") -> T_co:
        """What the work returns, or raises.

        Args:
            on_step: Told each step as it starts.
        """


class _Here(Generic[T]):
    """Work in this very process."""

    def __init__(self, work: "Callable[[Tell], T]") -> None:
        self._work = work

    def result(self, on_step: "Tell") -> T:
        return self._work(on_step)


class Child(Generic[T]):
    """A child process at work; made by `in_child`."""

    def __init__(
        self,
        process: int,
        receiver: Connection,
        doing: str,
        seconds: float,
        memory_bytes: int | None,
    ) -> None:
        self._process = process
        self._receiver = receiver
        self._doing = doing
        self._seconds = seconds
        self._deadline = time.monotonic() + seconds
        self._memory_bytes = memory_bytes
        self._step = "starting"
        self._status: int | None = None

    def result(self, on_step: "Tell") -> T:
        """What the work returns, or raises.

        Args:
            on_step: Told each step as it starts.

        Raises:
            EngineError: The child crashed, or took more time or memory than it may.
        """
        while True:
            # Asked before the pipe is, where the last words of a dead child still are.
            dead = self._has_ended()
            if self._receiver.poll(0 if dead else _POLL_SECONDS):
                try:
                    message = self._receiver.recv()
                except EOFError:
                    dead = self._wait(self._deadline)
                else:
                    if isinstance(message, Done):
                        value: T = message.value
                        return value
                    self._take(message, on_step)
                    dead = False
            if dead:
                raise self._crashed()
            self._check_limits()

    def end(self) -> None:
        """Ends the child and everything that it started."""
        self._signal(signal.SIGTERM)
        self._wait(time.monotonic() + _GRACE_SECONDS)
        self._signal(signal.SIGKILL)
        self._wait(None)
        self._receiver.close()

    def _take(self, message: object, on_step: "Tell") -> None:
        match message:
            case Step(text):
                self._step = text
                on_step(text)
            case Warned(text):
                warnings.warn(text, UserWarning, stacklevel=3)
            case Refused(kind, state):
                error = kind.__new__(kind, state["message"])
                error.__dict__.update(state)
                raise error
            case Failed(raised):
                raise raised

    def _check_limits(self) -> None:
        if time.monotonic() > self._deadline:
            raise EngineError(
                f"{self._doing} was ended after {self._seconds:g} seconds, while {self._step}.",
                hint="Give it more time: mlserve convert-onnx MODEL --timeout SECONDS",
            )
        held = resident_bytes(self._process)
        if self._memory_bytes is not None and held is not None and held > self._memory_bytes:
            self._signal(signal.SIGKILL)
            raise EngineError(
                f"{self._doing} was ended while {self._step}: it took {held / 1e9:.1f} GB of "
                f"memory, and may take {self._memory_bytes / 1e9:.1f} GB.",
                hint="Use a machine with more memory, or fewer rows: --data FILE",
            )

    def _crashed(self) -> EngineError:
        code = os.waitstatus_to_exitcode(self._status or 0)
        how = f"ended with exit code {code}"
        if code < 0:
            how = f"was killed by {signal.Signals(-code).name}"
        if -code == signal.SIGKILL:
            how += ", as the system does where memory runs out"
        return EngineError(
            f"{self._doing} {how}, while {self._step}.",
            hint="Serve the estimator itself: --engine sklearn",
        )

    def _has_ended(self) -> bool:
        if self._status is None:
            found, status = os.waitpid(self._process, os.WNOHANG)
            self._status = status if found else None
        return self._status is not None

    def _wait(self, deadline: float | None) -> bool:
        while not self._has_ended() and (deadline is None or time.monotonic() < deadline):
            time.sleep(_POLL_SECONDS / 10)
        return self._status is not None

    def _signal(self, number: signal.Signals) -> None:
        # The child leads a group, with the workers that its libraries started.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process, number)
