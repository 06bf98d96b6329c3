"""What a converted model says of a row depends on that row alone, to the last bit."""

from collections.abc import Iterator
from typing import Any

import conformance
import numpy as np
import pandas as pd
import pytest
from conformance_estimators import estimators
from conformance_pipelines import pipelines
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ExpSineSquared
from sklearn.kernel_approximation import RBFSampler, SkewedChi2Sampler
from sklearn.mixture import GaussianMixture
from sklearn.naive_bayes import GaussianNB
from sklearn.preprocessing import FunctionTransformer, Normalizer
from sklearn.svm import SVC

from mlserve_cli.conversion.result import Options, Precision
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.errors import UnsupportedEstimatorError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.onnx import OnnxPredictor

ROWS = 60
SIZES = (1, 3, 6)
_WIDE = np.random.default_rng(7).normal(scale=30.0, size=(101, 5))
# Where ONNX Runtime's vectors hold values of two rows: odd widths, and large angles.
_ODD: dict[str, Any] = {
    "RBFSampler, 7": RBFSampler(n_components=7),
    "SkewedChi2Sampler, 5": SkewedChi2Sampler(n_components=5, skewedness=500.0),
    "sine": FunctionTransformer(np.sin),
    "GaussianProcessRegressor, 101": GaussianProcessRegressor(
        ExpSineSquared(), alpha=200.0, optimizer=None
    ),
    "GaussianNB, 5": GaussianNB(),
    "Normalizer, 5": Normalizer("l1"),
    "GaussianMixture, 5": GaussianMixture(3, random_state=0),
    "SVC, 3": SVC(probability=True, max_iter=50),
}


def odd() -> Iterator[tuple[str, Any]]:
    for name, estimator in _ODD.items():
        yield name, lambda each=estimator: (each.fit(_WIDE, np.arange(101) % 3), _WIDE)


CASES = dict([*estimators(), *pipelines(), *odd()])
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
