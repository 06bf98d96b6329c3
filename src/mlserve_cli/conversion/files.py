"""Converted models as files and as sessions. Imports neither scikit-learn, pandas nor scipy."""

from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.inference.onnx import create_session

if TYPE_CHECKING:
    import onnxruntime

    from mlserve_cli.conversion.result import Conversion


def save_onnx(conversion: "Conversion | bytes", path: str | Path) -> Path:
    """Writes a converted model to a file, beside its target first; returns the path."""
    target = Path(path)
    content = conversion if isinstance(conversion, bytes) else conversion.model
    beside = target.with_name(f".{target.name}.partial")
    beside.write_bytes(content)
    beside.replace(target)
    return target


def create_inference_session(
    model: "str | Path | bytes", *, threads: int = 1
) -> "onnxruntime.InferenceSession":
    """An ONNX Runtime session set for serving: see `mlserve_cli.inference.onnx.create_session`."""
    return create_session(model, threads=threads)
