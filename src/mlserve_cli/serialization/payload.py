"""Estimators written to a file and read back, in each format."""

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, assert_never

from mlserve_cli.errors import ArtifactError, EngineError, MlserveError
from mlserve_cli.serialization.model_format import ModelFormat

_FILE_NAMES = {
    ModelFormat.SKOPS: "model.skops",
    ModelFormat.JOBLIB: "model.joblib",
    ModelFormat.PICKLE: "model.pkl",
    ModelFormat.ONNX: "model.onnx",
}


def file_name(format: ModelFormat) -> str:
    """Name of the model's file in an artifact."""
    return _FILE_NAMES[format]


def read_estimator(path: Path, format: ModelFormat, trust: Collection[str] = ()) -> Any:
    """The estimator in a file, loaded only if every type in it is known or trusted.

    Raises:
        UntrustedTypeError: The file would load other types.
        CorruptArtifactError: The file cannot be read.
        ArtifactError: The file holds ONNX, or something that is not a fitted estimator.
    """
    from mlserve_cli.serialization.trust.pickles import load_pickled

    match format:
        case ModelFormat.SKOPS:
            from mlserve_cli.serialization.trust.skops_files import load_skops

            loaded = load_skops(path, trust=trust)
        case ModelFormat.JOBLIB | ModelFormat.PICKLE:
            loaded = load_pickled(path, trust=trust)
        case ModelFormat.ONNX:
            raise ArtifactError(
                f"{path} is an ONNX model; there is no estimator in it.",
                hint="Score with it through load_predictor.",
            )
        case _:
            assert_never(format)
    check_estimator(loaded, str(path))
    return loaded


def write_estimator(estimator: Any, path: Path, format: ModelFormat) -> None:
    """Writes an estimator to a skops, joblib or pickle file.

    Raises:
        ArtifactError: The format cannot hold this estimator.
        EngineError: The disk is full or failed.
    """
    try:
        _dump(estimator, path, format)
    except OSError as error:
        raise EngineError(f"{path.name} cannot be written: {error.strerror or error}.") from error
    # What an estimator holds decides what comes out of writing it.
    except Exception as error:
        kind = type(estimator).__name__
        raise ArtifactError(
            f"{kind} cannot be stored as {format}: {type(error).__name__}: {error}",
            hint="Lambdas and functions defined inside functions cannot be stored: define them at "
            "the top of a module that can be imported.",
        ) from error


def _dump(estimator: Any, path: Path, format: ModelFormat) -> None:
    match format:
        case ModelFormat.SKOPS:
            from mlserve_cli.serialization.trust.skops_files import dump_skops

            dump_skops(estimator, path)
        case ModelFormat.PICKLE:
            from mlserve_cli.serialization.trust.pickles import dump_pickle

            dump_pickle(estimator, path)
        case _:
            from mlserve_cli.serialization.trust.pickles import dump_joblib

            dump_joblib(estimator, path)


def write_payload(
    estimator: Any,
    folder: Path,
    format: ModelFormat | None,
    verify: Callable[[Path, ModelFormat], None],
) -> tuple[ModelFormat, str]:
    """Writes an estimator in a format, or as skops where that holds it, else as joblib.

    Args:
        estimator: Fitted.
        folder: Where the file goes.
        format: None chooses.
        verify: Reads the file back and raises unless it predicts what the estimator predicts.

    Returns:
        The format, and a sentence that says why this one.

    Raises:
        MlserveError: The file does not bring the estimator back.
    """
    if format is not None:
        _write_verified(estimator, folder, format, verify)
        return format, "asked for"
    try:
        _write_verified(estimator, folder, ModelFormat.SKOPS, verify)
    except MlserveError as error:
        (folder / file_name(ModelFormat.SKOPS)).unlink(missing_ok=True)
        _write_verified(estimator, folder, ModelFormat.JOBLIB, verify)
        return ModelFormat.JOBLIB, f"skops does not hold it: {error.message}"
    return ModelFormat.SKOPS, "the estimator came back from skops whole, and skops holds no code"


def _write_verified(
    estimator: Any,
    folder: Path,
    format: ModelFormat,
    verify: Callable[[Path, ModelFormat], None],
) -> None:
    path = folder / file_name(format)
    write_estimator(estimator, path, format)
    verify(path, format)


def check_estimator(value: Any, origin: str) -> None:
    """Raises `ArtifactError` unless a value is a fitted estimator."""
    from sklearn.exceptions import NotFittedError
    from sklearn.utils.validation import check_is_fitted

    kind = f"{type(value).__module__}.{type(value).__qualname__}"
    if isinstance(value, type) or not any(
        hasattr(value, method) for method in ("predict", "transform", "fit")
    ):
        holds = f" with the keys {', '.join(map(str, value))}" if isinstance(value, dict) else ""
        raise ArtifactError(
            f"{origin} holds a {kind}{holds}; expected a fitted estimator.",
            hint="Save the estimator itself, with the preprocessing in one Pipeline.",
        )
    try:
        check_is_fitted(value)
    except NotFittedError as error:
        raise ArtifactError(
            f"{origin} holds a {kind} that is not fitted.", hint="Call its fit method first."
        ) from error
    except TypeError:
        # Not an estimator by scikit-learn's rules; it has the methods, which is all we need.
        return
