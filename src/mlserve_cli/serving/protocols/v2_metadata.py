"""What a server and its models say about themselves in the Open Inference Protocol."""

import importlib.metadata
from typing import TYPE_CHECKING, Any

from mlserve_cli.serving.protocols.v2 import outputs_of
from mlserve_cli.signature import DType, Signature

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.service import ModelState

EXTENSIONS = ("binary_tensor_data", "model_repository")

_DATATYPES = {
    DType.FLOAT64: "FP64",
    DType.INT64: "INT64",
    DType.BOOL: "BOOL",
    DType.STRING: "BYTES",
    DType.CATEGORICAL: "BYTES",
}


def server_metadata() -> dict[str, Any]:
    """The answer of `/v2`."""
    return {
        "name": "mlserve",
        "version": importlib.metadata.version("mlserve-cli"),
        "extensions": list(EXTENSIONS),
    }


def model_metadata(model: "LoadedModel", versions: list[int]) -> dict[str, Any]:
    """The answer of `/v2/models/NAME`."""
    return {
        "name": model.name,
        "versions": [str(version) for version in versions],
        "platform": f"mlserve_{model.predictor.engine.value}",
        "inputs": input_tensors(model),
        "outputs": [output_tensor(model.signature, name) for name in outputs_of(model)],
    }


def input_tensors(model: "LoadedModel") -> list[dict[str, Any]]:
    """The tensors that a request holds: one matrix, or one per column."""
    signature = model.signature
    if model.reader.is_matrix:
        return [{"name": "input", "datatype": "FP64", "shape": [-1, model.reader.width]}]
    return [
        {
            "name": column.name,
            "datatype": _datatype(column.dtype, column.categories),
            "shape": [-1, 1],
        }
        for column in signature.columns
    ]


def index(states: "list[ModelState]") -> list[dict[str, str]]:
    """The answer of `/v2/repository/index`."""
    return [
        {
            "name": state.name,
            "version": str(state.version),
            "state": "READY" if state.ready else "UNAVAILABLE",
            "reason": "",
        }
        for state in states
    ]


def _datatype(dtype: DType, categories: Any) -> str:
    if dtype is DType.CATEGORICAL and categories:
        kinds = {type(category) for category in categories}
        if kinds <= {int}:
            return "INT64"
        if kinds <= {int, float}:
            return "FP64"
        if kinds <= {bool}:
            return "BOOL"
    return _DATATYPES[dtype]


def output_tensor(signature: Signature, name: str) -> dict[str, Any]:
    """The tensor that an answer holds for one of the model's outputs."""
    width = {
        "predict": len(signature.outputs),
        "predict_proba": len(signature.classes) if signature.classes else -1,
        "decision_function": len(signature.decision),
    }[name]
    datatype = _DATATYPES[signature.label_dtype] if name == "predict" else "FP64"
    shape = [-1] if width == 1 and name != "predict_proba" else [-1, width]
    return {"name": name, "datatype": datatype, "shape": shape}
