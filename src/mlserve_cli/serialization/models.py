"""Finding the model that a user names."""

import atexit
import os
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from mlserve_cli.errors import ArtifactError, MissingExtraError, ModelNotFoundError, UsageError
from mlserve_cli.serialization.manifest import MANIFEST_NAME
from mlserve_cli.serialization.mlflow_model import MLMODEL_NAME, read_mlflow_model
from mlserve_cli.serialization.model_format import ModelFormat, detect_format
from mlserve_cli.serialization.repository import Artifact, ModelRepository, open_artifact
from mlserve_cli.signature import Column

DEFAULT_MODELS = "models"
_SUFFIXES = frozenset({".joblib", ".pkl", ".pickle", ".skops", ".onnx"})


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model file without a manifest.

    Attributes:
        path: The file.
        format: How the model is stored in it.
        name: A name for the model, from the file or folder.
        columns: Input columns, where an MLflow signature tells them.
    """

    path: Path
    format: ModelFormat
    name: str
    columns: tuple[Column, ...] | None = None


def find_model(
    model: str | Path | None = None, *, models: str | Path = DEFAULT_MODELS
) -> Artifact | ModelFile:
    """What a user means by MODEL.

    Args:
        model: A model file, an artifact folder, an MLflow model directory, a URI of one of those,
            `NAME` or `NAME/VERSION` in the repository; None for the only model of the repository.
        models: Folder of the model repository.

    Raises:
        ModelNotFoundError: There is no such model; the message lists the choices.
        CorruptArtifactError: What is there cannot be read as a model.
    """
    repository = ModelRepository(models)
    if model is None:
        return _only_model(repository)
    text = str(model)
    if "://" in text:
        return find_model(_download(text), models=models)
    path = Path(text)
    name, _, version = text.partition("/")
    # Path.exists raises where a name is too long.
    if not os.path.exists(text) or repository.versions(text):  # noqa: PTH110
        if version.isdecimal() and repository.versions(name):
            return repository.get(name, int(version))
        if repository.versions(text):
            return repository.get(text)
        return _nothing_there(text, repository)
    return _open_folder(path) if path.is_dir() else ModelFile(path, detect_format(path), path.stem)


def _open_folder(folder: Path) -> Artifact | ModelFile:
    if (folder / MANIFEST_NAME).is_file():
        return open_artifact(folder)
    if (folder / MLMODEL_NAME).is_file():
        found = read_mlflow_model(folder)
        name = folder.resolve().name
        return ModelFile(found.path, detect_format(found.path), name, found.columns)
    versions = ModelRepository(folder.parent).versions(folder.name)
    if versions:
        return open_artifact(folder / str(versions[-1]))
    files = sorted(path for path in folder.iterdir() if path.suffix in _SUFFIXES)
    if len(files) == 1:
        # Platforms put a folder where they are given one, with a file that is always called model.
        name = folder.resolve().name if files[0].stem == "model" else files[0].stem
        return ModelFile(files[0], detect_format(files[0]), name)
    names = ModelRepository(folder).names()
    if len(names) == 1:
        return ModelRepository(folder).get(names[0])
    several = [path.name for path in files] or names
    if several:
        raise ModelNotFoundError(
            f"{folder} holds several models: {', '.join(several)}.",
            hint=f"Name one of them: {folder / several[0]}",
        )
    raise ModelNotFoundError(
        f"{folder} is a folder without a model: expected {MANIFEST_NAME} (written by mlserve "
        f"save), {MLMODEL_NAME} (written by MLflow) or one model file in it."
    )


def _only_model(repository: ModelRepository) -> Artifact:
    names = repository.names()
    if len(names) == 1:
        return repository.get(names[0])
    if not names:
        raise ModelNotFoundError(
            f"No model was named, and {repository.root} holds none.",
            hint="Save one with: mlserve save SOURCE, or name a model file.",
        )
    raise UsageError(
        f"No model was named, and {repository.root} holds several: {', '.join(names)}.",
        hint=f"Name one, such as {names[0]}; mlserve batch-predict takes it as --model {names[0]}",
    )


def _nothing_there(text: str, repository: ModelRepository) -> Artifact:
    if "/" in text or Path(text).suffix in _SUFFIXES:
        name, _, version = text.partition("/")
        if version.isdecimal():
            return repository.get(name, int(version))
        raise ModelNotFoundError(f"There is no model file {text}.")
    return repository.get(text)


def _download(uri: str) -> Path:
    try:
        import fsspec
    except ImportError as error:
        raise MissingExtraError(f"Reading {uri}", "remote") from error
    target = Path(tempfile.mkdtemp(prefix="mlserve-"))
    atexit.register(shutil.rmtree, target, ignore_errors=True)
    try:
        filesystem, path = fsspec.core.url_to_fs(uri)
        local = target / Path(path.rstrip("/")).name
        filesystem.get(path, str(local), recursive=filesystem.isdir(path))
    except ImportError as error:
        raise MissingExtraError(f"Reading {uri}", "s3") from error
    # Every store has errors of its own.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise ArtifactError(f"{uri} cannot be read: {reason}") from error
    if not local.exists():
        raise ModelNotFoundError(f"There is nothing at {uri}.")
    return local
