"""MLflow model directories, read without MLflow."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mlserve_cli.errors import CorruptArtifactError, UsageError
from mlserve_cli.signature import Column, DType

MLMODEL_NAME = "MLmodel"

# MLflow's column types, https://mlflow.org/docs/latest/ml/model/signatures/.
_DTYPES = {
    "boolean": DType.BOOL,
    "integer": DType.INT64,
    "long": DType.INT64,
    "float": DType.FLOAT64,
    "double": DType.FLOAT64,
    "string": DType.STRING,
}


@dataclass(frozen=True, slots=True)
class MlflowModel:
    """What an `MLmodel` file says.

    Attributes:
        path: The model file inside the directory.
        columns: Input columns of its signature; None where it has none.
    """

    path: Path
    columns: tuple[Column, ...] | None


def read_mlflow_model(folder: Path) -> MlflowModel:
    """Reads an MLflow model directory of the `sklearn` or `onnx` flavor.

    Raises:
        CorruptArtifactError: The `MLmodel` file cannot be read, or the model file is missing.
        UsageError: A flavor that mlserve does not read.
    """
    path = folder / MLMODEL_NAME
    # Only MLflow's own folders need it.
    import yaml

    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        flavors = dict(content["flavors"])
        name = _model_file(flavors)
    # It is somebody's YAML, and any part of it may be of another type than MLflow writes.
    except (OSError, yaml.YAMLError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptArtifactError(f"{path} is not a valid MLmodel file: {error}.") from error
    if name is None:
        raise UsageError(
            f"{folder} holds an MLflow model of the flavors {', '.join(flavors)}; mlserve reads "
            "sklearn and onnx."
        )
    model = folder / name
    inside = model.resolve().is_relative_to(folder.resolve())
    if not inside or not model.is_file():
        raise CorruptArtifactError(f"{path} names the model file '{name}', which is not there.")
    return MlflowModel(model, _columns(content.get("signature"), path))


def _model_file(flavors: dict[str, Any]) -> str | None:
    for flavor, key in (("sklearn", "pickled_model"), ("onnx", "data")):
        if flavor in flavors:
            name = flavors[flavor].get(key)
            return str(name) if name else None
    return None


def _columns(signature: Any, path: Path) -> tuple[Column, ...] | None:
    try:
        if not signature or not signature.get("inputs"):
            return None
        inputs = json.loads(signature["inputs"])
        if any(column["type"] not in _DTYPES for column in inputs):
            # Tensors and nested types carry no column names.
            return None
        if any(not column.get("name") for column in inputs):
            return None
        return tuple(Column(column["name"], _DTYPES[column["type"]]) for column in inputs)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise CorruptArtifactError(f"{path} has a signature that is not valid: {error}") from error
