"""What is tried where the precision is left to the conversion."""

from typing import Any

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.parity import ParityReport
from mlserve_cli.conversion.result import Options, Precision, Variant
from mlserve_cli.conversion.variants import TIMED_ROWS, search
from mlserve_cli.conversion.verification import Remembered, Rows
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.onnx import OnnxPredictor

FEATURES, VALUES = load_diabetes(return_X_y=True)


def linear() -> Any:
    return make_pipeline(StandardScaler(), LinearRegression()).fit(FEATURES, VALUES)


def input_type(model: bytes) -> str:
    node = onnx.load_from_string(model).graph.input[0]
    return str(onnx.TensorProto.DataType.Name(node.type.tensor_type.elem_type))


def test_both_precisions_are_compared_and_timed_and_double_is_taken() -> None:
    conversion = convert_to_onnx(linear(), data=FEATURES, options=Options(tolerance=1e-4))
    double, single = conversion.variants
    assert (double.precision, single.precision) == (Precision.FLOAT64, Precision.FLOAT32)
    assert (double.chosen, single.chosen) == (True, False)
    assert (double.agrees, single.agrees) == (True, True)
    assert double.max_difference == conversion.parity.max_difference
    assert double.max_difference < 1e-12 < single.max_difference < 1e-4
    for one in (double, single):
        assert set(one.seconds) == set(TIMED_ROWS)
        assert min(one.seconds.values()) > 0
    assert conversion.precision is Precision.FLOAT64
    assert input_type(conversion.model) == "DOUBLE"


def test_a_variant_that_does_not_agree_is_told_and_not_taken() -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    model = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0))
    conversion = convert_to_onnx(model.fit(features, classes))
    double, single = conversion.variants
    assert conversion.parity.passed
    assert (double.agrees, single.agrees, single.chosen) == (True, False, False)
    assert single.max_difference > 1e-6


@pytest.mark.parametrize("precision", [Precision.FLOAT32, Precision.FLOAT64])
def test_a_precision_that_was_asked_for_is_the_only_one_tried(precision: Precision) -> None:
    options = Options(precision=precision, tolerance=1e-4)
    conversion = convert_to_onnx(linear(), data=FEATURES, options=options)
    assert conversion.precision is precision
    assert conversion.variants == ()
    assert input_type(conversion.model) == ("FLOAT" if precision is Precision.FLOAT32 else "DOUBLE")


def found_by_search(model: Any, options: Options, first: bytes | None = None, **bounds: int) -> Any:
    signature = describe_estimator(model)
    rows = Rows((FEATURES,), ParityReport(0, 0, 0.0).source)
    first = write_model(model, signature, options) if first is None else first
    return search(model, signature, first, rows, options, **bounds)


def test_single_precision_is_taken_where_only_it_agrees() -> None:
    wrong = write_model(
        LinearRegression().fit(FEATURES, -VALUES), describe_estimator(linear()), Options()
    )
    taken, (double, single) = found_by_search(linear(), Options(tolerance=1e-4), wrong)
    assert taken.precision is Precision.FLOAT32
    assert (double.chosen, double.agrees) == (False, False)
    assert (single.chosen, single.agrees) == (True, True)


def test_a_large_model_is_written_once_and_that_is_said() -> None:
    taken, (double, single) = found_by_search(linear(), Options(), most_bytes=10)
    assert taken.precision is Precision.FLOAT64
    assert (double.chosen, double.reason) == (True, "")
    assert "not tried, because the model is large" in single.reason
    assert single == Variant(Precision.FLOAT32, chosen=False, agrees=False, reason=single.reason)


def test_comparing_again_asks_the_estimator_only_once() -> None:
    class Counted(EstimatorPredictor):
        calls = 0

        def predict(self, batch: Any, *, probabilities: bool = False) -> Any:
            self.calls += 1
            return super().predict(batch, probabilities=probabilities)

    model = LogisticRegression().fit(FEATURES, VALUES > 100)
    counted = Counted(model, describe_estimator(model))
    remembered = Remembered(counted)
    first = remembered.predict(FEATURES, probabilities=True)
    assert remembered.predict(FEATURES, probabilities=True) is first
    assert remembered.decision_function(FEATURES) is remembered.decision_function(FEATURES)
    assert counted.calls == 1
    remembered.predict(FEATURES)
    remembered.predict(FEATURES[:5])
    assert counted.calls == 3
    assert remembered.signature is counted.signature
    assert remembered.engine is counted.engine


def test_outputs_declare_their_shapes() -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    outputs = ("label", "probabilities", "decision")
    options = Options(precision=Precision.FLOAT64, outputs=outputs)
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(features, classes)
    session = OnnxPredictor(convert_to_onnx(model, data=features, options=options).model).session
    shapes = {node.name: node.shape[1:] for node in session.get_outputs()}
    assert shapes == {"label": [], "probabilities": [2], "decision": [1]}
    several = RandomForestClassifier(3).fit(features, np.column_stack([classes, classes % 2]))
    session = OnnxPredictor(convert_to_onnx(several, data=features).model).session
    shapes = {node.name: node.shape[1:] for node in session.get_outputs()}
    assert shapes == {"label": [2], "probabilities_0": [2], "probabilities_1": [2]}
