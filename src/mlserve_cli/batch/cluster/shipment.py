"""A model on its way to the workers: by path where they see it, by content where they do not."""

from collections.abc import Collection
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.errors import ArtifactError, EngineError, UsageError
from mlserve_cli.inference.predictor import Engine
from mlserve_cli.serialization.engine_choice import choose_engine
from mlserve_cli.serialization.load import load_predictor, model_digest
from mlserve_cli.serialization.mlflow_model import MLMODEL_NAME
from mlserve_cli.serialization.models import DEFAULT_MODELS, find_model
from mlserve_cli.serialization.repository import Artifact

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Predictor

# About what a block of a part of the input holds.
_ROWS_PER_CALL = 10_000


class ModelUnseenError(EngineError):
    """A worker sees no model of that digest."""


@dataclass(frozen=True, slots=True)
class Shipment:
    """What a worker must know to load the very same model.

    Attributes:
        path: The model file or its folder, absolute.
        is_folder: Which of the two.
        digest: Says which model it is; see `model_digest`.
        engine: Where scoring runs.
        trust: Types to load although mlserve does not know them.
        version: Version of mlserve that a worker must have, so that it gives the same result.
    """

    path: Path
    is_folder: bool
    digest: str
    engine: Engine
    trust: tuple[str, ...]
    version: str

    def load(self, *others: Path) -> "Predictor":
        """The model, from the first place that holds it.

        Args:
            others: Where else it may be.

        Raises:
            ModelUnseenError: No place holds it.
            UsageError: This is another version of mlserve.
            ArtifactError: It cannot be loaded.
        """
        if self.version != own_version():
            raise UsageError(
                f"A worker runs mlserve {own_version()}, but the job was started by mlserve "
                f"{self.version}.",
                hint=f"Install the same on every worker: pip install mlserve-cli=={self.version}",
            )
        for place in (self.path, *others):
            if _digest(place) == self.digest:
                return load_predictor(
                    place, engine=self.engine, rows_per_call=_ROWS_PER_CALL, trust=self.trust
                )
        raise ModelUnseenError(f"{self.path} is not the model {self.digest[:16]} that was sent.")

    def content(self) -> dict[str, bytes]:
        """The bytes of the model's files, by their names relative to its folder."""
        if not self.is_folder:
            return {self.path.name: self.path.read_bytes()}
        files = [path for path in self.path.rglob("*") if path.is_file()]
        return {str(path.relative_to(self.path)): path.read_bytes() for path in files}

    def unpacked(self, folder: Path) -> Path:
        """Where the model is once its content is in `folder`."""
        return folder if self.is_folder else folder / self.path.name


def ship_model(
    model: str | Path | None = None,
    *,
    engine: Engine | None = None,
    models: str | Path = DEFAULT_MODELS,
    trust: Collection[str] = (),
) -> Shipment:
    """A model made ready for a cluster.

    Args:
        model: See `load_model`.
        engine: Where scoring runs; None takes what `choose_engine` chooses for large blocks.
        models: Folder of the model repository.
        trust: Types to load although mlserve does not know them, as `module.Name`.

    Raises:
        ModelNotFoundError: There is no such model.
    """
    found = find_model(model, models=models)
    path = found.path
    if not isinstance(found, Artifact) and found.columns is not None:
        # MLflow keeps the names of the columns beside the model.
        path = next(parent for parent in path.parents if (parent / MLMODEL_NAME).is_file())
    path = path.resolve()
    chosen = engine or choose_engine(found, _USUAL_ROWS, None).engine
    return Shipment(path, path.is_dir(), model_digest(path), chosen, tuple(trust), own_version())


# What a block of a file of some twenty columns holds.
_USUAL_ROWS = 10_000


def own_version() -> str:
    """The version of mlserve that runs here."""
    return version("mlserve-cli")


def _digest(place: Path) -> str | None:
    try:
        return model_digest(place)
    # Another model may be there, a half of one, or nothing.
    except (ArtifactError, UsageError, OSError):
        return None
