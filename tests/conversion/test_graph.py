import numpy as np
import onnx
import pytest

from mlserve_cli.conversion.graph import Graph, Kind, Output
from mlserve_cli.inference.onnx import create_session


def run(graph: Graph, output: Output, rows: np.ndarray) -> np.ndarray:
    model = graph.model([output])
    onnx.checker.check_model(model, full_check=True)
    result: np.ndarray = create_session(model.SerializeToString()).run(None, {"x": rows})[0]
    return result


def test_arithmetic_on_tensors_is_arithmetic_on_their_values() -> None:
    graph = Graph()
    x = graph.input("x", Kind.REAL, 2)
    rows = np.array([[1.0, -2.0], [0.25, 8.0]])
    found = run(graph, Output("y", 2.0 ** (-(x - 1.0) / [2.0, 4.0]) + x * x, (None, 2)), rows)
    np.testing.assert_array_equal(found, 2.0 ** (-(rows - 1.0) / [2.0, 4.0]) + rows * rows)


def test_comparisons_choose_between_tensors() -> None:
    graph = Graph()
    x = graph.input("x", Kind.REAL, 1)
    rows = np.array([[-1.0], [np.nan], [3.0]])
    chosen = x.is_nan().where(graph.constant(7.0), x)
    found = run(graph, Output("y", (chosen > 0.0).cast(Kind.INT64), (None, 1)), rows)
    assert found.ravel().tolist() == [0, 1, 1]


def test_equal_nodes_and_constants_are_made_once_and_unused_ones_left_out() -> None:
    graph = Graph()
    x = graph.input("x", Kind.REAL, 1)
    unused = x.apply("Exp") * 5.0
    output = Output("y", (x + 3.0).apply("Tanh") * (x + 3.0).apply("Tanh"), (None, 1))
    model = graph.model([output])
    assert [node.op_type for node in model.graph.node] == ["Add", "Tanh", "Mul", "Identity"]
    assert len(model.graph.initializer) == 1
    assert graph.needs_more(unused, [output.tensor])
    assert not graph.needs_more(x + 3.0, [output.tensor])


def test_numpy_numbers_and_bools_are_taken_as_attributes() -> None:
    graph = Graph()
    x = graph.input("x", Kind.REAL, 3)
    index = graph.add("ArgMax", x, kind=Kind.INT64, axis=np.int64(1), keepdims=np.bool_(False))
    found = run(graph, Output("y", index, (None,)), np.array([[1.0, 5.0, 2.0]]))
    assert found.tolist() == [1]


def test_columns_may_have_the_names_of_operators() -> None:
    graph = Graph()
    add = graph.input("add_1", Kind.REAL, 1)
    model = graph.model([Output("y", add + 1.0 + 2.0, (None, 1))])
    onnx.checker.check_model(model, full_check=True)


@pytest.mark.parametrize(("real", "expected"), [(np.float32, "float"), (np.float64, "double")])
def test_the_graph_computes_in_the_precision_that_it_was_made_with(
    real: type[np.floating], expected: str
) -> None:
    graph = Graph(real)
    x = graph.input("x", Kind.REAL, 1)
    session = create_session(graph.model([Output("y", x / 3.0, (None, 1))]).SerializeToString())
    assert session.get_outputs()[0].type == f"tensor({expected})"
