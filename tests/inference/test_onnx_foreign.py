"""ONNX files that other programs wrote, as far as their graphs tell what is in them."""

import json
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from mlserve_cli.errors import ArtifactError, UsageError
from mlserve_cli.inference.onnx import OnnxPredictor
from mlserve_cli.signature import DType, Layout, Task

FLOAT, STRING, INT64 = TensorProto.FLOAT, TensorProto.STRING, TensorProto.INT64
ML = "ai.onnx.ml"
ROWS = np.array([[2.0, 0], [-2.0, 0], [0.0, 5.0]])
# Not in alphabetical order, and of another order than their numbers.
NAMES, NUMBERS = ["wolf", "cat", "owl"], [30, 10, 20]


def value(name: str, kind: int, *shape: int | str | None) -> Any:
    return helper.make_tensor_value_info(name, kind, shape)


def saved(nodes: Any, inputs: Any, outputs: Any, constants: Any = (), **metadata: str) -> bytes:
    graph = helper.make_graph(nodes, "foreign", inputs, outputs, list(constants))
    opsets = [helper.make_opsetid("", 21), helper.make_opsetid(ML, 3)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=10)
    helper.set_model_props(model, metadata)
    content: bytes = model.SerializeToString()
    return content


def linear(outputs: list[str], **attributes: Any) -> Any:
    """Three classes: the first column positive, negative, the second column large."""
    return helper.make_node(
        "LinearClassifier",
        ["X"],
        outputs,
        domain=ML,
        coefficients=[1.0, 0.0, -1.0, 0.0, 0.0, 1.0],
        intercepts=[0.0, 0.0, 0.0],
        post_transform="SOFTMAX",
        **attributes,
    )


def softmax(scores: list[list[float]]) -> Any:
    parts = np.exp(np.array(scores))
    return parts / parts.sum(axis=1, keepdims=True)


EXPECTED = softmax([[2, -2, 0], [-2, 2, 0], [0, 0, 5]])
LABELS: dict[str, Any] = {
    "names": {"classlabels_strings": NAMES},
    "numbers": {"classlabels_ints": NUMBERS},
}
KINDS = {"names": STRING, "numbers": INT64}
CLASSES: dict[str, Any] = {"names": NAMES, "numbers": NUMBERS}


def plain(kind: str) -> bytes:
    outputs = [value("label", KINDS[kind], None), value("probabilities", FLOAT, None, 3)]
    node = linear(["label", "probabilities"], **LABELS[kind])
    return saved([node], [value("X", FLOAT, None, 2)], outputs)


def zipped(kind: str, names: tuple[str, str] = ("output_label", "output_probability")) -> bytes:
    key = "classlabels_strings" if kind == "names" else "classlabels_int64s"
    nodes = [
        linear(["found", "scores"], **LABELS[kind]),
        helper.make_node("Identity", ["found"], [names[0]]),
        helper.make_node("ZipMap", ["scores"], [names[1]], domain=ML, **{key: CLASSES[kind]}),
    ]
    element = helper.make_tensor_type_proto(FLOAT, [])
    rows = helper.make_sequence_type_proto(helper.make_map_type_proto(KINDS[kind], element))
    outputs = [value(names[0], KINDS[kind], None), helper.make_value_info(names[1], rows)]
    return saved(nodes, [value("X", FLOAT, None, 2)], outputs)


def looked_up(kind: str) -> bytes:
    """Labels as skl2onnx writes them where there is no operator for the classifier."""
    array = np.array(CLASSES[kind], dtype=object if kind == "names" else np.int64)
    nodes = [
        helper.make_node("MatMul", ["X", "weights"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["probabilities"], axis=1),
        helper.make_node("ArgMax", ["probabilities"], ["best"], axis=1, keepdims=0),
        helper.make_node("ArrayFeatureExtractor", ["classes", "best"], ["row"], domain=ML),
        helper.make_node("Reshape", ["row", "flat"], ["label"]),
    ]
    weights = np.array([[1, -1, 0], [0, 0, 1]], dtype=np.float32)
    constants = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(array.reshape(1, -1), "classes"),
        numpy_helper.from_array(np.array([-1]), "flat"),
    ]
    outputs = [value("label", KINDS[kind], None), value("probabilities", FLOAT, None, 3)]
    return saved(nodes, [value("X", FLOAT, None, 2)], outputs, constants)


