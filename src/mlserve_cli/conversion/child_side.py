"""What a child process does: it works, tells its parent what it does, and leaves no traces."""

import contextlib
import os
import pickle
import signal
import sys
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from mlserve_cli.children import die_with
from mlserve_cli.errors import MlserveError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Step:
    """What the child does now."""

    text: str


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning that it gave."""

    message: str


@dataclass(frozen=True, slots=True)
class Done:
    """What its work returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Refused:
    """An error of ours, in parts: constructors take more than what pickle gives them."""

    kind: type[MlserveError]
    state: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Failed:
    """Any other error."""

    error: BaseException


class _Terminated(BaseException):
    """The child was asked to end; unwinds its stack, so that temporary files are removed."""


def live(work: Callable[[Tell], Any], sender: "Connection", parent: int) -> NoReturn:
    """The life of the child, from its start to its end.

    Args:
        work: What it is there for.
        sender: Takes what it has to say.
        parent: Number of the process that it belongs to.
    """
    code = 1
    try:
        os.setpgid(0, 0)
        # Standard output is for the parent's result, not for what models and libraries print.
        with contextlib.suppress(OSError):
            os.dup2(2, 1)
        signal.signal(signal.SIGTERM, _terminate)
        # An interrupt is the parent's to handle.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        die_with(parent)
        _volunteer_when_memory_runs_out()
        warnings.showwarning = lambda message, *_, **__: sender.send(Warned(str(message)))
        sender.send(_outcome(work, lambda step: sender.send(Step(step))))
        code = 0
    except _Terminated:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGTERM)
    finally:
        # The parent's clean-up is none of the child's business; what the child printed is.
        with contextlib.suppress(OSError, ValueError):
            flush()
        os._exit(code)


def flush() -> None:
    """Writes out what was printed so far."""
    for stream in (sys.stdout, sys.stderr):
        # Either may have been closed by whoever started the command.
        if stream is not None:
            stream.flush()


def _outcome(work: Callable[[Tell], Any], tell: Tell) -> "Done | Refused | Failed":
    try:
        return Done(work(tell))
    except _Terminated:
        raise
    except MlserveError as error:
        error.add_note(traceback.format_exc())
        # Pickled by hand, because their constructors take more than the message.
        return Refused(type(error), error.__dict__)
    # Whatever is left is the parent's to explain: the system's errors, exits and bugs.
    except BaseException as error:
        error.add_note(traceback.format_exc())
        return Failed(error if _survives_pickling(error) else _told(error))


def _survives_pickling(error: BaseException) -> bool:
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 -- it is our own
    # An exception of somebody's own can fail here in any way.
    except Exception:
        return False
    return True


def _told(error: BaseException) -> RuntimeError:
    told = RuntimeError(f"{type(error).__name__}: {error}")
    told.__notes__ = error.__notes__
    return told


def _terminate(_: int, __: object) -> NoReturn:
    raise _Terminated


def _volunteer_when_memory_runs_out() -> None:
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")
