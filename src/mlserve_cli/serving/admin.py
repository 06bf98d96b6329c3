"""Addresses beside predictions: health, metadata, the model repository, metrics."""

from typing import TYPE_CHECKING, Any

import msgspec
from fastapi import FastAPI, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from mlserve_cli.errors import MlserveError
from mlserve_cli.serving.bodies import read_body
from mlserve_cli.serving.exchange import decode_json, plain_error
from mlserve_cli.serving.protocols import tensorflow, v2_metadata
from mlserve_cli.serving.routes import version_number

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway


class _IndexRequest(msgspec.Struct):
    ready: bool = False


_INDEX_REQUEST = msgspec.json.Decoder(_IndexRequest)
_METRICS_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def add_admin_routes(app: FastAPI, gateway: "Gateway") -> None:
    """Adds the addresses that answer no predictions."""
    add_health_routes(app, gateway)
    add_v2_routes(app, gateway)
    add_repository_routes(app, gateway)
    add_v1_routes(app, gateway)


def add_health_routes(app: FastAPI, gateway: "Gateway") -> None:
    """Adds health in the words of each protocol, the version, and metrics."""
    service = gateway.service

    async def health() -> Response:
        models = {model.name: model.version for model in service.models()}
        status = "ready" if service.ready else "not ready"
        return json({"status": status, "models": models}, 200 if service.ready else 503)

    async def live() -> Response:
        return json({"live": True})

    async def ready() -> Response:
        return json({"ready": service.ready}, 200 if service.ready else 503)

    async def version() -> Response:
        return Response(v2_metadata.server_metadata()["version"], media_type="text/plain")

    async def metrics() -> Response:
        return Response(gateway.metrics.render(), media_type=_METRICS_TYPE)

    _get(app, health, "/health")
    _get(app, live, "/health/live", "/v2/health/live")
    _get(app, ready, "/health/ready", "/v2/health/ready", "/ping")
    _get(app, version, "/version")
    _get(app, metrics, "/metrics")


def add_v2_routes(app: FastAPI, gateway: "Gateway") -> None:
    """Adds metadata and readiness of the Open Inference Protocol."""
    service = gateway.service

    async def server() -> Response:
        return json(v2_metadata.server_metadata())

    async def model(name: str, version: str | None = None) -> Response:
        found = service.resolve(name, version_number(version))
        return json(v2_metadata.model_metadata(found, service.versions(name)))

    async def model_ready(name: str, version: str | None = None) -> Response:
        found = service.resolve(name, version_number(version))
        return json({"name": found.name, "ready": service.ready}, 200 if service.ready else 503)

    async def versions(name: str) -> Response:
        return json({"name": name, "versions": [str(v) for v in service.versions(name)]})

    _get(app, server, "/v2", "/v2/")
    _get(app, model_ready, "/v2/models/{name}/ready", "/v2/models/{name}/versions/{version}/ready")
    _get(app, versions, "/v2/models/{name}/versions")
    _get(app, model, "/v2/models/{name}", "/v2/models/{name}/versions/{version}")


def add_repository_routes(app: FastAPI, gateway: "Gateway") -> None:
    """Adds the model repository extension: index, load and unload."""
    service = gateway.service

    async def index(request: Request) -> Response:
        body = await read_body(request, gateway.options.max_body_bytes)
        asked = decode_json(body, _INDEX_REQUEST) if body.strip() else _IndexRequest()
        states = await run_in_threadpool(service.index)
        if asked.ready:
            states = [state for state in states if state.ready]
        return json(v2_metadata.index(states))

    async def load(name: str) -> Response:
        try:
            model = await gateway.load(name)
        except MlserveError as error:
            # Where files lie is nobody's business outside.
            return json({"error": f"Model '{name[:60]}' cannot be loaded."}, _load_status(error))
        return json({"name": model.name, "version": str(model.version), "state": "READY"})

    async def unload(name: str) -> Response:
        service.remove(name)
        gateway.scheduler.keep_only(service.models())
        return json({"name": name, "state": "UNAVAILABLE"})

    for path, handler in (
        ("/v2/repository/index", index),
        ("/v2/repository/models/{name}/load", load),
        ("/v2/repository/models/{name}/unload", unload),
    ):
        app.add_api_route(path, handler, methods=["POST"], include_in_schema=False)


def add_v1_routes(app: FastAPI, gateway: "Gateway") -> None:
    """Adds status and metadata in the words of TensorFlow Serving and KServe V1."""
    service = gateway.service

    async def models() -> Response:
        return json({"models": sorted({model.name for model in service.models()})})

    async def status(name: str) -> Response:
        found = {"name": name, "ready": service.ready}
        return json({**tensorflow.model_status(service.versions(name)), **found})

    async def version_status(name: str, version: str) -> Response:
        found = service.resolve(name, version_number(version))
        return json(tensorflow.model_status([found.version]))

    async def metadata(name: str) -> Response:
        return json(tensorflow.model_metadata(service.resolve(name)))

    _get(app, models, "/v1/models")
    _get(app, metadata, "/v1/models/{name}/metadata")
    _get(app, version_status, "/v1/models/{name}/versions/{version}")
    _get(app, status, "/v1/models/{name}")


def json(content: Any, status: int = 200) -> Response:
    """A JSON answer."""
    body = msgspec.json.encode(content)
    return Response(body, status_code=status, media_type="application/json")


def _get(app: FastAPI, handler: Any, *paths: str) -> None:
    for path in paths:
        app.add_api_route(path, handler, methods=["GET", "HEAD"], include_in_schema=False)


def _load_status(error: MlserveError) -> int:
    return plain_error(error).status if error.http_status in {400, 404} else 400
