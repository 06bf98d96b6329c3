"""Artifacts on disk: formats, trust, manifest, model repository, save and load.

`save_model`, `load_model` and `load_predictor` are imported when they are first used, because
saving needs scikit-learn and loading an ONNX model does not.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlserve_cli.serialization.load import load_model, load_predictor
    from mlserve_cli.serialization.save import save_model

__all__ = ["load_model", "load_predictor", "save_model"]

_HOMES = {"load_model": "load", "load_predictor": "load", "save_model": "save"}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
