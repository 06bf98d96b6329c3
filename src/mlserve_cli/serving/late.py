"""An application that is built while requests are answered already."""

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, MutableMapping

    from mlserve_cli.serving.guard import App, Receive, Send


class LateApp:
    """Waits for an ASGI application that is built in a thread, the first time that it is asked.

    A web framework takes longer to import than everything else that predictions need.

    Args:
        build: Imports what the application needs and gives it.
    """

    def __init__(self, build: "Callable[[], App]") -> None:
        self._build = build
        self._app: App | None = None
        self._building: asyncio.Future[App] | None = None

    def build_now(self) -> None:
        """Builds it at once, so that processes forked later share it."""
        self._app = self._build()

    async def built(self) -> "App":
        """The application."""
        if self._app is None:
            if self._building is None:
                self._building = asyncio.ensure_future(asyncio.to_thread(self._build))
            # One request that is given up must not stop the building.
            self._app = await asyncio.shield(self._building)
        return self._app

    async def __call__(
        self, scope: "MutableMapping[str, Any]", receive: "Receive", send: "Send"
    ) -> None:
        """Answers one request."""
        app = self._app or await self.built()
        await app(scope, receive, send)
