"""Addresses beside predictions: health, metadata, the model repository, metrics.

They are written once, for every framework: from the parts of a path and a body to a reply.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec

from mlserve_cli.errors import MlserveError, ModelNotFoundError
from mlserve_cli.serving.documentation import ASSETS, asset, docs_page, openapi
from mlserve_cli.serving.exchange import Reply, decode_json, plain_error
from mlserve_cli.serving.feedback import FEEDBACK_PATH, feedback_answer
from mlserve_cli.serving.history_routes import HISTORY_PATH, history_answer
from mlserve_cli.serving.protocols import tensorflow, v2_metadata
from mlserve_cli.serving.protocols.native_metadata import model_description
from mlserve_cli.serving.routes import version_number
from mlserve_cli.serving.security import OPEN_PATHS

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway


class Asked(NamedTuple):
    """A request to one of these addresses.

    Attributes:
        path: Parts of the path by their name in the route.
        body: Its body; empty for GET.
        accept: What it says that it takes for an answer.
    """

    path: Mapping[str, str]
    body: bytes = b""
    accept: str = ""


class AdminRoute(NamedTuple):
    """An address and what answers there.

    Attributes:
        method: HTTP method; HEAD goes with GET.
        path: With the names of its parts in braces.
        answer: Gives the reply; raises `MlserveError` where there is none.
    """

    method: str
    path: str
    answer: Callable[[Asked], Awaitable[Reply]]


class _IndexRequest(msgspec.Struct):
    ready: bool = False


_INDEX_REQUEST = msgspec.json.Decoder(_IndexRequest)
# The files of the documentation change with its package only.
_CACHED = ((b"cache-control", b"max-age=86400"),)


def admin_routes(gateway: "Gateway") -> list[AdminRoute]:
    """All of these addresses."""
    return [
        *_health_routes(gateway),
        *_documentation_routes(gateway),
        *_model_routes(gateway),
        *_v2_routes(gateway),
        *_repository_routes(gateway),
        *_v1_routes(gateway),
    ]


def _health_routes(gateway: "Gateway") -> list[AdminRoute]:
    """Health in the words of each protocol, the version, and metrics."""
    service = gateway.service

    async def health(_: Asked) -> Reply:
        models = {model.name: model.version for model in service.models()}
        status = "ready" if service.ready else "not ready"
        return _json({"status": status, "models": models}, 200 if service.ready else 503)

    async def live(_: Asked) -> Reply:
        return _json({"live": True})

    async def ready(_: Asked) -> Reply:
        return _json({"ready": service.ready}, 200 if service.ready else 503)

    async def version(_: Asked) -> Reply:
        text = v2_metadata.server_metadata()["version"]
        return Reply(text.encode(), content_type=b"text/plain; charset=utf-8")

    async def metrics(asked: Asked) -> Reply:
        gateway.metrics.refresh()
        # The first time a library is imported for it.
        text = await asyncio.to_thread(gateway.metrics.expose, asked.accept)
        return Reply(text.body, content_type=text.content_type.encode())

    health_path = gateway.options.paths.health
    # Where it is one of ours, ours answers.
    platform_paths = [health_path] if health_path and health_path not in OPEN_PATHS else []
    return [
        *_get(ready, *platform_paths),
        *_get(health, "/health"),
        *_get(live, "/health/live", "/v2/health/live"),
        *_get(ready, "/health/ready", "/v2/health/ready", "/ping"),
        *_get(version, "/version"),
        *_get(metrics, "/metrics"),
        *_get(history_answer(gateway), HISTORY_PATH),
        AdminRoute("POST", FEEDBACK_PATH, feedback_answer(gateway)),
        *_drift_routes(gateway),
    ]


def _drift_routes(gateway: "Gateway") -> list[AdminRoute]:
    """What is known of drift; nothing is at this address where it is not watched."""
    watch = gateway.drift
    if watch is None:
        return []

    async def drift(_: Asked) -> Reply:
        return Reply(watch.report())

    return _get(drift, "/drift")


def _documentation_routes(gateway: "Gateway") -> list[AdminRoute]:
    """The OpenAPI description, the page to try it out, and what that page is made of."""

    async def description(_: Asked) -> Reply:
        return _json(openapi(gateway.service, needs_key=gateway.options.keys.required))

    async def docs(_: Asked) -> Reply:
        # The first time a library is imported for it.
        page = await asyncio.to_thread(docs_page)
        return Reply(page, content_type=b"text/html; charset=utf-8")

    async def file(asked: Asked) -> Reply:
        kind = ASSETS.get(asked.path["file"])
        if kind is None:
            raise ModelNotFoundError("There is nothing at this address.")
        return Reply(asset(asked.path["file"]), 200, kind, _CACHED)

    return [
        *_get(description, "/openapi.json"),
        *_get(docs, "/docs"),
        *_get(file, "/docs/{file}"),
    ]


def _model_routes(gateway: "Gateway") -> list[AdminRoute]:
    """What is served, with columns and classes."""
    service = gateway.service

    async def root(_: Asked) -> Reply:
        # KServe's client of the first protocol takes this for a sign of life.
        return _json({"status": "alive", "name": "mlserve", "docs": "/docs", "models": "/models"})

    async def models(_: Asked) -> Reply:
        newest = {model.name: model for model in service.models()}
        listed = [model_description(m, service.versions(m.name)) for m in newest.values()]
        return _json({"models": listed})

    async def model(asked: Asked) -> Reply:
        name = asked.path["name"]
        found = service.resolve(name, version_number(asked.path.get("version")))
        return _json(model_description(found, service.versions(name)))

    return [
        *_get(root, "/"),
        *_get(models, "/models"),
        *_get(model, "/models/{name}", "/models/{name}/versions/{version}"),
    ]


def _v2_routes(gateway: "Gateway") -> list[AdminRoute]:
    """Metadata and readiness of the Open Inference Protocol."""
    service = gateway.service

    async def server(_: Asked) -> Reply:
        return _json(v2_metadata.server_metadata())

    async def model(asked: Asked) -> Reply:
        name = asked.path["name"]
        found = service.resolve(name, version_number(asked.path.get("version")))
        return _json(v2_metadata.model_metadata(found, service.versions(name)))

    async def model_ready(asked: Asked) -> Reply:
        found = service.resolve(asked.path["name"], version_number(asked.path.get("version")))
        return _json({"name": found.name, "ready": service.ready}, 200 if service.ready else 503)

    async def versions(asked: Asked) -> Reply:
        name = asked.path["name"]
        return _json({"name": name, "versions": [str(v) for v in service.versions(name)]})

    one, one_version = "/v2/models/{name}", "/v2/models/{name}/versions/{version}"
    return [
        *_get(server, "/v2", "/v2/"),
        *_get(model_ready, f"{one}/ready", f"{one_version}/ready"),
        *_get(versions, f"{one}/versions"),
        *_get(model, one, one_version),
    ]


def _repository_routes(gateway: "Gateway") -> list[AdminRoute]:
    """The model repository extension: index, load and unload."""

    async def index(asked: Asked) -> Reply:
        wanted = decode_json(asked.body, _INDEX_REQUEST) if asked.body.strip() else _IndexRequest()
        states = await gateway.index()
        if wanted.ready:
            states = [state for state in states if state.ready]
        return _json(v2_metadata.index(states))

    async def load(asked: Asked) -> Reply:
        name = asked.path["name"]
        try:
            model = await gateway.load(name)
        except MlserveError as error:
            # Where files lie is nobody's business outside.
            return _json({"error": f"Model '{name[:60]}' cannot be loaded."}, _load_status(error))
        return _json({"name": model.name, "version": str(model.version), "state": "READY"})

    async def unload(asked: Asked) -> Reply:
        name = asked.path["name"]
        await gateway.unload(name)
        return _json({"name": name, "state": "UNAVAILABLE"})

    return [
        AdminRoute("POST", "/v2/repository/index", index),
        AdminRoute("POST", "/v2/repository/models/{name}/load", load),
        AdminRoute("POST", "/v2/repository/models/{name}/unload", unload),
    ]


def _v1_routes(gateway: "Gateway") -> list[AdminRoute]:
    """Status and metadata in the words of TensorFlow Serving and KServe V1."""
    service = gateway.service

    async def models(_: Asked) -> Reply:
        return _json({"models": sorted({model.name for model in service.models()})})

    async def status(asked: Asked) -> Reply:
        name = asked.path["name"]
        found = {"name": name, "ready": service.ready}
        return _json({**tensorflow.model_status(service.versions(name)), **found})

    async def version_status(asked: Asked) -> Reply:
        found = service.resolve(asked.path["name"], version_number(asked.path["version"]))
        return _json(tensorflow.model_status([found.version]))

    async def metadata(asked: Asked) -> Reply:
        version = version_number(asked.path.get("version"))
        return _json(tensorflow.model_metadata(service.resolve(asked.path["name"], version)))

    return [
        *_get(models, "/v1/models"),
        *_get(
            metadata,
            "/v1/models/{name}/metadata",
            "/v1/models/{name}/versions/{version}/metadata",
        ),
        *_get(version_status, "/v1/models/{name}/versions/{version}"),
        *_get(status, "/v1/models/{name}"),
    ]


def _get(answer: Callable[[Asked], Awaitable[Reply]], *paths: str) -> list[AdminRoute]:
    return [AdminRoute("GET", path, answer) for path in paths]


def _json(content: Any, status: int = 200) -> Reply:
    return Reply(msgspec.json.encode(content), status)


def _load_status(error: MlserveError) -> int:
    return plain_error(error).status if error.http_status in {400, 404} else 400
