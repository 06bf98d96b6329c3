"""Numeric libraries kept to one thread each, since blocks are scored side by side."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits


@contextmanager
def single_threaded() -> Iterator[None]:
    """Keeps BLAS to one thread in the whole process."""
    with threadpool_limits(1, user_api="blas"):
        yield


def one_thread_per_worker() -> None:
    """Keeps OpenMP to one thread in the calling thread, for as long as that thread lives."""
    threadpool_limits(1, user_api="openmp")
