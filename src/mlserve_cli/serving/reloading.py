"""New versions of models, taken over while requests go on."""

import asyncio
import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from mlserve_cli.errors import MlserveError

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway

_LOGGER = logging.getLogger("mlserve")


class Reloader:
    """Looks for new versions in the repository and swaps them in.

    A new version is loaded and warmed up beside the old one, which answers until then. One that
    cannot be loaded is refused, and the old one stays; it is tried again when its files change.

    Args:
        gateway: Serves the models.
        interval_seconds: Between two looks.
        names: Models to follow; None for every model of the repository.
    """

    def __init__(
        self, gateway: "Gateway", interval_seconds: float, names: Collection[str] | None = None
    ) -> None:
        self._gateway = gateway
        self._interval_seconds = interval_seconds
        self._names = names
        # Names and versions, and when their files had changed last.
        self._refused: dict[tuple[str, int], float] = {}

    async def run(self) -> None:
        """Looks again and again until it is cancelled."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                await self.look()
            # A repository that cannot be read for a moment must not end the looking.
            except OSError as error:
                _LOGGER.warning("the model repository cannot be read: %s", error.strerror)

    async def look(self) -> None:
        """Takes over what is new since the last look."""
        for name, version, changed in await asyncio.to_thread(self._new_versions):
            try:
                model = await self._gateway.load(name)
            except MlserveError as error:
                self._refused[name, version] = changed
                _LOGGER.warning("%s/%d is refused: %s", name, version, error.message)
            # A broken file may make a library fail in any way; the looking must go on.
            except Exception:
                self._refused[name, version] = changed
                _LOGGER.exception("%s/%d is refused", name, version)
            else:
                engine = model.predictor.engine
                _LOGGER.info("%s/%d is served from now on, engine %s", name, version, engine)

    def _new_versions(self) -> list[tuple[str, int, float]]:
        source = self._gateway.service.source
        if source is None:
            return []
        served = {model.name: model.version for model in self._gateway.service.models()}
        found = []
        for name in source.names() if self._names is None else self._names:
            newest = source.newest(name)
            if newest is None or newest <= served.get(name, 0):
                continue
            changed = source.changed(name, newest)
            if self._refused.get((name, newest)) != changed:
                found.append((name, newest, changed))
        return found
