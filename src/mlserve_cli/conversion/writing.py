"""Writes an estimator as an ONNX model and what the file says about itself; verifies nothing."""

import json
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
import onnx
from google.protobuf.message import EncodeError

from mlserve_cli.conversion.families import SCORES, TRANSFORMS
from mlserve_cli.conversion.graph import OPSET, Graph
from mlserve_cli.conversion.inputs import declare_inputs
from mlserve_cli.conversion.outputs import chosen, translate_outputs
from mlserve_cli.conversion.result import Precision
from mlserve_cli.conversion.table import MISSING_TEXT
from mlserve_cli.conversion.translator import Translator, type_name
from mlserve_cli.errors import UnsupportedEstimatorError, UsageError
from mlserve_cli.inference.onnx_signature import SIGNATURE_ENTRY

if TYPE_CHECKING:
    from mlserve_cli.conversion.result import Options
    from mlserve_cli.signature import Signature

# Libraries whose versions are noted in the file.
_NOTED = ("mlserve-cli", "scikit-learn", "numpy", "onnx")

# Bound of one intermediate result, and what nobody scores at once.
_MOST_BYTES = 2**25
_MANY_ROWS = 100_000


def write_model(
    estimator: Any, signature: "Signature", options: "Options", *, with_label: bool = True
) -> bytes:
    """The content of an ONNX file; AUTO precision writes double.

    Args:
        estimator: Fitted.
        signature: What it takes.
        options: Precision, opset, outputs and metadata.
        with_label: Whether what the model predicts is among the outputs in any case, so that it can
            be compared.

    Raises:
        UnsupportedEstimatorError: Some step has no exact ONNX form, or there is too much of it.
        UsageError: An opset or an output that does not exist.
    """
    newest = onnx.defs.onnx_opset_version()
    if options.opset is not None and not OPSET <= options.opset <= newest:
        raise UsageError(
            f"Opset {options.opset} is unknown or lacks operators that exact models need; "
            f"expected {OPSET} to {newest}.",
            hint=f"Leave --opset out: {OPSET} is what runs everywhere.",
        )
    options.on_step("writing the graph")

    def tell(what: str) -> None:
        options.on_step(f"writing the graph: {what}")

    graph = Graph(np.float32 if options.precision is Precision.FLOAT32 else np.float64, tell)
    translator = Translator(graph, TRANSFORMS, SCORES, tell)
    table = declare_inputs(graph, signature)
    available = translate_outputs(translator, estimator, table, signature)
    model = graph.model(chosen(available, options.outputs, with_label=with_label))
    if options.opset is not None:
        next(one for one in model.opset_import if not one.domain).version = options.opset
    entries = _metadata(estimator, signature, graph) | dict(options.metadata)
    onnx.helper.set_model_props(model, entries)
    try:
        content: bytes = model.SerializeToString()
    except (EncodeError, ValueError) as error:
        raise UnsupportedEstimatorError(
            "It takes more than 2 GB, which an ONNX file cannot hold."
        ) from error
    return content


def _metadata(estimator: Any, signature: "Signature", graph: Graph) -> dict[str, str]:
    entries: dict[str, Any] = {
        "task": str(signature.task),
        "estimator": type_name(estimator),
        "classes": list(signature.classes) if signature.classes else None,
        "missing_text": MISSING_TEXT,
        "max_rows": _most_rows(graph.row_bytes),
        "versions": {name: version(name) for name in _NOTED},
    }
    noted = {
        f"mlserve.{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in entries.items()
        if value is not None
    }
    return noted | {SIGNATURE_ENTRY: msgspec.json.encode(signature).decode()}


def _most_rows(row_bytes: int) -> int | None:
    """How many rows to score at once, so that no intermediate result grows past a bound."""
    rows = max(1, _MOST_BYTES // max(1, row_bytes))
    return rows if rows < _MANY_ROWS else None
