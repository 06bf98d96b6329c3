"""Processes that were forked off this one."""

import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Has the system kill this process when its parent dies, however that happens. Linux only.

    Args:
        parent: Number of the process that forked this one; if it is gone already, this one ends.
    """
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)
