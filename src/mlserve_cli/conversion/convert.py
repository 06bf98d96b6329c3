"""Conversion of a fitted estimator to ONNX, verified against the estimator."""

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import onnx
import pandas as pd

from mlserve_cli.conversion.diagnosis import faulty_step
from mlserve_cli.conversion.graph import ML_DOMAIN
from mlserve_cli.conversion.outputs import has_label
from mlserve_cli.conversion.parity import ParityReport, RowSource, shown_difference
from mlserve_cli.conversion.result import Conversion, Options, Variant
from mlserve_cli.conversion.variants import Candidate, search
from mlserve_cli.conversion.verification import Rows, verify
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.errors import MlserveError, ParityError, UsageError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.signature import Signature

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.conversion.verification import Data


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
    # What has no ONNX form is refused before rows are made, which takes longer.
    first = write_model(estimator, signature, replace(options, precision=options.precisions[0]))
    options.on_step("choosing rows to compare on")
    rows = Rows.of(estimator, signature, data, source)
    taken, variants = search(estimator, signature, first, rows, options)
    parity = taken.parity
    if not parity.passed:
        options.on_step("looking for the step that differs")
        written = replace(options, precision=taken.precision, outputs=None)
        parity = replace(parity, cause=_cause(estimator, signature, rows, written))
    if not has_label(options.outputs):
        exact = replace(options, precision=taken.precision)
        taken = replace(taken, model=write_model(estimator, signature, exact, with_label=False))
    conversion = _conversion(taken, parity, signature, variants)
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
        model = write_model(part, taken, options)
        return verify(EstimatorPredictor(part, taken), model, rows, options).passed

    try:
        return faulty_step(estimator, signature, agrees)
    except MlserveError:
        # Some beginning of the model cannot stand alone; then the cause stays unknown.
        return None


def _conversion(
    taken: Candidate, parity: ParityReport, signature: Signature, variants: tuple[Variant, ...]
) -> Conversion:
    model = onnx.load_from_string(taken.model)
    versions = {one.domain: one.version for one in model.opset_import}
    return Conversion(
        model=taken.model,
        precision=taken.precision,
        parity=parity,
        signature=signature,
        opset=versions[""],
        ml_opset=versions.get(ML_DOMAIN),
        operators=dict(Counter(node.op_type for node in model.graph.node)),
        variants=variants,
    )


def _disagreement(parity: ParityReport) -> str:
    parts = [
        (
            f"The ONNX model differs from the estimator on {parity.rows} rows of {parity.source}: "
            f"{parity.label_mismatches} labels differ, and numbers by up to "
            f"{shown_difference(parity.max_difference)}; expected at most {parity.tolerance:.2g}."
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
