"""Loading a model: as an estimator, or as a predictor."""

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import UsageError
from mlserve_cli.inference.predictor import MANY_ROWS, Engine, Predictor
from mlserve_cli.serialization.engine_choice import choose_engine
from mlserve_cli.serialization.libraries import warn_on_skew
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import DEFAULT_MODELS, ModelFile, find_model
from mlserve_cli.serialization.payload import file_name, read_estimator
from mlserve_cli.serialization.repository import Artifact

if TYPE_CHECKING:
    from mlserve_cli.signature import Signature

# Fewer rows are done before what makes ready for many has paid.
_JOB_ROWS = 100_000


def load_model(
    model: str | Path | None = None,
    *,
    models: str | Path = DEFAULT_MODELS,
    trust: Collection[str] = (),
) -> Any:
    """The estimator that was saved.

    Args:
        model: A model file, an artifact folder, an MLflow model directory, `NAME` or
            `NAME/VERSION` in the repository; None for the repository's only model.
        models: Folder of the model repository.
        trust: Types to load although mlserve does not know them, as `module.Name`.

    Raises:
        ModelNotFoundError: There is no such model.
        CorruptArtifactError: The file is not what was saved, or cannot be read.
        UntrustedTypeError: The file would load types that are neither known nor trusted.

    Warns:
        VersionSkewWarning: It was saved with another version of a library.
    """
    found = find_model(model, models=models)
    return load_estimator(found, trust)


def load_predictor(
    model: str | Path | None = None,
    *,
    engine: Engine | None = None,
    rows_per_call: int = 1,
    total_rows: int | None = None,
    models: str | Path = DEFAULT_MODELS,
    trust: Collection[str] = (),
) -> Predictor:
    """A model ready to score.

    Args:
        model: See `load_model`.
        engine: Where scoring runs; None takes what `choose_engine` chooses.
        rows_per_call: How many rows will be scored at once, for that choice, and for what is made
            ready to score many.
        total_rows: How many rows there will be, for the same.
        models: Folder of the model repository.
        trust: Types to load although mlserve does not know them, as `module.Name`.

    Raises:
        UsageError: The engine was asked for and the model has nothing for it.
        MlserveError: As `load_model`.
    """
    found = find_model(model, models=models)
    wanted = engine or choose_engine(found, rows_per_call, total_rows).engine
    onnx = _onnx_file(found) if wanted is Engine.ONNX else None
    if onnx is not None:
        from mlserve_cli.inference.onnx import OnnxPredictor

        many_rows = rows_per_call >= MANY_ROWS and (total_rows or _JOB_ROWS) >= _JOB_ROWS
        return OnnxPredictor(onnx, _known_signature(found), many_rows=many_rows)
    if engine is Engine.ONNX:
        raise UsageError(
            f"{_label(found)} holds no ONNX model.",
            hint=f"Convert it with: mlserve convert-onnx {_label(found)}",
        )
    if _format(found) is ModelFormat.ONNX:
        raise UsageError(f"{_label(found)} is an ONNX model; there is no estimator to run.")
    from mlserve_cli.inference.describe import describe_estimator
    from mlserve_cli.inference.estimator import EstimatorPredictor

    estimator = load_estimator(found, trust)
    columns = found.columns if isinstance(found, ModelFile) else None
    signature = _known_signature(found) or describe_estimator(estimator, columns=columns)
    return EstimatorPredictor(estimator, signature)


def model_digest(model: str | Path | None = None, *, models: str | Path = DEFAULT_MODELS) -> str:
    """SHA-256 over the files of a model, as hexadecimal digits.

    Args:
        model: See `load_model`.
        models: Folder of the model repository.

    Raises:
        ModelNotFoundError: There is no such model.
    """
    found = find_model(model, models=models)
    if isinstance(found, Artifact):
        digests = sorted(entry.sha256 for entry in found.manifest.files)
        return hashlib.sha256("".join(digests).encode()).hexdigest()
    if found.path.is_dir():
        files = sorted(path for path in found.path.rglob("*") if path.is_file())
        return hashlib.sha256("".join(map(_file_digest, files)).encode()).hexdigest()
    return _file_digest(found.path)


def _file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def load_estimator(found: Artifact | ModelFile, trust: Collection[str]) -> Any:
    """The estimator of a model that was found; see `load_model`."""
    if isinstance(found, Artifact):
        manifest = found.manifest
        warn_on_skew(_label(found), manifest.libraries)
        return read_estimator(found.file(file_name(manifest.format)), manifest.format, trust)
    return read_estimator(found.path, found.format, trust)


def _onnx_file(found: Artifact | ModelFile) -> Path | None:
    if isinstance(found, ModelFile):
        return found.path if found.format is ModelFormat.ONNX else None
    name = file_name(ModelFormat.ONNX)
    return found.file(name) if found.entry(name) else None


def _known_signature(found: Artifact | ModelFile) -> "Signature | None":
    return found.manifest.signature if isinstance(found, Artifact) else None


def _format(found: Artifact | ModelFile) -> ModelFormat:
    return found.manifest.format if isinstance(found, Artifact) else found.format


def _label(found: Artifact | ModelFile) -> str:
    if isinstance(found, ModelFile):
        return str(found.path)
    return f"{found.manifest.name}/{found.manifest.version}"
