from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.ensemble import Tree, Weighted, leaf_sum, stump, tree_sum
from mlserve_cli.conversion.graph import Graph, Kind, Output
from mlserve_cli.inference.onnx import create_session

FEATURES = 3
VALUES = st.sampled_from([-1.5, 0.0, 0.1, np.float64(np.float32(0.1)), 2.0, 1e30, np.nan])


@st.composite
def trees(draw: st.DrawFn) -> Tree:
    feature, threshold, left, right, missing = [0], [0.0], [-1], [-1], [False]
    members: dict[int, np.ndarray] = {}
    for _ in range(draw(st.integers(0, 6))):
        node = draw(st.sampled_from([n for n in range(len(left)) if left[n] < 0]))
        feature[node] = draw(st.integers(0, FEATURES - 1))
        threshold[node] = draw(VALUES.filter(np.isfinite))
        missing[node] = draw(st.booleans())
        if draw(st.booleans()):
            chosen = draw(st.sets(st.sampled_from([0.0, 2.0, 5.0]), min_size=1))
            members[node] = np.array(sorted(chosen))
        left[node], right[node] = len(left), len(left) + 1
        for values, value in ((feature, 0), (left, -1), (right, -1)):
            values += [value, value]
        threshold += [0.0, 0.0]
        missing += [False, False]
    return Tree(
        np.array(feature),
        np.array(threshold),
        np.array(left),
        np.array(right),
        np.array(missing),
        members,
    )


def leaf_of(tree: Tree, row: np.ndarray) -> int:
    node = 0
    while tree.left[node] >= 0:
        value = row[tree.feature[node]]
        if np.isnan(value):
            goes_left = tree.missing_left[node]
        elif tree.members and node in tree.members:
            goes_left = value in tree.members[node]
        else:
            goes_left = value <= tree.threshold[node]
        node = int(tree.left[node] if goes_left else tree.right[node])
    return node


def run(output: Any, rows: np.ndarray) -> np.ndarray:
    model = output.graph.model([Output("y", output, (None, None))])
    result: np.ndarray = create_session(model.SerializeToString()).run(None, {"x": rows})[0]
    return result


MATRICES: st.SearchStrategy[np.ndarray] = st.lists(
    st.tuples(*[VALUES] * FEATURES), min_size=1, max_size=30
).map(np.array)


@given(st.lists(trees(), min_size=1, max_size=4), MATRICES)
def test_weights_of_the_leaves_are_added_up_to_the_last_bit(
    ensemble: list[Tree], rows: np.ndarray
) -> None:
    weights = [np.linspace(1 / 3, 2, len(tree.left), dtype=np.float64) for tree in ensemble]
    x = Graph().input("x", Kind.REAL, FEATURES)
    weighted = [Weighted(*one) for one in zip(ensemble, weights, strict=True)]
    found = run(tree_sum(x, [stump(0.7), *weighted]), rows)
    expected = np.full(len(rows), 0.7)
    for tree, weight in zip(ensemble, weights, strict=True):
        expected += [weight[leaf_of(tree, row)] for row in rows]
    np.testing.assert_array_equal(found[:, 0], expected)


@given(st.lists(trees(), min_size=1, max_size=4), MATRICES)
def test_rows_of_values_of_the_leaves_are_added_up_to_the_last_bit(
    ensemble: list[Tree], rows: np.ndarray
) -> None:
    values = [np.linspace(0, 1, len(tree.left) * 4).reshape(-1, 4) for tree in ensemble]
    x = Graph().input("x", Kind.REAL, FEATURES)
    found = run(leaf_sum(x, ensemble, values), rows)
    expected = np.zeros((len(rows), 4))
    for tree, table in zip(ensemble, values, strict=True):
        expected += table[[leaf_of(tree, row) for row in rows]]
    np.testing.assert_array_equal(found, expected)


