"""The ways to write a model, tried beside each other on the same rows."""

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.parity import ParityReport
from mlserve_cli.conversion.result import Precision, Variant
from mlserve_cli.conversion.speed import median_seconds
from mlserve_cli.conversion.verification import Remembered, Rows, verify
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.errors import MlserveError
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.onnx import OnnxPredictor

if TYPE_CHECKING:
    from mlserve_cli.conversion.result import Options
    from mlserve_cli.signature import Signature

TIMED_ROWS = (1, 1_000)

# Models above either are not written again just to tell what that would gain.
_MOST_BYTES = 2**27
_MOST_SECONDS = 60.0
# For each number of rows, about.
_TIMING_SECONDS = 0.15


@dataclass(frozen=True, slots=True)
class Candidate:
    """A model that was written and compared.

    Attributes:
        precision: Numbers that it computes with.
        model: Content of the ONNX file.
        parity: The comparison with the estimator.
    """

    precision: Precision
    model: bytes
    parity: ParityReport


def search(
    estimator: Any,
    signature: "Signature",
    first: bytes,
    rows: Rows,
    options: "Options",
    *,
    most_bytes: int = _MOST_BYTES,
) -> tuple[Candidate, tuple[Variant, ...]]:
    """The first precision that agrees, else the first of all; and what was found about each.

    Args:
        estimator: Fitted.
        signature: What it takes.
        first: The model in the first precision of the options.
        rows: Rows to compare on.
        options: What is asked for.
        most_bytes: Size of a first model above which no other is tried.
    """
    started = time.perf_counter()
    right = Remembered(EstimatorPredictor(estimator, signature))
    precision, *others = options.precisions
    candidates = [Candidate(precision, first, verify(right, first, rows, options))]
    seconds = time.perf_counter() - started
    refused: list[Variant] = []
    for other in others:
        options.on_step(f"trying {other} as well")
        reason = _reason_to_skip(len(first), most_bytes, seconds)
        try:
            if not reason:
                model = write_model(estimator, signature, replace(options, precision=other))
                report = verify(right, model, rows, options)
                candidates.append(Candidate(other, model, report))
                continue
        except MlserveError as error:
            reason = error.message
        refused.append(Variant(other, chosen=False, agrees=False, reason=reason))
    taken = next((one for one in candidates if one.parity.passed), candidates[0])
    if not others:
        return taken, ()
    times: list[dict[int, float]] = [{}]
    if len(candidates) > 1:
        options.on_step("measuring the variants")
        times = _times([OnnxPredictor(one.model, signature) for one in candidates], rows)
    tried = (
        Variant(
            precision=one.precision,
            chosen=one is taken,
            agrees=one.parity.passed,
            label_mismatches=one.parity.label_mismatches,
            max_difference=one.parity.max_difference,
            seconds=found,
        )
        for one, found in zip(candidates, times, strict=True)
    )
    return taken, (*tried, *refused)


def _reason_to_skip(size_bytes: int, most_bytes: int, seconds: float) -> str:
    if size_bytes > most_bytes:
        return f"not tried, because the model is large ({size_bytes / 1e6:.1f} MB)"
    if seconds > _MOST_SECONDS:
        return f"not tried, because comparing takes long ({seconds:.0f} s)"
    return ""


def _times(predictors: list[OnnxPredictor], rows: Rows) -> list[dict[int, float]]:
    """Seconds per call of each predictor, by rows per call."""
    times: list[dict[int, float]] = [{} for _ in predictors]
    for count in TIMED_ROWS:
        found = median_seconds(predictors, rows.batches[0], count, _TIMING_SECONDS)
        for entry, seconds in zip(times, found, strict=True):
            entry[count] = seconds
    return times
