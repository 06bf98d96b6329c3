"""Models behind HTTP: the service, its protocols, the application and the fast path.

Its names are imported when they are first used: the service itself needs no web framework.
"""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.serving.app import create_app
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.service import PredictionService
    from mlserve_cli.serving.wsgi import create_wsgi_app

__all__ = ["LoadedModel", "PredictionService", "create_app", "create_wsgi_app"]

_HOMES = {
    "LoadedModel": "model",
    "PredictionService": "service",
    "create_app": "app",
    "create_wsgi_app": "wsgi",
}


__getattr__ = names_from(__name__, _HOMES)
