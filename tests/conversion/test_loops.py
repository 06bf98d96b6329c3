from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import gaussian_process, neighbors, svm
from sklearn.datasets import load_iris

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.distances import metric_of, squared_distances
from mlserve_cli.conversion.graph import Graph, Kind, Output
from mlserve_cli.conversion.loops import repeat
from mlserve_cli.inference.onnx import OnnxPredictor, create_session


def run(graph: Graph, outputs: Any, rows: Any) -> Any:
    named = [Output(f"out_{number}", one, (None, None)) for number, one in enumerate(outputs)]
    session = create_session(graph.model(named).SerializeToString())
    return session.run(None, {"x": np.asarray(rows, np.float64)})


POINTS = np.array([[0.0, 1.0], [2.0, 5.0], [-1.0, 0.5]])
NUMBERS = st.floats(-1e6, 1e6)


@given(rows=arrays(np.float64, st.tuples(st.integers(0, 6), st.just(2)), elements=NUMBERS))
def test_distances_are_sums_of_squares_for_any_number_of_rows(rows: Any) -> None:
    graph = Graph()
    (found,) = run(graph, [squared_distances(graph.input("x", Kind.REAL, 2), POINTS)], rows)
    expected = ((rows[:, None] - POINTS[None]) ** 2).sum(axis=2)
    assert found.tolist() == expected.tolist()


def test_loops_are_merged_only_where_they_are_the_same() -> None:
    graph = Graph()
    x = graph.input("x", Kind.REAL, 2)
    first, again = squared_distances(x, POINTS), squared_distances(x, POINTS)
    other = squared_distances(x, POINTS + 1.0)
    assert first.name == again.name
    assert first.name != other.name
    found = run(graph, [first, other], [[1.0, 1.0]])
    assert found[0].tolist() == [[1.0, 17.0, 4.25]]
    assert found[1].tolist() == [[1.0, 29.0, 1.25]]


def test_large_constants_stand_outside_the_loop() -> None:
    graph = Graph()
    result = squared_distances(graph.input("x", Kind.REAL, 2), POINTS)
    model = graph.model([Output("out", result, (None, None))])
    assert [2, 3] in [list(one.dims) for one in model.graph.initializer]
    (loop,) = [node for node in model.graph.node if node.op_type == "Scan"]
    (body,) = [attribute.g for attribute in loop.attribute if attribute.name == "body"]
    assert all(len(one.dims) < 2 for one in body.initializer)


@pytest.mark.parametrize(("most", "expected"), [(3, [8.0, 16.0]), (100, [128.0, 128.0])])
def test_a_step_is_repeated_until_it_says_enough(most: int, expected: Any) -> None:
    graph = Graph()
    x = graph.input("x", Kind.REAL, 1)

    def double(states: Any) -> Any:
        (value,) = states
        active = value < 100.0
        going = active.cast(Kind.REAL).reduce("Sum", 0, keep=False).reduce("Sum", 0, keep=False)
        return going > 0.5, [active.where(value * 2.0, value)]

    (found,) = run(graph, repeat([x], [1], most, double), [[1.0], [2.0]])
    assert found.ravel().tolist() == expected


def test_a_distance_that_is_not_known_is_none() -> None:
    assert metric_of("haversine", {}, 2) is None
    assert metric_of(len, {}, 2) is None
    assert metric_of("mahalanobis", {}, 2) is None


MODELS = [
    svm.SVC(decision_function_shape="ovr"),
    neighbors.KNeighborsClassifier(),
    neighbors.NearestCentroid(),
    gaussian_process.GaussianProcessClassifier(optimizer=None),
]


@pytest.mark.parametrize("estimator", MODELS, ids=repr)
def test_a_batch_without_rows_gives_no_answers(estimator: Any) -> None:
    features, classes = load_iris(return_X_y=True)
    estimator.fit(features, classes)
    conversion = convert_to_onnx(estimator, data=features[:10])
    labels = OnnxPredictor(conversion.model, conversion.signature).predict(features[:0]).labels
    assert labels.shape == (0,)