def encoded(kind: str) -> bytes:
    """Labels as onnxmltools writes them for text: numbers of classes through a LabelEncoder."""
    encoder: dict[str, Any] = {"keys_int64s": [0, 1, 2], "values_strings": NAMES}
    nodes = [
        linear(["number", "probabilities"], classlabels_ints=[0, 1, 2]),
        helper.make_node("LabelEncoder", ["number"], ["label"], domain=ML, **encoder),
    ]
    outputs = [value("label", STRING, None), value("probabilities", FLOAT, None, 3)]
    return saved(nodes, [value("X", FLOAT, None, 2)], outputs)


MODELS = {
    "plain names": (plain, "names"),
    "plain numbers": (plain, "numbers"),
    "zipped names": (zipped, "names"),
    "zipped numbers": (zipped, "numbers"),
    "looked-up names": (looked_up, "names"),
    "looked-up numbers": (looked_up, "numbers"),
    "encoded names": (encoded, "names"),
}


@pytest.mark.parametrize("name", MODELS)
def test_classes_are_read_from_the_graph_in_the_order_of_their_probabilities(name: str) -> None:
    build, kind = MODELS[name]
    predictor = OnnxPredictor(build(kind))
    signature = predictor.signature
    assert signature.task is Task.CLASSIFICATION
    assert signature.classes == tuple(CLASSES[kind])
    assert signature.label_dtype is (DType.STRING if kind == "names" else DType.INT64)
    prediction = predictor.predict(ROWS, probabilities=True)
    assert prediction.labels.tolist() == CLASSES[kind]
    assert prediction.probabilities is not None
    np.testing.assert_allclose(prediction.probabilities, EXPECTED, rtol=1e-5)


def test_dictionaries_are_probabilities_whatever_they_are_called() -> None:
    predictor = OnnxPredictor(zipped("names", ("what", "how_sure")))
    prediction = predictor.predict(ROWS, probabilities=True)
    assert prediction.labels.tolist() == NAMES
    assert prediction.probabilities is not None
    np.testing.assert_allclose(prediction.probabilities, EXPECTED, rtol=1e-5)


def test_classes_that_the_graph_does_not_tell_are_not_known() -> None:
    model = onnx.load_from_string(looked_up("numbers"))
    del model.graph.node[3:]
    model.graph.node.append(helper.make_node("Identity", ["best"], ["label"]))
    signature = OnnxPredictor(model.SerializeToString()).signature
    assert (signature.task, signature.classes) == (Task.CLASSIFICATION, None)


def test_one_unnamed_column_is_a_matrix_of_one_column() -> None:
    node = helper.make_node("Neg", ["X"], ["variable"])
    model = saved([node], [value("X", FLOAT, None, 1)], [value("variable", FLOAT, None, 1)])
    predictor = OnnxPredictor(model)
    assert predictor.signature.layout is Layout.MATRIX
    assert not predictor.signature.named
    assert predictor.predict(np.array([[1.0], [2.0]])).labels.tolist() == [-1.0, -2.0]


def test_a_matrix_of_text_takes_columns_of_any_name() -> None:
    node = helper.make_node("Identity", ["X"], ["label"])
    model = saved([node], [value("X", STRING, None, 2)], [value("label", STRING, None, 2)])
    predictor = OnnxPredictor(model)
    signature = predictor.signature
    assert (signature.layout, signature.named) == (Layout.FRAME, False)
    columns = (np.array(["a", None], dtype=object), np.array(["b", "c"], dtype=object))
    batch = dict(zip(signature.names, columns, strict=True))
    assert predictor.predict(batch).labels.tolist() == [["a", "b"], ["", "c"]]


def test_columns_without_a_second_dimension_are_fed_as_they_are() -> None:
    node = helper.make_node("Add", ["a", "b"], ["variable"])
    inputs = [value("a", FLOAT, None), value("b", FLOAT, None)]
    predictor = OnnxPredictor(saved([node], inputs, [value("variable", FLOAT, None)]))
    assert predictor.signature.names == ("a", "b")
    batch = {"a": np.array([1.0, 2.0]), "b": np.array([10.0, 20.0])}
    assert predictor.predict(batch).labels.tolist() == [11.0, 22.0]


def test_a_free_width_is_taken_from_the_data() -> None:
    node = helper.make_node("ReduceSum", ["X", "axis"], ["variable"])
    axis = [numpy_helper.from_array(np.array([1]), "axis")]
    shapes = [value("X", FLOAT, None, "any")], [value("variable", FLOAT, None, 1)]
    model = saved([node], *shapes, axis)
    with pytest.raises(ArtifactError, match="does not say how many columns") as raised:
        OnnxPredictor(model)
    assert raised.value.hint is not None
    assert "mlserve save MODEL.onnx --data FILE" in raised.value.hint
    predictor = OnnxPredictor(model, width=3)
    assert predictor.signature.names == ("x0", "x1", "x2")
    assert predictor.predict(np.ones((2, 3))).labels.tolist() == [3.0, 3.0]


