"""Closes connections that hold resources without using them: idle, slow to ask, slow to read."""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlserve_cli.serving.connection import Connection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_INTERVAL_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Patience:
    """How long clients may take.

    Attributes:
        idle_seconds: Between requests.
        request_seconds: From the first byte of a request to its last.
        crowded_seconds: Between requests, where more than `crowd` connections are open.
        crowd: When the server is about to run out of file descriptors.
    """

    idle_seconds: float = 75.0
    request_seconds: float = 60.0
    crowded_seconds: float = 5.0
    crowd: int = 1 << 30


class ConnectionWatch:
    """Looks at every connection once a second; requests themselves start no timers.

    Args:
        connections: Gives the open connections.
        patience: How long clients may take.
    """

    def __init__(
        self, connections: "Callable[[], Iterable[object]]", patience: Patience | None = None
    ) -> None:
        self._connections = connections
        self._patience = patience or Patience()
        # Events of a connection when something last happened there, and when that was.
        self._seen: dict[Connection, tuple[int, float]] = {}

    async def run(self) -> None:
        """Watches until it is cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(_INTERVAL_SECONDS)
            self.look(loop.time())

    def look(self, now: float) -> None:
        """Closes what has been still for too long."""
        seen: dict[Connection, tuple[int, float]] = {}
        connections = list(self._connections())
        patience = self._patience
        crowded = len(connections) > patience.crowd
        idle_seconds = patience.crowded_seconds if crowded else patience.idle_seconds
        for connection in connections:
            if not isinstance(connection, Connection):
                continue
            events, since = self._seen.get(connection, (-1, now))
            if events != connection.events or connection.is_answering:
                events, since = connection.events, now
            seen[connection] = (events, since)
            limit = patience.request_seconds if connection.is_reading else idle_seconds
            if now - since >= limit:
                connection.drop()
        self._seen = seen
