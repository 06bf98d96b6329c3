"""The Flask adapter: every address of the server as a WSGI application.

Each request waits in its thread while an event loop scores it, so that queues, deadlines and the
merging of requests are those of the other adapters, and so are the answers.
"""

import logging
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import (
    EngineError,
    InputError,
    MissingExtraError,
    MlserveError,
    ModelNotFoundError,
)
from mlserve_cli.serving.admin import AdminRoute, Asked, admin_routes
from mlserve_cli.serving.arrivals import NAMING_HEADERS, Arrival
from mlserve_cli.serving.background import BackgroundLoop
from mlserve_cli.serving.dashboard.routes import dashboard_routes
from mlserve_cli.serving.exchange import MEANINGFUL_HEADERS, Reply, plain_error, too_large
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.guard import ARRIVAL
from mlserve_cli.serving.models import service_of
from mlserve_cli.serving.routes import find_endpoint
from mlserve_cli.serving.security import KEY_HEADERS

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable

    from flask import Flask, Response

    from mlserve_cli.serving.models import Servable
    from mlserve_cli.serving.service import PredictionService

    # Runs a coroutine on the event loop that scores, and waits for what it returns.
    Run = Callable[[Coroutine[Any, Any, Reply]], Reply]

_LOGGER = logging.getLogger("mlserve")
_PREDICTION_RULES = (
    *("/predict", "/invocations", "/models/<name>/predict", "/v2/models/<name>/infer"),
    *("/models/<name>/versions/<version>/predict", "/v2/models/<name>/versions/<version>/infer"),
    *("/v1/models/<name>:predict", "/v1/models/<name>/versions/<version>:predict"),
)


def create_wsgi_app(
    models: "PredictionService | Servable | Iterable[Servable] | None" = None,
    options: GatewayOptions | None = None,
) -> "Flask":
    """A Flask application that serves models under any WSGI server.

    Args:
        models: A service, loaded models, or what `load_model` takes; None for every model of the
            repository in the current folder.
        options: What the server allows.

    Raises:
        MissingExtraError: Flask is not installed.
        MlserveError: A model cannot be loaded.
    """
    gateway = Gateway(service_of(models), options)
    gateway.prepare()
    return wsgi_app_of(gateway, BackgroundLoop().run)


def wsgi_app_of(gateway: Gateway, run: "Run") -> "Flask":
    """The application over a gateway.

    Args:
        gateway: Answers requests.
        run: Runs a coroutine on the event loop that scores, and waits for what it returns.

    Raises:
        MissingExtraError: Flask is not installed.
    """
    try:
        from flask import Flask
    except ImportError as error:
        raise MissingExtraError("Serving with Flask", "flask") from error
    # Nothing of the program around it is served as a file.
    app = Flask("mlserve", static_folder=None)
    app.url_map.merge_slashes = False
    app.before_request(lambda: _check_key(gateway))
    app.register_error_handler(MlserveError, lambda error: _response(plain_error(error)))
    app.register_error_handler(404, lambda _: _response(plain_error(_NOTHING_HERE)))
    app.register_error_handler(405, _refuse_method)
    app.register_error_handler(Exception, _answer_unexpected)
    _add_predictions(app, gateway, run)
    routes = admin_routes(gateway)
    for route in (*routes, *dashboard_routes(gateway, routes)):
        _add_admin_route(app, route, gateway, run)
    return app


_NOTHING_HERE = ModelNotFoundError("There is nothing at this address.")


def _add_predictions(app: "Flask", gateway: Gateway, run: "Run") -> None:
    def predict(**_: str) -> "Response":
        from flask import request

        endpoint = find_endpoint(request.path, gateway.options.paths)
        if endpoint is None:
            return _response(plain_error(_NOTHING_HERE))
        arrival = _arrival(gateway)
        try:
            body = _body(gateway)
        except MlserveError as error:
            return _response(gateway.finish(endpoint, None, error, gateway.clock(), arrival))
        answer = gateway.answer(endpoint, body, _given(MEANINGFUL_HEADERS), arrival)
        return _response(run(answer))

    for rule in filter(None, (gateway.options.paths.predict, *_PREDICTION_RULES)):
        app.add_url_rule(rule, rule, predict, methods=["POST"], provide_automatic_options=False)


def _add_admin_route(app: "Flask", route: AdminRoute, gateway: Gateway, run: "Run") -> None:
    async def answer(asked: Asked) -> Reply:
        return await route.answer(asked)

    def view(**path: str) -> "Response":
        body = _body(gateway) if route.method == "POST" else b""
        return _response(run(answer(Asked(path, body, _accepted()))))

    rule = route.path.replace("{", "<").replace("}", ">")
    app.add_url_rule(rule, rule, view, methods=[route.method], provide_automatic_options=False)


def _body(gateway: Gateway) -> bytes:
    from flask import request

    limit = gateway.options.max_body_bytes
    body: bytes = request.stream.read(limit + 1)
    if len(body) > limit:
        raise too_large(limit)
    return body


def _accepted() -> str:
    from flask import request

    return request.headers.get("accept", "")


def _arrival(gateway: Gateway) -> Arrival:
    """Where the request came from; inside our own server, `Guard` knows more of that."""
    from flask import request

    arrival: Arrival | None = request.environ.get("asgi.scope", {}).get(ARRIVAL)
    if arrival is None:
        arrival = Arrival(request.remote_addr or "", path=request.path)
        arrival.take_names(_given(NAMING_HEADERS), gateway.options.log.ids)
    arrival.is_counted = True
    return arrival


def _check_key(gateway: Gateway) -> None:
    from flask import request

    if request.path not in gateway.options.open_paths:
        given = _given(KEY_HEADERS)
        gateway.options.keys.check(given, method=request.method, accept=_accepted())


def _given(names: frozenset[bytes]) -> dict[bytes, bytes]:
    from flask import request

    return {
        name: request.headers[name.decode()].encode("latin-1")
        for name in names
        if name.decode() in request.headers
    }


def _refuse_method(error: Any) -> "Response":
    from flask import request

    reply = plain_error(InputError(f"{request.method} is not answered at this address."))
    allowed = ", ".join(sorted(error.valid_methods or ())).encode()
    return _response(Reply(reply.body, 405, headers=((b"allow", allowed),)))


def _answer_unexpected(error: Exception) -> "Response":
    from werkzeug.exceptions import HTTPException

    if isinstance(error, HTTPException):
        reply = plain_error(InputError(error.description or "The request cannot be read."))
        return _response(Reply(reply.body, error.code or 400))
    # A bug of ours must not show itself to clients.
    _LOGGER.error("unexpected error", exc_info=error)
    return _response(plain_error(EngineError("The server failed to answer.")))


def _response(reply: Reply) -> "Response":
    from flask import Response

    headers = [
        ("content-type", reply.content_type.decode()),
        ("content-length", str(len(reply.body))),
        *((name.decode(), value.decode("latin-1")) for name, value in reply.headers),
    ]
    return Response(reply.body, reply.status, headers)
