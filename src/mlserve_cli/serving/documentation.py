"""`/openapi.json`, and `/docs`, where requests are tried out; nothing comes from another server."""

import importlib.metadata
from typing import TYPE_CHECKING, Any

from mlserve_cli.serving.openapi_paths import (
    ERROR_SCHEMAS,
    model_paths,
    only_model_paths,
    other_paths,
)

if TYPE_CHECKING:
    from mlserve_cli.serving.service import PredictionService

# What the page is made of, and the media type of each file.
ASSETS = {
    "swagger-ui-bundle.js": b"text/javascript; charset=utf-8",
    "swagger-ui.css": b"text/css; charset=utf-8",
    "favicon.png": b"image/png",
}


def openapi(service: "PredictionService", *, needs_key: bool = False) -> dict[str, Any]:
    """The description of what a service answers at this moment.

    Args:
        service: The models.
        needs_key: Whether requests need an API key.
    """
    newest = {model.name: model for model in service.models()}
    paths: dict[str, Any] = {}
    if len(newest) == 1:
        paths |= only_model_paths(next(iter(newest.values())))
    for model in newest.values():
        paths |= model_paths(model)
    components: dict[str, Any] = {"schemas": ERROR_SCHEMAS}
    secured: dict[str, Any] = {}
    if needs_key:
        components["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        secured = {"security": [{"key": []}]}
    return {
        "openapi": "3.1.0",
        "info": {"title": "mlserve", "version": importlib.metadata.version("mlserve-cli")},
        # Relative to this description, so that it holds behind a proxy with a path of its own.
        "servers": [{"url": ".", "description": "This server"}],
        "paths": paths | other_paths(list(newest)),
        "components": components,
        **secured,
    }


def docs_page() -> bytes:
    """The page `/docs`, which loads `ASSETS` from below itself."""
    from fastapi.openapi.docs import get_swagger_ui_html

    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="mlserve",
        swagger_js_url="docs/swagger-ui-bundle.js",
        swagger_css_url="docs/swagger-ui.css",
        swagger_favicon_url="docs/favicon.png",
        swagger_ui_parameters={"tryItOutEnabled": True, "defaultModelsExpandDepth": -1},
    )
    return bytes(page.body)


def asset(name: str) -> bytes:
    """One of `ASSETS`; they come with the package fastapi-offline."""
    from importlib.resources import files

    return (files("fastapi_offline") / "static" / name).read_bytes()
