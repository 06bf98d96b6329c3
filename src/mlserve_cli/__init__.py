"""From model.fit to a monitored production service, from the command line.

Every command of `mlserve` is a function here, imported when it is first used:

| name | does |
|---|---|
| `save_model` | saves a fitted estimator or model file as a new version |
| `load_model` | gives the estimator back, loading only types that are known or trusted |
| `load_predictor` | gives a `Predictor`: one interface over an estimator and over ONNX |
| `inspect_model`, `list_models` | tell what a model or a repository holds, running none of it |
| `predict_file`, `predict_folder`, `BatchPredictor` | score files in bounded memory |
| `convert_onnx` | converts a saved model to ONNX, verified |
| `create_app`, `PredictionService` | models behind HTTP, and without it |
| `drift_check`, `DriftDetector` | tell whether data have changed |
| `ModelMonitor`, `PredictionMetrics` | keep latency and errors in bounded memory |
| `convert_to_onnx`, `save_onnx`, `create_inference_session`, `compare` | the parts of conversion |
"""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.batch import (
        BatchOptions,
        BatchPredictor,
        BatchReport,
        predict_file,
        predict_folder,
    )
    from mlserve_cli.conversion.convert import convert_to_onnx
    from mlserve_cli.conversion.files import create_inference_session, save_onnx
    from mlserve_cli.conversion.parity import ParityReport, compare
    from mlserve_cli.drift.check import drift_check
    from mlserve_cli.drift.detector import DriftDetector
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.inference.predictor import Engine, Prediction, Predictor
    from mlserve_cli.monitoring.model_monitor import ModelMonitor, PredictionMetrics
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
    "DriftDetector",
    "Engine",
    "MlserveError",
    "ModelMonitor",
    "ParityReport",
    "Prediction",
    "PredictionMetrics",
    "PredictionService",
    "Predictor",
    "Signature",
    "compare",
    "convert_onnx",
    "convert_to_onnx",
    "create_app",
    "create_inference_session",
    "drift_check",
    "inspect_model",
    "list_models",
    "load_model",
    "load_predictor",
    "predict_file",
    "predict_folder",
    "save_model",
    "save_onnx",
]

_HOMES = {
    "BatchOptions": "batch",
    "BatchPredictor": "batch",
    "BatchReport": "batch",
    "DriftDetector": "drift.detector",
    "Engine": "inference.predictor",
    "MlserveError": "errors",
    "ModelMonitor": "monitoring.model_monitor",
    "ParityReport": "conversion.parity",
    "Prediction": "inference.predictor",
    "PredictionMetrics": "monitoring.model_monitor",
    "PredictionService": "serving.service",
    "Predictor": "inference.predictor",
    "Signature": "signature",
    "compare": "conversion.parity",
    "convert_onnx": "serialization.convert",
    "convert_to_onnx": "conversion.convert",
    "create_app": "serving.app",
    "create_inference_session": "conversion.files",
    "drift_check": "drift.check",
    "inspect_model": "serialization.inspection",
    "list_models": "serialization.inspection",
    "load_model": "serialization.load",
    "load_predictor": "serialization.load",
    "predict_file": "batch",
    "predict_folder": "batch",
    "save_model": "serialization.save",
    "save_onnx": "conversion.files",
}


__getattr__ = names_from(__name__, _HOMES)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
