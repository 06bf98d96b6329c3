"""Comparison of a converted model with its estimator, and the search for the step at fault."""

import time
import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlserve_cli.conversion.jumps import rows_at_jumps
from mlserve_cli.conversion.parity import ParityReport, RowSource, compare
from mlserve_cli.conversion.sampling import generated_batches, plain_columns
from mlserve_cli.errors import EngineError, MlserveError, SignatureError
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.onnx import OnnxPredictor
from mlserve_cli.signature import Layout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from numpy.typing import NDArray

    from mlserve_cli.conversion.result import Options
    from mlserve_cli.inference.predictor import Batch, Engine, Prediction, Predictor
    from mlserve_cli.signature import Signature

    Data = pd.DataFrame | NDArray[Any] | Mapping[str, NDArray[Any]]


# Seconds of scoring by the estimator that a verification may take, about. Each row is scored up to
# three times in the comparison, after a first trial.
_SECONDS = 20.0
_JUMP_SECONDS = 3.0
_CALLS = 4
# A call costs much beside its rows, in forests above all: trials grow by this factor while they
# take a small share of the time.
_TRIAL_ROWS = 5
_TRIAL_GROWTH = 8
_TRIAL_SHARE = 0.1


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows to compare on.

    Attributes:
        batches: They.
        source: Where they come from.
        skipped: How many more there were than the estimator could score in bounded time.
    """

    batches: "tuple[Batch, ...]"
    source: RowSource
    skipped: int = 0

    @classmethod
    def of(
        cls,
        estimator: Any,
        signature: "Signature",
        data: "Data | None",
        source: RowSource,
        *,
        seconds: float = _SECONDS,
    ) -> "Rows":
        """The data's rows, or, where there is none, generated ones that the estimator takes.

        In both cases rows either side of jumps in the estimator's answers are added. There are as
        many rows as the estimator scores in the given time, about.
        """
        trial = _Trial(EstimatorPredictor(estimator, signature), seconds)
        columns: Mapping[str, NDArray[Any]]
        if data is not None:
            batch = to_batch(data, signature) if isinstance(data, pd.DataFrame) else data
            batches = [trial.shortened(batch)]
            columns = _columns(batches[0], signature)
        else:
            source = RowSource.GENERATED
            tried = map(trial.taken, generated_batches(estimator, signature))
            batches = [batch for batch in tried if batch is not None]
            columns = plain_columns(estimator, signature)
        if not batches:
            raise EngineError(
                "The model refuses every row made from its signature, so the conversion cannot "
                "be verified.",
                hint="Give rows that it takes: --data FILE",
            )
        if _count(columns) > 1 and trial.seconds_left > _JUMP_SECONDS:
            random = np.random.default_rng(0)
            jumps = rows_at_jumps(trial.predictor, dict(columns), random, seconds=_JUMP_SECONDS)
            if jumps is not None:
                batches.append(_assembled(jumps, signature))
        return cls(tuple(batches), source, trial.skipped)


class _Trial:
    """Tries batches on the estimator, and leaves out rows that it has no time for."""

    def __init__(self, predictor: EstimatorPredictor, seconds: float) -> None:
        self.predictor = predictor
        self.seconds_left = seconds
        self.skipped = 0
        self._row_seconds = 0.0

    def taken(self, batch: "Batch") -> "Batch | None":
        """The batch, as far as there is time for it; None if the estimator refuses it."""
        if self._seconds(_part(batch, slice(_TRIAL_ROWS))) is None:
            # One row of a kind may be fine where the first few are not, but that is rare.
            return None
        batch = self.shortened(batch)
        return batch if self._seconds(batch) is not None else None

    def shortened(self, batch: "Batch") -> "Batch":
        """Rows spread evenly over the batch, as many as there is time for."""
        count, tried = _count(batch), _TRIAL_ROWS
        if not self._row_seconds:
            self._seconds(_part(batch, slice(tried)))
        while self._most < count and self._is_short(tried := tried * _TRIAL_GROWTH):
            self._seconds(_part(batch, slice(tried)))
        most = self._most
        if count > most:
            self.skipped += count - most
            batch = _part(batch, np.linspace(0, count - 1, most).astype(np.int64))
        self.seconds_left -= min(count, most) * self._row_seconds * (_CALLS - 1)
        return batch

    @property
    def _most(self) -> int:
        """As many rows as there is time for."""
        return max(1, int(self.seconds_left / (self._row_seconds * _CALLS + 1e-12)))

    def _is_short(self, rows: int) -> bool:
        return rows * self._row_seconds < self.seconds_left * _TRIAL_SHARE

    def _seconds(self, batch: "Batch") -> float | None:
        start = time.perf_counter()
        try:
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                self.predictor.predict(batch)
        except MlserveError:
            return None
        finally:
            seconds = time.perf_counter() - start
            self.seconds_left -= seconds
        # Small batches cost more by the row; the largest one seen tells best.
        rate = seconds / max(1, _count(batch))
        self._row_seconds = min(self._row_seconds or rate, rate)
        return seconds


def _count(batch: "Batch") -> int:
    return len(batch if isinstance(batch, np.ndarray) else next(iter(batch.values())))


def _part(batch: "Batch", rows: "slice | NDArray[np.int64]") -> "Batch":
    if isinstance(batch, np.ndarray):
        return batch[rows]
    return {name: np.asarray(values)[rows] for name, values in batch.items()}


def _columns(batch: "Batch", signature: "Signature") -> "Mapping[str, NDArray[Any]]":
    if isinstance(batch, np.ndarray):
        return dict(zip(signature.names, batch.T, strict=True))
    return batch


def _assembled(columns: "Mapping[str, NDArray[Any]]", signature: "Signature") -> "Batch":
    if signature.layout is Layout.FRAME:
        return columns
    return np.column_stack([values.astype(np.float64) for values in columns.values()])


class Remembered:
    """A predictor that answers only once for the same batch, so that comparing again is cheap."""

    def __init__(self, predictor: "Predictor") -> None:
        self._predictor = predictor
        # The batches are kept, so that their identities stay theirs.
        self._known: dict[tuple[int, str], tuple[Batch, Any]] = {}

    @property
    def engine(self) -> "Engine":
        """Where scoring runs."""
        return self._predictor.engine

    @property
    def signature(self) -> "Signature":
        """What the model takes and returns."""
        return self._predictor.signature

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> "Prediction":
        """See `Predictor.predict`."""
        found: Prediction = self._answer(
            f"predict {probabilities}",
            batch,
            lambda: self._predictor.predict(batch, probabilities=probabilities),
        )
        return found

    def decision_function(self, batch: "Batch") -> "NDArray[np.float64]":
        """See `Predictor.decision_function`."""
        found: NDArray[np.float64] = self._answer(
            "decision", batch, lambda: self._predictor.decision_function(batch)
        )
        return found

    def _answer(self, question: str, batch: "Batch", ask: "Callable[[], Any]") -> Any:
        key = (id(batch), question)
        if key not in self._known:
            self._known[key] = (batch, ask())
        return self._known[key][1]


def verify(right: "Predictor", model: bytes, rows: Rows, options: "Options") -> ParityReport:
    """Compares the model with its estimator's predictor on every batch."""
    candidate = OnnxPredictor(model, right.signature)

    def reports() -> "Iterator[ParityReport]":
        for number, batch in enumerate(rows.batches, start=1):
            options.on_step(f"comparing batch {number} of {len(rows.batches)}")
            yield compare(right, candidate, batch, tolerance=options.tolerance, source=rows.source)

    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return replace(merged(reports()), skipped=rows.skipped)


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
