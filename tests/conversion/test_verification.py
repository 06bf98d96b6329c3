import time
from typing import Any

import numpy as np
import pytest
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.parity import RowSource
from mlserve_cli.conversion.result import Options
from mlserve_cli.conversion.verification import Rows
from mlserve_cli.errors import EngineError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.onnx import OnnxPredictor


class Slow(RegressorMixin, BaseEstimator):
    """Takes a fixed time for each row."""

    def fit(self, features: Any, values: Any) -> "Slow":
        self.n_features_in_ = features.shape[1]
        return self

    def predict(self, features: Any) -> Any:
        time.sleep(2e-4 * len(features))
        return np.asarray(features)[:, 0]


def test_a_slow_estimator_is_compared_on_fewer_rows_of_the_data() -> None:
    features, values = load_diabetes(return_X_y=True)
    model = Slow().fit(features, values)
    signature = describe_estimator(model)
    rows = Rows.of(model, signature, features, RowSource.DATA, seconds=0.1)
    [batch] = rows.batches
    assert 0 < len(batch) < len(features)
    assert rows.skipped == len(features) - len(batch)
    # Spread over all of them, not the first ones.
    np.testing.assert_array_equal(np.asarray(batch)[-1], features[-1])


def test_an_estimator_whose_calls_cost_more_than_its_rows_is_compared_on_all_of_them() -> None:
    class SlowCalls(Slow):
        def predict(self, features: Any) -> Any:
            time.sleep(0.02)
            return np.asarray(features)[:, 0]

    features, values = load_diabetes(return_X_y=True)
    model = SlowCalls().fit(features, values)
    rows = Rows.of(model, describe_estimator(model), features, RowSource.DATA, seconds=3)
    assert rows.skipped == 0


def test_a_slow_estimator_is_compared_on_fewer_generated_rows() -> None:
    features, values = load_diabetes(return_X_y=True)
    model = Slow().fit(features, values)
    signature = describe_estimator(model)
    few = Rows.of(model, signature, None, RowSource.GENERATED, seconds=0.05)
    many = Rows.of(model, signature, None, RowSource.GENERATED, seconds=60)
    assert few.skipped > many.skipped == 0
    assert few.source is RowSource.GENERATED


def test_a_model_that_refuses_every_generated_row_asks_for_data() -> None:
    class Picky(Slow):
        def predict(self, features: Any) -> Any:
            raise ValueError("not these")

    features, values = load_diabetes(return_X_y=True)
    model = Picky().fit(features, values)
    with pytest.raises(EngineError, match="refuses every row"):
        Rows.of(model, describe_estimator(model), None, RowSource.GENERATED)


def test_each_step_is_told_as_it_starts() -> None:
    features, values = load_diabetes(return_X_y=True)
    steps: list[str] = []
    model = LinearRegression().fit(features, values)
    convert_to_onnx(model, data=features, options=Options(on_step=steps.append))
    assert steps == [
        "writing the graph",
        "choosing rows to compare on",
        "comparing batch 1 of 1",
        "trying float32 as well",
        "writing the graph",
        "comparing batch 1 of 1",
        "measuring the variants",
    ]


def test_forests_of_many_classes_bound_the_rows_of_a_call() -> None:
    features, _ = load_digits(return_X_y=True)
    classes = np.arange(len(features)) % 300
    model = RandomForestClassifier(20, max_depth=3, random_state=0).fit(features, classes)
    conversion = convert_to_onnx(model, data=features[:50])
    predictor = OnnxPredictor(conversion.model, conversion.signature)
    entries = predictor.session.get_modelmeta().custom_metadata_map
    assert int(entries["mlserve.max_rows"]) == 2**25 // (20 * 300 * 8)
    found = predictor.predict(features, probabilities=True)
    assert found.probabilities is not None
    np.testing.assert_allclose(found.probabilities, model.predict_proba(features), atol=1e-14)
    np.testing.assert_array_equal(found.labels, model.predict(features))


def test_small_models_have_no_bound() -> None:
    features, classes = load_iris(return_X_y=True)
    model = RandomForestClassifier(10, random_state=0).fit(features, classes)
    session = OnnxPredictor(convert_to_onnx(model).model).session
    assert "mlserve.max_rows" not in session.get_modelmeta().custom_metadata_map