@given(st.lists(trees(), min_size=1, max_size=4), MATRICES, st.integers(1, 5), st.data())
def test_votes_of_the_leaves_are_counted(
    ensemble: list[Tree], rows: np.ndarray, columns: int, data: st.DataObject
) -> None:
    sure = st.integers(0, columns - 1)
    values = []
    for tree in ensemble:
        size = len(tree.left)
        chosen = data.draw(st.lists(sure, min_size=size, max_size=size))
        # What inner nodes hold is of no account.
        values.append(np.where(tree.is_leaf[:, None], np.eye(columns)[chosen], 0.3))
    x = Graph().input("x", Kind.REAL, FEATURES)
    found = run(leaf_sum(x, ensemble, values), rows)
    expected = np.zeros((len(rows), columns))
    for tree, table in zip(ensemble, values, strict=True):
        expected += table[[leaf_of(tree, row) for row in rows]]
    np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_large_forests_whose_leaves_are_sure_are_counted_exactly(classes: int) -> None:
    random = np.random.default_rng(0)
    features, labels = random.normal(size=(5000, 3)), random.integers(0, classes, 5000)
    model = RandomForestClassifier(30, random_state=0, n_jobs=1).fit(features, labels)
    conversion = convert_to_onnx(model, data=features)
    assert conversion.operators["TreeEnsemble"] > 1
    # Nothing is looked up but the label.
    assert "ReduceSum" not in conversion.operators
    assert conversion.parity.max_difference == 0
    assert conversion.parity.label_mismatches == 0


@given(trees(), MATRICES)
def test_single_precision_rows_take_the_same_side_as_in_double_precision(
    tree: Tree, rows: np.ndarray
) -> None:
    numbers = np.arange(len(tree.left), dtype=float)
    x = Graph(np.float32).input("x", Kind.REAL, FEATURES)
    single = rows.astype(np.float32)
    found = run(tree_sum(x, [Weighted(tree, numbers)]), single)
    expected = [leaf_of(tree, row) for row in single.astype(np.float64)]
    np.testing.assert_array_equal(found[:, 0], expected)


def test_trees_beyond_the_cache_are_several_nodes_with_the_same_sum() -> None:
    random = np.random.default_rng(0)
    features, values = random.normal(size=(3000, 3)), random.normal(size=3000)
    model = RandomForestRegressor(30, random_state=0).fit(features, values)
    conversion = convert_to_onnx(model, data=features)
    assert sum(one.tree_.node_count for one in model.estimators_) > 65_536
    assert conversion.operators["TreeEnsemble"] > 1
    assert conversion.parity.max_difference < 1e-14


def test_large_forests_tell_which_trees_are_being_written() -> None:
    told: list[str] = []
    graph = Graph(tell=told.append)
    x = graph.input("x", Kind.REAL, 1)
    one = chain(30_000)
    tree_sum(x, [Weighted(one, np.zeros(len(one.left)))] * 3)
    assert told == ["trees 1 to 1 of 3", "trees 2 to 2 of 3", "trees 3 to 3 of 3"]
    tree_sum(x, [Weighted(one, np.zeros(len(one.left)))])
    assert len(told) == 3


def chain(splits: int) -> Tree:
    """A tree whose right sides are leaves."""
    inner = np.arange(0, 2 * splits, 2)
    left, right = np.full(2 * splits + 1, -1), np.full(2 * splits + 1, -1)
    left[inner], right[inner] = inner + 2, inner + 1
    nothing = np.zeros(len(left))
    return Tree(nothing.astype(np.int64), nothing, left, right, nothing.astype(bool))


@given(st.lists(trees(), min_size=1, max_size=4), MATRICES)
def test_values_are_looked_up_in_double_precision_by_leaves_found_in_single(
    ensemble: list[Tree], rows: np.ndarray
) -> None:
    values = [np.linspace(0, 1, len(tree.left) * 4).reshape(-1, 4) for tree in ensemble]
    x = Graph().input("x", Kind.REAL, FEATURES)
    found = run(leaf_sum(x.cast(Kind.FLOAT32), ensemble, values), rows)
    expected = np.zeros((len(rows), 4))
    with np.errstate(over="ignore"):
        rounded = rows.astype(np.float32).astype(np.float64)
    for tree, table in zip(ensemble, values, strict=True):
        expected += table[[leaf_of(tree, row) for row in rounded]]
    np.testing.assert_array_equal(found, expected)
