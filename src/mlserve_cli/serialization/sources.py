"""What `save` can start from: model files, MLflow models, Python objects."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlserve_cli.errors import ModelNotFoundError
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import ModelFile, find_model
from mlserve_cli.serialization.payload import check_estimator, file_name, read_estimator
from mlserve_cli.serialization.python_source import import_object, is_python_source
from mlserve_cli.serialization.repository import Artifact
from mlserve_cli.signature import Column


@dataclass(frozen=True, slots=True)
class Source:
    """A model on its way into the repository: an estimator or an ONNX file.

    Attributes:
        origin: What the user called it.
        name: A name for the model.
        estimator: Fitted; None where the source is ONNX.
        onnx: The file; None where the source is an estimator.
        columns: Input columns, where the source says them.
    """

    origin: str
    name: str
    estimator: Any = None
    onnx: Path | None = None
    columns: tuple[Column, ...] | None = None


def open_source(source: object, *, trust: Collection[str] = ()) -> Source:
    """Loads what is to be saved.

    Args:
        source: A fitted estimator, or a string or path: a model file, an artifact, an MLflow
            model directory, `FILE.py:NAME`, `package.module:NAME`.
        trust: Types to load although mlserve does not know them.

    Raises:
        ModelNotFoundError: There is no such source.
        ArtifactError: It is not a fitted estimator or an ONNX model, or is not safe to load.
    """
    if not isinstance(source, str | Path):
        kind = type(source).__name__
        check_estimator(source, f"The {kind} object")
        return Source(origin=kind, name=kind, estimator=source)
    text = str(source)
    if is_python_source(text):
        estimator = import_object(text)
        check_estimator(estimator, text)
        location, _, attribute = text.rpartition(":")
        name = Path(location).stem if location.endswith(".py") else attribute
        return Source(origin=text, name=name, estimator=estimator)
    try:
        found = find_model(source)
    except ModelNotFoundError as error:
        raise ModelNotFoundError(
            f"There is no model at {text}.",
            hint="SOURCE is a .joblib, .pkl, .skops or .onnx file, an MLflow model directory, "
            "FILE.py:NAME or package.module:NAME.",
        ) from error
    return _from_file(text, found, trust)


def _from_file(origin: str, found: Artifact | ModelFile, trust: Collection[str]) -> Source:
    if isinstance(found, Artifact):
        format, name, columns = found.manifest.format, found.manifest.name, None
        path = found.file(file_name(format))
    else:
        format, name, columns, path = found.format, found.name, found.columns, found.path
    if format is ModelFormat.ONNX:
        return Source(origin=origin, name=name, onnx=path, columns=columns)
    estimator = read_estimator(path, format, trust)
    return Source(origin=origin, name=name, estimator=estimator, columns=columns)
