"""Converted models as files and as sessions. Imports neither scikit-learn, pandas nor scipy."""

import contextlib
import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.errors import UsageError
from mlserve_cli.inference.onnx import create_session

if TYPE_CHECKING:
    import onnxruntime

    from mlserve_cli.conversion.result import Conversion


def save_onnx(conversion: "Conversion | bytes", path: str | Path) -> Path:
    """Writes a converted model to a file and returns the path.

    The file appears whole or not at all, also where two conversions write it at once.

    Raises:
        UsageError: It cannot be written there.
    """
    target = Path(path)
    content = conversion if isinstance(conversion, bytes) else conversion.model
    beside = target.with_name(f".{target.name}.{uuid.uuid4().hex}.partial")
    try:
        with beside.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise UsageError(
            f"{target} cannot be written: {error.strerror or error}.",
            hint="Choose another place for OUT.",
        ) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink(missing_ok=True)
    return target


def create_inference_session(
    model: "str | Path | bytes", *, threads: int = 1
) -> "onnxruntime.InferenceSession":
    """An ONNX Runtime session set for serving: see `mlserve_cli.inference.onnx.create_session`."""
    return create_session(model, threads=threads)
