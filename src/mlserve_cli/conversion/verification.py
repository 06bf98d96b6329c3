"""Comparison of a converted model with its estimator, and the search for the step at fault."""

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import pandas as pd

from mlserve_cli.conversion.parity import ParityReport, RowSource, compare
from mlserve_cli.conversion.sampling import generated_batches
from mlserve_cli.errors import EngineError, MlserveError, SignatureError
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.onnx import OnnxPredictor

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch
    from mlserve_cli.signature import Signature

    Data = pd.DataFrame | NDArray[Any] | Mapping[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to compare on, in batches, and where they come from."""

    batches: "tuple[Batch, ...]"
    source: RowSource

    @classmethod
    def of(
        cls, estimator: Any, signature: "Signature", data: "Data | None", source: RowSource
    ) -> "Rows":
        """The data's rows, or, where there is none, generated ones that the estimator takes."""
        if data is not None:
            batch = to_batch(data, signature) if isinstance(data, pd.DataFrame) else data
            return cls((batch,), source)
        predictor = EstimatorPredictor(estimator, signature)
        batches = generated_batches(estimator, signature)
        taken = tuple(batch for batch in batches if _takes(predictor, batch))
        if not taken:
            raise EngineError(
                "The model refuses every row made from its signature, so the conversion cannot "
                "be verified.",
                hint="Give rows that it takes: --data FILE",
            )
        return cls(taken, RowSource.GENERATED)


def _takes(predictor: EstimatorPredictor, batch: "Batch") -> bool:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            predictor.predict(batch)
    except MlserveError:
        return False
    return True


def verify(
    estimator: Any, signature: "Signature", model: bytes, rows: Rows, tolerance: float
) -> ParityReport:
    """Compares the model with the estimator on every batch."""
    right = EstimatorPredictor(estimator, signature)
    names = {output.name for output in onnx.load_from_string(model).graph.output}
    checked = replace(
        signature,
        probabilities=signature.probabilities and "probabilities" in names,
        decision=signature.decision if "decision" in names else (),
    )
    candidate = OnnxPredictor(model, checked)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return merged(
            compare(right, candidate, batch, tolerance=tolerance, source=rows.source)
            for batch in rows.batches
        )


def merged(reports: "Iterable[ParityReport]") -> ParityReport:
    """One report over several batches; row numbers count through all of them.

    Raises:
        SignatureError: There are no batches.
    """
    total: ParityReport | None = None
    for report in reports:
        if total is None:
            total = report
            continue
        moved = tuple(replace(one, row=one.row + total.rows) for one in report.worst_rows)
        total = replace(
            total,
            rows=total.rows + report.rows,
            label_mismatches=total.label_mismatches + report.label_mismatches,
            max_difference=max(total.max_difference, report.max_difference),
            worst_rows=(total.worst_rows + moved)[:5],
        )
    if total is None:
        raise SignatureError("There are no rows to compare on.")
    return total
