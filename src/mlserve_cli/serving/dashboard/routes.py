"""The addresses of the dashboard: its page, the files of that, and its data."""

import asyncio
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.errors import ModelNotFoundError
from mlserve_cli.serving.admin import AdminRoute, Asked
from mlserve_cli.serving.dashboard.files import FOLDER, KINDS, PAGE
from mlserve_cli.serving.dashboard.summary import summarize
from mlserve_cli.serving.exchange import Reply

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway

# Only files of this server, and none of what scripts do with strings.
_POLICY = (
    b"default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    b"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    b"require-trusted-types-for 'script'; trusted-types 'none'"
)
_PAGE_HEADERS = (
    (b"content-security-policy", _POLICY),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-cache"),
)
_FRESH = ((b"cache-control", b"no-store"),)


def dashboard_routes(gateway: "Gateway", others: Iterable[AdminRoute]) -> list[AdminRoute]:
    """The addresses of the dashboard.

    Args:
        gateway: Answers predictions.
        others: The other addresses; `/drift` may be among them.
    """
    watches_drift = any(route.path == "/drift" for route in others)

    async def page(_: Asked) -> Reply:
        body = (FOLDER / PAGE).read_bytes()
        if gateway.options.keys.required:
            body = body.replace(b'data-key="none"', b'data-key="needed"')
        return Reply(body, 200, b"text/html; charset=utf-8", _PAGE_HEADERS)

    async def file(asked: Asked) -> Reply:
        kind = KINDS.get(asked.path["file"])
        if kind is None:
            raise ModelNotFoundError("There is nothing at this address.")
        return Reply((FOLDER / asked.path["file"]).read_bytes(), 200, kind, _PAGE_HEADERS)

    async def data(_: Asked) -> Reply:
        gateway.metrics.refresh()
        models = gateway.service.models()

        def body() -> bytes:
            recent = gateway.recent.latest()
            readings = gateway.metrics.readings()
            return msgspec.json.encode(
                summarize(readings, models, recent, watches_drift=watches_drift)
            )

        # The first time a library is imported for it.
        return Reply(await asyncio.to_thread(body), headers=_FRESH)

    return [
        AdminRoute("GET", "/dashboard", page),
        AdminRoute("GET", "/dashboard/data", data),
        AdminRoute("GET", "/dashboard/{file}", file),
    ]
