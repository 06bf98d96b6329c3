"""The Flask adapter: predictions and health over the same service, for WSGI servers.

Requests are scored in the thread that brings them; WSGI knows no event loop whose turns could be
merged.
"""

from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import InputError, MissingExtraError, MlserveError, ModelNotFoundError
from mlserve_cli.serving.exchange import MEANINGFUL_HEADERS, Reply, plain_error, too_large
from mlserve_cli.serving.gateway import Gateway, GatewayOptions
from mlserve_cli.serving.models import service_of
from mlserve_cli.serving.protocols import tensorflow, v2_metadata
from mlserve_cli.serving.routes import find_endpoint, version_number
from mlserve_cli.serving.security import KEY_HEADERS, OPEN_PATHS

if TYPE_CHECKING:
    from collections.abc import Iterable

    from flask import Flask, Response

    from mlserve_cli.serving.models import Servable
    from mlserve_cli.serving.service import PredictionService


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
    return wsgi_app_of(Gateway(service_of(models), options))


def wsgi_app_of(gateway: Gateway) -> "Flask":
    """The application over a gateway.

    Raises:
        MissingExtraError: Flask is not installed.
    """
    try:
        from flask import Flask
    except ImportError as error:
        raise MissingExtraError("Serving with Flask", "flask") from error
    gateway.prepare()
    app = Flask("mlserve")
    app.before_request(lambda: _check_key(gateway))
    app.register_error_handler(MlserveError, lambda error: _response(plain_error(error)))
    app.register_error_handler(404, lambda _: _response(plain_error(_NOTHING_HERE)))
    app.register_error_handler(405, lambda _: _method_not_allowed())
    _add_predictions(app, gateway)
    _add_metadata(app, gateway)
    return app


_NOTHING_HERE = ModelNotFoundError("There is nothing at this address.")

_PREDICTION_RULES = (
    *("/predict", "/invocations", "/models/<name>/predict", "/v2/models/<name>/infer"),
    *("/models/<name>/versions/<version>/predict", "/v2/models/<name>/versions/<version>/infer"),
    *("/v1/models/<name>:predict", "/v1/models/<name>/versions/<version>:predict"),
)


def _add_predictions(app: "Flask", gateway: Gateway) -> None:
    def predict(**_: str) -> "Response":
        from flask import request

        endpoint = find_endpoint(request.path)
        assert endpoint is not None
        limit = gateway.options.max_body_bytes
        headers = _given(MEANINGFUL_HEADERS)
        body = request.stream.read(limit + 1)
        if len(body) > limit:
            return _response(gateway.finish(endpoint, None, too_large(limit), gateway.clock()))
        return _response(gateway.answer_now(endpoint, body, headers))

    for rule in _PREDICTION_RULES:
        app.add_url_rule(rule, rule, predict, methods=["POST"])


def _add_metadata(app: "Flask", gateway: Gateway) -> None:
    service = gateway.service

    def ready() -> "Response":
        return _json({"ready": service.ready}, 200 if service.ready else 503)

    def model(name: str, version: str | None = None) -> "Response":
        found = service.resolve(name, version_number(version))
        return _json(v2_metadata.model_metadata(found, service.versions(name)))

    def metrics() -> "Response":
        return _response(Reply(gateway.metrics.render(), 200, b"text/plain; version=0.0.4"))

    for rule, handler in (
        ("/health", ready),
        ("/health/ready", ready),
        ("/v2/health/ready", ready),
        ("/ping", ready),
        ("/health/live", lambda: _json({"live": True})),
        ("/v2/health/live", lambda: _json({"live": True})),
        ("/metrics", metrics),
        ("/v2", lambda: _json(v2_metadata.server_metadata())),
        ("/v2/models/<name>", model),
        ("/v2/models/<name>/versions/<version>", model),
        ("/v1/models/<name>", lambda name: _json(tensorflow.model_status(service.versions(name)))),
    ):
        app.add_url_rule(rule, rule, handler)


def _check_key(gateway: Gateway) -> None:
    from flask import request

    if request.path not in OPEN_PATHS:
        gateway.options.keys.check(_given(KEY_HEADERS))


def _given(names: frozenset[bytes]) -> dict[bytes, bytes]:
    from flask import request

    return {
        name: request.headers[name.decode()].encode("latin-1")
        for name in names
        if name.decode() in request.headers
    }


def _method_not_allowed() -> "Response":
    reply = plain_error(InputError("This method is not answered at this address."))
    return _response(Reply(reply.body, 405))


def _json(content: Any, status: int = 200) -> "Response":
    import msgspec

    return _response(Reply(msgspec.json.encode(content), status))


def _response(reply: Reply) -> "Response":
    from flask import Response

    headers = [(name.decode(), value.decode("latin-1")) for name, value in reply.headers]
    content_type = reply.content_type.decode()
    return Response(reply.body, reply.status, headers, content_type=content_type)
