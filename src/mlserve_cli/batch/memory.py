"""Memory that goes back to the system as soon as it is free."""

import ctypes
from collections.abc import Iterator
from contextlib import contextmanager, suppress

import pyarrow as pa


@contextmanager
def frugal_memory() -> Iterator[None]:
    """Lets Arrow keep no freed memory for later, in the whole process.

    Its usual allocator does: scoring a Parquet file then took half as much again, at no gain. What
    the C library keeps is given back, such as 20 MB after a forest of 6 MB was loaded.
    """
    # Only glibc can be asked to.
    with suppress(AttributeError, OSError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)
    before = pa.default_memory_pool()
    pa.set_memory_pool(_pool())
    try:
        yield
    finally:
        pa.set_memory_pool(before)


def _pool() -> pa.MemoryPool:
    try:
        pool = pa.jemalloc_memory_pool()
        pa.jemalloc_set_decay_ms(100)
    # Not all builds of pyarrow have it.
    except NotImplementedError:
        return pa.system_memory_pool()
    return pool
