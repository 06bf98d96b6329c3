"""Estimators to ONNX, with proof that both agree.

Names are imported when they are first used: comparing and opening sessions need no scikit-learn.
"""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.conversion.convert import convert_to_onnx
    from mlserve_cli.conversion.files import create_inference_session, save_onnx
    from mlserve_cli.conversion.parity import ParityReport, compare
    from mlserve_cli.conversion.result import Conversion, Options, Precision

__all__ = [
    "Conversion",
    "Options",
    "ParityReport",
    "Precision",
    "compare",
    "convert_to_onnx",
    "create_inference_session",
    "save_onnx",
]

_HOMES = {
    "Conversion": "result",
    "Options": "result",
    "ParityReport": "parity",
    "Precision": "result",
    "compare": "parity",
    "convert_to_onnx": "convert",
    "create_inference_session": "files",
    "save_onnx": "files",
}


__getattr__ = names_from(__name__, _HOMES)
