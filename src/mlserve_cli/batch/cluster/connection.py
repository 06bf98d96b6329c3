"""A cluster to work on: one that runs already, or one of this machine's own processes."""

import asyncio
import logging
import signal
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from multiprocessing import resource_tracker
from typing import Any

from mlserve_cli.batch.threads import usable_processors
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
                _check_scheduler(address)
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
            reason = str(error) or f"it was silent for {_CONNECT_SECONDS} seconds"
            raise EngineError(f"No Dask scheduler answers {place}: {reason}") from error
        yield client


def _local(dask: Any) -> Any:
    return dask.LocalCluster(
        n_workers=usable_processors(),
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


def _check_scheduler(address: str) -> None:
    """Fails soon where no scheduler answers; Dask's client waits without end for its first word."""

    async def ask() -> Any:
        return await asyncio.wait_for(_identity(address), _CONNECT_SECONDS)

    # The caller may run in an event loop, as in a notebook.
    with ThreadPoolExecutor(1) as thread:
        found = thread.submit(asyncio.run, ask()).result()
    kind = found.get("type") if isinstance(found, dict) else None
    if kind != "Scheduler":
        raise ValueError(f"a {kind} answers there")


async def _identity(address: str) -> Any:
    import distributed.comm

    # Half of its functions have no types.
    dask: Any = distributed
    host, port = dask.comm.get_address_host_port(address)
    # Dask would try again where nobody listens.
    socket.create_connection((host, port), _CONNECT_SECONDS).close()
    try:
        arguments = dask.Security().get_connection_args("client")
        comm = await dask.comm.connect(address, timeout=_CONNECT_SECONDS, **arguments)
    # Certificates are missing in Dask's configuration, or are no files.
    except TypeError as error:
        raise UsageError(
            f"{address} needs certificates, and Dask's configuration names none.",
            hint="Set distributed.comm.tls.ca-file, and client.cert and client.key below it; see "
            "https://distributed.dask.org/en/stable/tls.html",
        ) from error
    try:
        await comm.write({"op": "identity", "reply": True})
        return await comm.read()
    finally:
        comm.abort()


@contextmanager
def _deaf_children() -> Iterator[None]:
    """Lets processes that are started now, or in their place, not hear Ctrl-C.

    It is for the one that started them, who hears it as soon as they run.
    """
    # It would let the thread that starts it, and so the children, hear Ctrl-C again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


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