def test_a_model_for_one_row_at_a_time_scores_many() -> None:
    node = helper.make_node("Neg", ["X"], ["variable"])
    model = saved([node], [value("X", FLOAT, 1, 2)], [value("variable", FLOAT, 1, 2)])
    labels = OnnxPredictor(model).predict(ROWS).labels
    np.testing.assert_array_equal(labels, -ROWS)


@pytest.mark.parametrize("count", [1, 3, 1_003])
def test_a_model_that_computes_with_all_rows_is_given_no_others(count: int) -> None:
    axes = helper.make_tensor("axes", TensorProto.INT64, [1], [0])
    nodes = [
        helper.make_node("ReduceMean", ["X", "axes"], ["mean"], keepdims=1),
        helper.make_node("Sub", ["X", "mean"], ["variable"]),
    ]
    inputs, outputs = [value("X", FLOAT, None, 2)], [value("variable", FLOAT, None, 2)]
    rows = np.random.default_rng(0).normal(size=(count, 2)).astype(np.float32)
    predictor = OnnxPredictor(saved(nodes, inputs, outputs, [axes]))
    labels = predictor.predict({"x0": rows[:, 0], "x1": rows[:, 1]}).labels
    np.testing.assert_array_equal(labels, predictor.session.run(None, {"X": rows})[0])


def test_a_model_for_a_fixed_number_of_rows_scores_any_number() -> None:
    node = helper.make_node("Neg", ["X"], ["variable"])
    model = saved([node], [value("X", FLOAT, 3, 2)], [value("variable", FLOAT, 3, 2)])
    predictor = OnnxPredictor(model)
    for count in (1, 2, 3, 4, 7, 1_001):
        rows = np.arange(2.0 * count).reshape(count, 2)
        np.testing.assert_array_equal(predictor.predict(rows).labels, -rows)


def test_inputs_that_are_no_table_are_told() -> None:
    node = helper.make_node("Identity", ["image"], ["variable"])
    shape = (None, 3, 8, 8)
    model = saved([node], [value("image", FLOAT, *shape)], [value("variable", FLOAT, *shape)])
    with pytest.raises(ArtifactError, match=r"takes image tensor\(float\)"):
        OnnxPredictor(model)


def test_a_signature_in_the_file_says_it_all() -> None:
    written = {
        "task": "classification",
        "columns": [{"name": "weight", "missing": False}, {"name": "height"}],
        "named": True,
        "classes": [True, False, None],
        "label_dtype": "bool",
        "probabilities": True,
        "decision": ["a", "b", "c"],
    }
    model = onnx.load_from_string(plain("numbers"))
    helper.set_model_props(model, {"mlserve.signature": json.dumps(written | {"classes": None})})
    signature = OnnxPredictor(model.SerializeToString()).signature
    assert signature.names == ("weight", "height")
    assert signature.columns[0].missing is False
    assert signature.label_dtype is DType.BOOL
    assert signature.probabilities
    # The graph has no such output.
    assert signature.decision == ()


@pytest.mark.parametrize("written", ["nonsense", "{}", '{"task": "cooking", "columns": []}'])
def test_a_signature_that_cannot_be_read_is_left_aside(written: str) -> None:
    model = onnx.load_from_string(plain("names"))
    entries = {"mlserve.signature": written, "mlserve.max_rows": "many"}
    helper.set_model_props(model, entries)
    predictor = OnnxPredictor(model.SerializeToString())
    assert predictor.signature.classes == tuple(NAMES)
    assert predictor.predict(ROWS).labels.tolist() == NAMES


def test_our_own_model_without_its_label_says_so() -> None:
    model = onnx.load_from_string(plain("names"))
    written = {"task": "classification", "columns": [{"name": "a"}, {"name": "b"}]}
    helper.set_model_props(model, {"mlserve.signature": json.dumps(written)})
    del model.graph.output[0]
    with pytest.raises(UsageError, match="without the output that it predicts by"):
        OnnxPredictor(model.SerializeToString()).predict(ROWS)


def test_the_only_output_of_another_model_is_what_it_predicts() -> None:
    model = onnx.load_from_string(plain("names"))
    del model.graph.output[0]
    prediction = OnnxPredictor(model.SerializeToString()).predict(ROWS)
    np.testing.assert_allclose(prediction.labels, EXPECTED, rtol=1e-5)
