"""What a converted model says of a row depends on that row alone, to the last bit."""

from typing import Any

import conformance
import numpy as np
import pandas as pd
import pytest
from conformance_estimators import estimators
from conformance_pipelines import pipelines

from mlserve_cli.conversion.result import Options, Precision
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.errors import UnsupportedEstimatorError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.onnx import OnnxPredictor

ROWS = 100
SIZES = (1, 2, 3, 7, 16)
CASES = dict([*estimators(), *pipelines()])
# At most one in ten has no ONNX form; the rest are compared.
FEWEST = 400


def cut(batch: Any, start: int, stop: int) -> Any:
    if isinstance(batch, dict):
        return {name: values[start:stop] for name, values in batch.items()}
    return batch[start:stop]


def answers(predictor: OnnxPredictor, batch: Any) -> list[Any]:
    found: list[Any] = [predictor.predict(batch).labels]
    if predictor._outputs.probabilities is not None:
        found.append(predictor.predict(batch, probabilities=True).probabilities)
    if predictor._outputs.decision is not None:
        found.append(predictor.decision_function(batch))
    return found


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(one, other, equal_nan=one.dtype.kind == "f")


def sizes_that_differ(predictor: OnnxPredictor, batch: Any, rows: int) -> list[int]:
    whole = answers(predictor, batch)
    differing = []
    for size in SIZES:
        blocks = [(start, min(start + size, rows)) for start in range(0, rows, size)]
        parts = [answers(predictor, cut(batch, *block)) for block in blocks]
        joined = [np.concatenate(part) for part in zip(*parts, strict=True)]
        if not all(same(one, other[:rows]) for one, other in zip(joined, whole, strict=True)):
            differing.append(size)
    return differing


def converted(estimator: Any, data: Any, precision: Precision) -> tuple[OnnxPredictor, Any]:
    frame = data if isinstance(data, pd.DataFrame) else None
    of_numbers = hasattr(estimator, "n_features_in_") or frame is not None
    columns = None if of_numbers else conformance._one(data)
    signature = describe_estimator(estimator, frame, columns=columns)
    predictor = OnnxPredictor(write_model(estimator, signature, Options(precision=precision)))
    if frame is not None:
        return predictor, to_batch(frame, signature)
    return predictor, {"text": data} if conformance._is_text(data) else np.asarray(data)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_no_result_depends_on_the_rows_beside_it() -> None:
    compared, differing = 0, {}
    for name, fit in CASES.items():
        with np.errstate(all="ignore"):
            estimator, data = fit()
            if not (hasattr(estimator, "predict") or hasattr(estimator, "transform")):
                continue
            for precision in (Precision.FLOAT64, Precision.FLOAT32):
                try:
                    predictor, batch = converted(estimator, data, precision)
                except UnsupportedEstimatorError:
                    continue
                compared += 1
                if found := sizes_that_differ(predictor, batch, min(ROWS, len(data))):
                    differing[name, precision.value] = found
    assert differing == {}
    assert compared >= FEWEST
