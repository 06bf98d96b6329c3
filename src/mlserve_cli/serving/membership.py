"""A worker's part in its fleet, on its event loop."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlserve_cli.serving.fleet import Fleet
    from mlserve_cli.serving.gateway import Gateway

_LOGGER = logging.getLogger("mlserve")
_LOOK_SECONDS = 0.01


class Membership:
    """Follows what other workers were asked for, and notices when the supervisor is gone.

    Args:
        gateway: Serves the models.
        fleet: Joined already.
        on_orphaned: Called when the supervisor is gone.
    """

    def __init__(self, gateway: "Gateway", fleet: "Fleet", on_orphaned: Callable[[], None]) -> None:
        self._gateway = gateway
        self._fleet = fleet
        self._on_orphaned = on_orphaned
        self._rung = asyncio.Event()

    async def start(self) -> None:
        """Serves from here on what the others serve."""
        loop = asyncio.get_running_loop()
        loop.add_reader(self._fleet.bell, self._hear)
        loop.add_reader(self._fleet.life, self._be_orphaned)
        await self._gateway.catch_up()

    async def keep_up(self) -> None:
        """Does what is posted, until it is cancelled."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            await self._gateway.catch_up()

    async def announce(self, on_ready: Callable[[], None]) -> None:
        """Calls `on_ready` when all workers answer, if nobody has done so before."""
        while not self._fleet.all_follow():
            await asyncio.sleep(_LOOK_SECONDS)
        if self._fleet.announce_once():
            on_ready()

    def _hear(self) -> None:
        self._fleet.silence()
        self._rung.set()

    def _be_orphaned(self) -> None:
        asyncio.get_running_loop().remove_reader(self._fleet.life)
        _LOGGER.warning("the supervisor is gone; this worker stops")
        self._on_orphaned()
