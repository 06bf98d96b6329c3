"""What a program may hand over to be served."""

from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.serving.loading import ModelSource
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.service import PredictionService

if TYPE_CHECKING:
    from collections.abc import Iterable

Servable = LoadedModel | str | Path


def service_of(
    models: "PredictionService | Servable | Iterable[Servable] | None",
) -> PredictionService:
    """The service that a program means.

    Args:
        models: A service, loaded models, or what `load_model` takes; None for every model of the
            repository in the current folder.

    Raises:
        MlserveError: A model cannot be loaded.
    """
    if isinstance(models, PredictionService):
        return models
    source = ModelSource()
    if models is None:
        return PredictionService(source.load_all(), source=source)
    listed = [models] if isinstance(models, LoadedModel | str | Path) else list(models)
    return PredictionService(
        [model if isinstance(model, LoadedModel) else source.load(model) for model in listed],
        source=source,
    )
