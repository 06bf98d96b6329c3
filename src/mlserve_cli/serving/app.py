"""The FastAPI application: every address of the server, over the same service as the fast path."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mlserve_cli.errors import InputError, MlserveError, ModelNotFoundError
from mlserve_cli.serving.admin import AdminRoute, Asked, admin_routes
from mlserve_cli.serving.bodies import read_body
from mlserve_cli.serving.dashboard.routes import dashboard_routes
from mlserve_cli.serving.documentation import openapi
from mlserve_cli.serving.exchange import MEANINGFUL_HEADERS, Reply, plain_error
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.guard import ARRIVAL, Guard, send_reply
from mlserve_cli.serving.models import service_of
from mlserve_cli.serving.refusals import OverloadedError
from mlserve_cli.serving.routes import find_endpoint

if TYPE_CHECKING:
    from collections.abc import MutableMapping

    from mlserve_cli.serving.arrivals import Arrival
    from mlserve_cli.serving.models import Servable
    from mlserve_cli.serving.service import PredictionService

# Addresses of predictions, as FastAPI writes them.
_PREDICTION_PATHS = (
    *("/predict", "/models/{name}/predict", "/models/{name}/versions/{version}/predict"),
    *("/v2/models/{name}/infer", "/v2/models/{name}/versions/{version}/infer"),
    *("/invocations", "/v1/models/{name}:predict"),
    "/v1/models/{name}/versions/{version}:predict",
)


def create_app(
    models: "PredictionService | Servable | Iterable[Servable] | None" = None,
    options: GatewayOptions | None = None,
) -> FastAPI:
    """An application that serves models under any ASGI server.

    Args:
        models: A service, loaded models, or what `load_model` takes; None for every model of the
            repository in the current folder.
        options: What the server allows.

    Raises:
        MlserveError: A model cannot be loaded.
    """
    return app_of(Gateway(service_of(models), options))


def app_of(gateway: Gateway) -> FastAPI:
    """The application over a gateway, which the fast path may share."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        gateway.prepare()
        refreshing = asyncio.create_task(gateway.metrics.keep_fresh())
        with gateway.in_background():
            yield
        refreshing.cancel()
        gateway.scheduler.close()

    # What FastAPI would show at these addresses, `admin_routes` answers for every framework.
    app = FastAPI(title="mlserve", lifespan=lifespan, openapi_url=None, redirect_slashes=False)
    app.openapi = lambda: openapi(gateway.service)  # type: ignore[method-assign]
    app.state.gateway = gateway

    async def predict(request: Request) -> Response:
        return await _predict(gateway, request)

    for path in filter(None, (gateway.options.paths.predict, *_PREDICTION_PATHS)):
        app.add_api_route(path, predict, methods=["POST"], include_in_schema=False)
    routes = admin_routes(gateway)
    for route in (*routes, *dashboard_routes(gateway, routes)):
        _add_admin_route(app, route, gateway.options.max_body_bytes)
    app.add_exception_handler(MlserveError, _answer_error)
    app.add_exception_handler(HTTPException, _answer_http_error)
    app.add_middleware(Guard, gateway=gateway)
    return app


def _add_admin_route(app: FastAPI, route: AdminRoute, max_body_bytes: int) -> None:
    async def answer(request: Request) -> Response:
        body = await read_body(request, max_body_bytes) if route.method == "POST" else b""
        accept = request.headers.get("accept", "")
        return ReplyResponse(await route.answer(Asked(request.path_params, body, accept)))

    methods = ["GET", "HEAD"] if route.method == "GET" else [route.method]
    app.add_api_route(route.path, answer, methods=methods, include_in_schema=False)


class ReplyResponse(Response):
    """A reply as Starlette sends it."""

    def __init__(self, reply: Reply) -> None:
        super().__init__()
        self.reply = reply

    async def __call__(self, _scope: "MutableMapping[str, Any]", _receive: Any, send: Any) -> None:
        """Sends it."""
        await send_reply(self.reply, send)


async def _predict(gateway: Gateway, request: Request) -> Response:
    endpoint = find_endpoint(request.scope["path"], gateway.options.paths)
    if endpoint is None:
        raise HTTPException(404)
    headers = {name: value for name, value in request.headers.raw if name in MEANINGFUL_HEADERS}
    arrival: Arrival = request.scope[ARRIVAL]
    arrival.is_counted = True
    try:
        body = await read_body(request, gateway.options.max_body_bytes)
    except MlserveError as error:
        reply = gateway.finish(endpoint, None, error, gateway.clock(), arrival)
        if isinstance(error, OverloadedError):
            # What is left of the body is thrown away as it comes.
            return ReplyResponse(reply)
        # What is left of the body is not read.
        closing = (*reply.headers, (b"connection", b"close"))
        return ReplyResponse(Reply(reply.body, reply.status, reply.content_type, closing))
    return ReplyResponse(await gateway.answer(endpoint, body, headers, arrival))


async def _answer_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, MlserveError)
    return ReplyResponse(plain_error(error))


async def _answer_http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return ReplyResponse(plain_error(ModelNotFoundError("There is nothing at this address.")))
    reply = plain_error(InputError(f"{request.method} is not answered at this address."))
    allowed: Mapping[str, str] = error.headers or {}
    headers = tuple(
        # Methods come in any order.
        (name.lower().encode(), ", ".join(sorted(value.split(", "))).encode())
        for name, value in allowed.items()
    )
    return ReplyResponse(Reply(reply.body, error.status_code, headers=headers))
