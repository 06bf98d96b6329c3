import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from mlserve_cli.errors import (
    ArtifactError,
    CorruptArtifactError,
    EngineError,
    SignatureError,
    UsageError,
)
from mlserve_cli.inference.onnx import OnnxPredictor
from mlserve_cli.signature import DType, Layout, Task

DOUBLE = TensorProto.DOUBLE


def model_bytes(nodes: Any, inputs: Any, outputs: Any, initializers: Any = ()) -> Any:
    graph = helper.make_graph(nodes, "test", inputs, outputs, list(initializers))
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 3)]
    return helper.make_model(graph, opset_imports=opsets, ir_version=10).SerializeToString()


def value(name: Any, kind: Any, *shape: Any) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def classifier(columns: Any = 3) -> Any:
    """Labels `yes` and `no` by the sign of the first column, with probabilities."""
    node = helper.make_node(
        "LinearClassifier",
        ["features"],
        ["label", "probabilities"],
        domain="ai.onnx.ml",
        coefficients=[-1.0] + [0.0] * (columns - 1) + [1.0] + [0.0] * (columns - 1),
        intercepts=[0.0, 0.0],
        classlabels_strings=["no", "yes"],
        post_transform="SOFTMAX",
    )
    return model_bytes(
        [node],
        [value("features", TensorProto.FLOAT, None, columns)],
        [
            value("label", TensorProto.STRING, None),
            value("probabilities", TensorProto.FLOAT, None, 2),
        ],
    )


def two_columns() -> Any:
    """The sum of an integer and a float column."""
    nodes = [
        helper.make_node("Cast", ["count"], ["number"], to=TensorProto.DOUBLE),
        helper.make_node("Add", ["number", "weight"], ["variable"]),
    ]
    count, weight = value("count", TensorProto.INT64, None, 1), value("weight", DOUBLE, None, 1)
    return model_bytes(nodes, [count, weight], [value("variable", DOUBLE, None, 1)])


def test_a_matrix_model_says_its_signature() -> None:
    signature = OnnxPredictor(classifier()).signature
    assert signature.task is Task.CLASSIFICATION
    assert signature.layout is Layout.MATRIX
    assert signature.names == ("x0", "x1", "x2")
    assert signature.label_dtype is DType.STRING
    assert signature.probabilities


def test_a_matrix_model_scores_float64_rows() -> None:
    rows = np.array([[2.0, 0, 0], [-2.0, 0, 0]])
    prediction = OnnxPredictor(classifier()).predict(rows, probabilities=True)
    assert prediction.labels.tolist() == ["yes", "no"]
    assert prediction.probabilities is not None
    np.testing.assert_allclose(prediction.probabilities.sum(axis=1), 1, rtol=1e-6)
    assert prediction.probabilities.dtype == np.float64


def test_inputs_of_one_column_each_are_fed_by_name() -> None:
    predictor = OnnxPredictor(two_columns())
    assert predictor.signature.layout is Layout.FRAME
    assert predictor.signature.names == ("count", "weight")
    batch = {"weight": np.array([0.5, 1.5]), "count": np.array([1, 2])}
    np.testing.assert_array_equal(predictor.predict(batch).labels, [1.5, 3.5])


def test_a_missing_whole_number_is_refused_by_column() -> None:
    batch = {"weight": np.array([0.5]), "count": np.array([np.nan])}
    with pytest.raises(SignatureError, match="'count' has missing values") as raised:
        OnnxPredictor(two_columns()).predict(batch)
    assert raised.value.column == "count"


def test_probabilities_of_a_model_without_them_are_refused() -> None:
    batch = {"weight": np.array([0.5]), "count": np.array([1])}
    with pytest.raises(UsageError, match="no output of probabilities"):
        OnnxPredictor(two_columns()).predict(batch, probabilities=True)


def test_rows_of_another_width_are_an_engine_error() -> None:
    with pytest.raises(EngineError, match="while scoring"):
        OnnxPredictor(classifier(3)).predict(np.zeros((2, 5)))


def test_a_model_of_unknown_width_asks_for_data() -> None:
    node = helper.make_node("Identity", ["x"], ["variable"])
    unknown = value("x", TensorProto.FLOAT, None, None)
    model = model_bytes([node], [unknown], [value("variable", TensorProto.FLOAT, None, None)])
    with pytest.raises(ArtifactError, match="does not say how many columns"):
        OnnxPredictor(model)


def test_a_file_that_is_no_model_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"\x08\x0anonsense")
    with pytest.raises(CorruptArtifactError, match=r"model\.onnx is not loaded"):
        OnnxPredictor(path)


def test_scoring_imports_neither_sklearn_nor_pandas_nor_scipy(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(classifier())
    onnx.checker.check_model(str(path))
    script = (
        "import sys, numpy as np\n"
        "from mlserve_cli.inference.onnx import OnnxPredictor\n"
        f"OnnxPredictor({str(path)!r}).predict(np.zeros((1, 3)), probabilities=True)\n"
        "print([m for m in ('sklearn', 'pandas', 'scipy', 'joblib') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_a_batch_of_more_rows_than_the_model_wants_at_once_is_scored_in_parts() -> None:
    node = helper.make_node("Shape", ["features"], ["shape"])
    one = helper.make_node("Gather", ["shape", "zero"], ["rows"])
    spread = helper.make_node("Expand", ["rows", "shape"], ["label"])
    model = onnx.load_from_string(
        model_bytes(
            [node, one, spread],
            [value("features", DOUBLE, None, 2)],
            [value("label", TensorProto.INT64, None, 2)],
            [helper.make_tensor("zero", TensorProto.INT64, [], [0])],
        )
    )
    helper.set_model_props(model, {"mlserve.max_rows": "4"})
    labels = OnnxPredictor(model.SerializeToString()).predict(np.zeros((10, 2))).labels
    assert labels[:, 0].tolist() == [4, 4, 4, 4, 4, 4, 4, 4, 2, 2]
