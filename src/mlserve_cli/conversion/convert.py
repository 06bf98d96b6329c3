"""Conversion of a fitted estimator to ONNX, verified against the estimator."""

import json
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pandas as pd

from mlserve_cli.conversion.diagnosis import faulty_step
from mlserve_cli.conversion.families import SCORES, TRANSFORMS
from mlserve_cli.conversion.graph import ML_DOMAIN, OPSET, Graph
from mlserve_cli.conversion.inputs import declare_inputs
from mlserve_cli.conversion.outputs import chosen, translate_outputs
from mlserve_cli.conversion.parity import ParityReport, RowSource
from mlserve_cli.conversion.result import Conversion, Options, Precision
from mlserve_cli.conversion.table import MISSING_TEXT
from mlserve_cli.conversion.translator import Translator, type_name
from mlserve_cli.conversion.verification import Rows, verify
from mlserve_cli.errors import MlserveError, ParityError, UsageError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.conversion.verification import Data

# Libraries whose versions are noted in the file.
_NOTED = ("mlserve-cli", "scikit-learn", "numpy", "onnx")

# Bound of one intermediate result, and what nobody scores at once.
_MOST_BYTES = 2**25
_MANY_ROWS = 100_000


def convert_to_onnx(
    estimator: Any,
    signature: "Signature | Sequence[int | None] | None" = None,
    *,
    data: "Data | None" = None,
    source: RowSource = RowSource.DATA,
    options: Options | None = None,
    allow_mismatch: bool = False,
) -> Conversion:
    """Converts a fitted estimator and compares the result with it.

    Args:
        estimator: Fitted; scikit-learn's, or a boosting library's.
        signature: What it takes, or the shape of its input, such as `(None, 4)`; learnt from the
            estimator and the data if not given.
        data: Rows to compare on: a frame, a matrix or a mapping of columns. Rows made from the
            signature and the model (thresholds hit exactly, extremes, missing values, unknown
            categories) are compared in any case where there is no data.
        source: Where the data comes from, for the report.
        options: Precision, tolerance, opset, outputs, metadata, and who is told of progress.
        allow_mismatch: Whether to return a model that does not agree.

    Raises:
        UnsupportedEstimatorError: Some step has no exact ONNX form.
        ParityError: The converted model disagrees.
        UsageError: An opset or an output that does not exist.
    """
    options = options or Options()
    if not isinstance(signature, Signature):
        signature = _signature(estimator, signature, data)
    precision = Precision.FLOAT32 if options.precision is Precision.FLOAT32 else Precision.FLOAT64
    options = replace(options, precision=precision)
    # What has no ONNX form is refused before rows are made, which takes longer.
    model = write_model(estimator, signature, options)
    options.on_step("choosing rows to compare on")
    rows = Rows.of(estimator, signature, data, source)
    content = model.SerializeToString()
    parity = verify(estimator, signature, content, rows, options)
    if not parity.passed:
        options.on_step("looking for the step that differs")
        written = replace(options, outputs=None)
        parity = replace(parity, cause=_cause(estimator, signature, rows, written))
    conversion = _conversion(model, precision, parity, signature)
    if not parity.passed and not allow_mismatch:
        raise ParityError(_disagreement(parity), conversion)
    return conversion


def _signature(
    estimator: Any, shape: "Sequence[int | None] | None", data: "Data | None"
) -> Signature:
    signature = describe_estimator(estimator, data if isinstance(data, pd.DataFrame) else None)
    if shape is not None and shape[-1] != len(signature.columns):
        raise UsageError(
            f"The input shape {tuple(shape)} has {shape[-1]} columns; the model was fitted on "
            f"{len(signature.columns)}."
        )
    return signature


def _cause(estimator: Any, signature: "Signature", rows: Rows, options: Options) -> str | None:
    def agrees(part: Any, taken: "Signature") -> bool:
        model = write_model(part, taken, options).SerializeToString()
        return verify(part, taken, model, rows, options).passed

    try:
        return faulty_step(estimator, signature, agrees)
    except MlserveError:
        # Some beginning of the model cannot stand alone; then the cause stays unknown.
        return None


def write_model(estimator: Any, signature: "Signature", options: Options) -> onnx.ModelProto:
    """The ONNX model, not verified.

    Raises:
        UnsupportedEstimatorError: Some step has no exact ONNX form.
    """
    newest = onnx.defs.onnx_opset_version()
    if options.opset is not None and not OPSET <= options.opset <= newest:
        raise UsageError(
            f"Opset {options.opset} is unknown or lacks operators that exact models need; "
            f"expected {OPSET} to {newest}.",
            hint=f"Leave --opset out: {OPSET} is what runs everywhere.",
        )
    graph = Graph(np.float32 if options.precision is Precision.FLOAT32 else np.float64)
    options.on_step("writing the graph")
    translator = Translator(
        graph, TRANSFORMS, SCORES, lambda path: options.on_step(f"writing the graph: {path}")
    )
    table = declare_inputs(graph, signature)
    available = translate_outputs(translator, estimator, table, signature.task)
    model = graph.model(chosen(available, options.outputs))
    if options.opset is not None:
        next(one for one in model.opset_import if not one.domain).version = options.opset
    entries = _metadata(estimator, signature, graph) | dict(options.metadata)
    onnx.helper.set_model_props(model, entries)
    return model


def _metadata(estimator: Any, signature: "Signature", graph: Graph) -> dict[str, str]:
    columns = [{"name": one.name, "dtype": str(one.dtype)} for one in signature.columns]
    entries: dict[str, Any] = {
        "task": str(signature.task),
        "estimator": type_name(estimator),
        "columns": columns,
        "classes": list(signature.classes) if signature.classes else None,
        "missing_text": MISSING_TEXT,
        "max_rows": _most_rows(graph.row_bytes),
        "versions": {name: version(name) for name in _NOTED},
    }
    return {
        f"mlserve.{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in entries.items()
        if value is not None
    }


def _most_rows(row_bytes: int) -> int | None:
    """How many rows to score at once, so that no intermediate result grows past a bound."""
    rows = max(1, _MOST_BYTES // max(1, row_bytes))
    return rows if rows < _MANY_ROWS else None


def _conversion(
    model: onnx.ModelProto, precision: Precision, parity: ParityReport, signature: "Signature"
) -> Conversion:
    versions = {one.domain: one.version for one in model.opset_import}
    operators: dict[str, int] = {}
    for node in model.graph.node:
        operators[node.op_type] = operators.get(node.op_type, 0) + 1
    return Conversion(
        model=model.SerializeToString(),
        precision=precision,
        parity=parity,
        signature=signature,
        opset=versions[""],
        ml_opset=versions.get(ML_DOMAIN),
        operators=operators,
    )


def _disagreement(parity: ParityReport) -> str:
    parts = [
        (
            f"The ONNX model differs from the estimator on {parity.rows} rows of {parity.source}: "
            f"{parity.label_mismatches} labels differ, and numbers by up to "
            f"{parity.max_difference:.3g}; expected at most {parity.tolerance:.3g}."
        )
    ]
    if parity.worst_rows:
        first = parity.worst_rows[0]
        parts.append(
            f"Row {first.row + 1}, {first.output}: expected {first.expected}, found {first.found}."
        )
    if parity.cause:
        parts.append(f"The first step that differs is {parity.cause!r}.")
    return " ".join(parts)
