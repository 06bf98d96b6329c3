"""Artifacts on disk: formats, trust, manifest, model repository, save and load.

Its names are imported when they are first used: saving and converting need scikit-learn, loading an
ONNX model does not.
"""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.serialization.convert import convert_onnx
    from mlserve_cli.serialization.load import load_model, load_predictor
    from mlserve_cli.serialization.save import save_model

__all__ = ["convert_onnx", "load_model", "load_predictor", "save_model"]

_HOMES = {
    "convert_onnx": "convert",
    "load_model": "load",
    "load_predictor": "load",
    "save_model": "save",
}


__getattr__ = names_from(__name__, _HOMES)
