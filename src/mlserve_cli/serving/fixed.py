"""Addresses without parts, such as those of health and metrics, answered without a web framework.

Probes and scrapers ask there all day. A server that is asked for nothing else but predictions never
imports the framework, which takes 20 MB and a quarter of a second.
"""

from typing import TYPE_CHECKING

from mlserve_cli.errors import MlserveError
from mlserve_cli.serving.admin import AdminRoute, Asked, admin_routes
from mlserve_cli.serving.dashboard.routes import dashboard_routes
from mlserve_cli.serving.exchange import plain_error
from mlserve_cli.serving.guard import Guard, send_reply

if TYPE_CHECKING:
    from collections.abc import MutableMapping
    from typing import Any

    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.guard import App, Receive, Send


class FixedApp:
    """An ASGI application in front of another one, which it spares what it can answer itself.

    Args:
        gateway: What the addresses tell of.
        otherwise: Answers everything else; the addresses of this one too, to the same bytes.
    """

    def __init__(self, gateway: "Gateway", otherwise: "App") -> None:
        routes = admin_routes(gateway)
        routes += dashboard_routes(gateway, routes)
        self._routes: dict[str, AdminRoute] = {}
        for route in routes:
            if route.method == "GET" and "{" not in route.path:
                # As in the other application, the first one counts.
                self._routes.setdefault(route.path, route)
        self._answer = Guard(_answer, gateway)
        self._otherwise = otherwise

    async def __call__(
        self, scope: "MutableMapping[str, Any]", receive: "Receive", send: "Send"
    ) -> None:
        """Answers one request."""
        route = None
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            names = [name for name, _ in scope["headers"]]
            # Frameworks differ in what they make of a field that comes twice.
            if len(set(names)) == len(names):
                route = self._routes.get(scope["path"])
        if route is None:
            await self._otherwise(scope, receive, send)
            return
        await self._answer({**scope, "route": route}, receive, send)


async def _answer(scope: "MutableMapping[str, Any]", _: "Receive", send: "Send") -> None:
    accept = dict(scope["headers"]).get(b"accept", b"")
    route: AdminRoute = scope["route"]
    try:
        reply = await route.answer(Asked({}, accept=accept.decode("latin-1")))
    except MlserveError as error:
        reply = plain_error(error)
    await send_reply(reply, send)
