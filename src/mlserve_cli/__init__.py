"""From model.fit to a monitored production service, from the command line.

Every command of `mlserve` is a function here, imported when it is first used:

| name | does |
|---|---|
| `save_model` | saves a fitted estimator or model file as a new version |
| `load_model` | gives the estimator back, loading only types that are known or trusted |
| `load_predictor` | gives a `Predictor`: one interface over an estimator and over ONNX |
| `inspect_model`, `list_models` | tell what a model or a repository holds, running none of it |
| `predict_file`, `BatchPredictor` | score a file in bounded memory |
| `convert_onnx` | converts a saved model to ONNX, verified |
| `create_app`, `PredictionService` | models behind HTTP, and without it |
| `convert_to_onnx`, `save_onnx`, `create_inference_session`, `compare` | the parts of that |
"""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.batch import BatchOptions, BatchPredictor, BatchReport, predict_file
    from mlserve_cli.conversion.convert import convert_to_onnx
    from mlserve_cli.conversion.files import create_inference_session, save_onnx
    from mlserve_cli.conversion.parity import ParityReport, compare
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.inference.predictor import Engine, Prediction, Predictor
    from mlserve_cli.serialization.convert import convert_onnx
    from mlserve_cli.serialization.inspection import inspect_model, list_models
    from mlserve_cli.serialization.load import load_model, load_predictor
    from mlserve_cli.serialization.save import save_model
    from mlserve_cli.serving.app import create_app
    from mlserve_cli.serving.service import PredictionService
    from mlserve_cli.signature import Signature

__all__ = [
    "BatchOptions",
    "BatchPredictor",
    "BatchReport",
    "Engine",
    "MlserveError",
    "ParityReport",
    "Prediction",
    "PredictionService",
    "Predictor",
    "Signature",
    "compare",
    "convert_onnx",
    "convert_to_onnx",
    "create_app",
    "create_inference_session",
    "inspect_model",
    "list_models",
    "load_model",
    "load_predictor",
    "predict_file",
    "save_model",
    "save_onnx",
]

_HOMES = {
    "BatchOptions": "batch",
    "BatchPredictor": "batch",
    "BatchReport": "batch",
    "Engine": "inference.predictor",
    "MlserveError": "errors",
    "ParityReport": "conversion.parity",
    "Prediction": "inference.predictor",
    "PredictionService": "serving.service",
    "Predictor": "inference.predictor",
    "Signature": "signature",
    "compare": "conversion.parity",
    "convert_onnx": "serialization.convert",
    "convert_to_onnx": "conversion.convert",
    "create_app": "serving.app",
    "create_inference_session": "conversion.files",
    "inspect_model": "serialization.inspection",
    "list_models": "serialization.inspection",
    "load_model": "serialization.load",
    "load_predictor": "serialization.load",
    "predict_file": "batch",
    "save_model": "serialization.save",
    "save_onnx": "conversion.files",
}


__getattr__ = names_from(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
