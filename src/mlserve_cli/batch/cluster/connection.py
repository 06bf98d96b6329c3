"""A cluster to work on: one that runs already, or one of this machine's own processes."""

import logging
import os
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from mlserve_cli.errors import EngineError, MissingExtraError, UsageError

_CONNECT_SECONDS = 15
# Those that Dask gives a level of their own.
_LOGGERS = ("distributed", "distributed.client")


@contextmanager
def connected(address: str | None) -> Iterator[Any]:
    """A client of the cluster at an address, or of a local one that lives as long as the client.

    Args:
        address: Of a scheduler, such as `tcp://10.0.0.5:8786`; None starts a process per core.

    Raises:
        MissingExtraError: Dask is not installed.
        UsageError: That is no address.
        EngineError: There is no scheduler, or no local one can be started.
    """
    try:
        import distributed
    except ImportError as error:
        raise MissingExtraError("Scoring on a cluster", "dask") from error
    # Half of its functions have no types.
    dask: Any = distributed
    with ExitStack() as stack:
        stack.enter_context(_quiet())
        try:
            if address is None:
                with _deaf_children():
                    cluster = stack.enter_context(_local(distributed))
                client = stack.enter_context(dask.Client(cluster, set_as_default=False))
            else:
                _check_reachable(address, distributed)
                client = stack.enter_context(
                    dask.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
                )
        except ValueError as error:
            raise UsageError(
                f"{address} is no address of a Dask scheduler: {error}.",
                hint="An address looks like tcp://10.0.0.5:8786",
            ) from error
        except (TimeoutError, OSError, RuntimeError) as error:
            place = "on this machine" if address is None else f"at {address}"
            raise EngineError(f"No Dask scheduler answers {place}: {error}") from error
        yield client


def _local(dask: Any) -> Any:
    return dask.LocalCluster(
        n_workers=len(os.sched_getaffinity(0)),
        threads_per_worker=1,
        processes=True,
        dashboard_address=None,
        # Without a dashboard the scheduler still answers HTTP, and warns where 8787 is taken.
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
        # Blocks bound the memory already.
        memory_limit=0,
        # What goes wrong is told by the job.
        silence_logs=logging.CRITICAL,
    )


def _check_reachable(address: str, dask: Any) -> None:
    """Fails at once where nobody listens; Dask's client takes a minute, and logs a traceback."""
    host, port = dask.comm.get_address_host_port(address)
    socket.create_connection((host, port), _CONNECT_SECONDS).close()


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Lets processes that are started now ignore Ctrl-C: it is for the one that started them."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps Dask from logging what the job tells."""
    loggers = [logging.getLogger(name) for name in _LOGGERS]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
