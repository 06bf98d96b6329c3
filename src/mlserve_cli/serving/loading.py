"""Models read from disk for serving."""

import time
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import msgspec

from mlserve_cli.errors import CorruptArtifactError, ModelNotFoundError, UsageError
from mlserve_cli.inference.predictor import Engine
from mlserve_cli.serialization.load import load_predictor
from mlserve_cli.serialization.models import DEFAULT_MODELS, ModelFile, find_model
from mlserve_cli.serialization.repository import Artifact, ModelRepository
from mlserve_cli.serving.model import LoadedModel

# As `save_model` names it.
_EXAMPLE_NAME = "example.json"
# What inputs are compared with: a profile of all rows, of older artifacts a sample of them.
_REFERENCE_NAMES = ("reference.profile", "reference.parquet")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """Where models come from and how they are loaded.

    Attributes:
        models: Folder of the model repository.
        engine: Where scoring runs; None takes ONNX where a model has it.
        trust: Types to load although mlserve does not know them.
        platform: Where SageMaker puts a model; served where nothing is named and the repository is
            empty.
    """

    models: str | Path = DEFAULT_MODELS
    engine: Engine | None = None
    trust: Collection[str] = ()
    platform: str | Path = "/opt/ml/model"

    def load(self, model: str | Path) -> LoadedModel:
        """One model, by name, name and version, or path; see `load_model`.

        Raises:
            MlserveError: There is no such model, or it cannot be loaded.
        """
        started = time.perf_counter()
        found = find_model(model, models=self.models)
        path = found.path if isinstance(found, Artifact | ModelFile) else model
        predictor = load_predictor(path, engine=self.engine, models=self.models, trust=self.trust)
        seconds = time.perf_counter() - started
        if isinstance(found, ModelFile):
            return LoadedModel(found.name, 1, predictor, load_seconds=seconds)
        manifest = found.manifest
        return LoadedModel(
            manifest.name,
            manifest.version,
            predictor,
            _example(found),
            created=_seconds(manifest.created),
            load_seconds=seconds,
            reference=_reference(found),
            metrics=manifest.metrics,
        )

    def load_all(self, names: Sequence[str | Path] = ()) -> list[LoadedModel]:
        """The named models, or the newest version of every model in the repository.

        Raises:
            ModelNotFoundError: Nothing was named and the repository is empty.
            UsageError: Two of them have the same name and version.
            MlserveError: One of them cannot be loaded.
        """
        wanted = list(names) or self.names()
        if not wanted and Path(self.platform).is_dir():
            wanted = [self.platform]
        if not wanted:
            raise ModelNotFoundError(
                f"No model was named, and {self.models} holds none.",
                hint="Save one with: mlserve save SOURCE, or name a model file: mlserve serve FILE",
            )
        loaded = [self.load(name) for name in wanted]
        taken = Counter((model.name, model.version) for model in loaded)
        for (name, version), count in taken.items():
            if count > 1:
                raise UsageError(
                    f"{count} models would be served as {name}, version {version}.",
                    hint="Rename a file, or save them under different names: mlserve save FILE",
                )
        return loaded

    def names(self) -> list[str]:
        """Names of the models in the repository."""
        return ModelRepository(self.models).names()

    def newest(self, name: str) -> int | None:
        """The newest version of a model on disk."""
        return max(ModelRepository(self.models).versions(name), default=None)

    def changed(self, name: str, version: int) -> float:
        """When a file of a version changed last, in seconds since 1970."""
        folder = Path(self.models) / name / str(version)
        return max(path.stat().st_mtime for path in (folder, *folder.iterdir()))


def _seconds(time: str) -> float | None:
    try:
        return datetime.fromisoformat(time).timestamp()
    except ValueError:
        return None


def _reference(artifact: Artifact) -> Callable[[], Path] | None:
    # Its digest is checked when it is read, which is not when the server starts.
    stored = [name for name in _REFERENCE_NAMES if artifact.entry(name) is not None]
    return partial(artifact.file, stored[0]) if stored else None


def _example(artifact: Artifact) -> dict[str, Any]:
    if artifact.entry(_EXAMPLE_NAME) is None:
        return {}
    path = artifact.file(_EXAMPLE_NAME)
    try:
        body = msgspec.json.decode(path.read_bytes(), type=dict[str, list[dict[str, Any]]])
        return body["rows"][0]
    except (msgspec.DecodeError, UnicodeDecodeError, LookupError) as error:
        raise CorruptArtifactError(f"{path} is not an example request: {error}.") from error
