"""Signals that ask a long job to stop after what it is doing now."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from mlserve_cli.errors import InterruptedJobError

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stopping() -> Iterator[Callable[[], None]]:
    """Gives a function that raises InterruptedJobError once a signal has come.

    A second signal does what the first would have done without this: nobody has to wait for a job
    that hangs.
    """
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    came: list[int] = []

    def note(number: int, _: FrameType | None) -> None:
        came.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    for number, handler in before.items():
        # nohup has it ignored, and so it stays.
        if handler is not signal.SIG_IGN:
            signal.signal(number, note)

    def stop_if_asked() -> None:
        if came:
            error = InterruptedJobError(
                "Stopped; what is finished is kept.",
                hint="Go on with the same command and --resume.",
            )
            error.exit_code = 128 + came[0]  # type: ignore[misc]
            raise error

    try:
        yield stop_if_asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
