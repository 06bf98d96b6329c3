"""State that compiled code would follow without looking is refused."""

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy import sparse
from scipy.interpolate import BSpline
from sklearn.cluster import KMeans
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
)
from sklearn.neighbors import BallTree, KDTree, KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.serialization.trust.native_state import NativeStateError, check_native_state
from mlserve_cli.serialization.trust.pickles import load_pickled
from mlserve_cli.serialization.trust.skops_files import dump_skops, load_skops

FEATURES = np.random.default_rng(0).normal(size=(60, 3))
CLASSES = (FEATURES[:, 0] > 0).astype(int)


def _tree_with(**changes: Any) -> DecisionTreeClassifier:
    model = DecisionTreeClassifier(max_depth=3).fit(FEATURES, CLASSES)
    function, args, state = model.tree_.__reduce__()
    state = copy.deepcopy(state)
    for name, value in changes.items():
        if name in state["nodes"].dtype.names:
            state["nodes"][name][0] = value
        else:
            state[name] = value
    tree = function(*args)
    tree.__setstate__(state)
    vars(model)["tree_"] = tree
    return model


TREES: dict[str, dict[str, Any]] = {
    "a child far outside": {"left_child": 10**9},
    "a child before its parent": {"right_child": 0},
    "a negative child": {"right_child": -7},
    "one child only": {"right_child": -1},
    "a feature outside": {"feature": 3},
    "a negative feature": {"feature": -2},
    "no nodes": {"node_count": 0},
    "a huge depth": {"max_depth": 2**40},
}


@pytest.mark.parametrize("change", TREES)
def test_a_tree_that_leads_outside_is_refused(change: str) -> None:
    with pytest.raises(NativeStateError, match="a Tree in it contradicts itself"):
        check_native_state(_tree_with(**TREES[change]))


def test_an_untouched_tree_passes() -> None:
    check_native_state(_tree_with())


@pytest.mark.parametrize("format", ["joblib", "pickle", "skops"])
def test_such_a_tree_is_refused_in_every_format(format: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model = _tree_with(left_child=10**9)
    if format == "skops":
        dump_skops(model, path)
    elif format == "joblib":
        joblib.dump(model, path)
    else:
        path.write_bytes(pickle.dumps(model))

    with pytest.raises(CorruptArtifactError, match="a Tree in it contradicts itself"):
        (load_skops if format == "skops" else load_pickled)(path)


def _set(path: str, value: Any) -> Callable[[Any], None]:
    """Sets an attribute, at the end of a path of attributes, to a value or a function of it."""

    def change(model: Any) -> None:
        *steps, last = path.split(".")
        for step in steps:
            model = getattr(model, step)
        vars(model)[last] = value(getattr(model, last)) if callable(value) else value

    return change


def _hist_node(field: str, value: int) -> Callable[[Any], None]:
    def change(model: Any) -> None:
        nodes = model._predictors[0][0].nodes.copy()
        nodes[field][0] = value
        model._predictors[0][0].nodes = nodes

    return change


def _categorical_outside(model: Any) -> None:
    _hist_node("is_categorical", 1)(model)
    _hist_node("bitset_idx", 9)(model)


def _forest() -> RandomForestClassifier:
    return RandomForestClassifier(3, max_depth=3, random_state=0).fit(FEATURES, CLASSES)


def _hist() -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5).fit(FEATURES, CLASSES)


def _svc() -> SVC:
    return SVC().fit(FEATURES, CLASSES)


def _isolation() -> IsolationForest:
    return IsolationForest(n_estimators=3, max_features=2, random_state=0).fit(FEATURES)


def _boosting() -> GradientBoostingRegressor:
    return GradientBoostingRegressor(n_estimators=2).fit(FEATURES, FEATURES[:, 0])


MODELS: dict[str, tuple[Callable[[], Any], Callable[[Any], None]]] = {
    "a tree for more features than its estimator": (_tree_with, _set("n_features_in_", 2)),
    "trees for more features than their forest": (_forest, _set("n_features_in_", 2)),
    "trees for more features than their stages": (_boosting, _set("n_features_in_", 2)),
    "more trees than stages": (
        _boosting,
        _set("estimators_", lambda trees: np.hstack([trees, trees])),
    ),
    "features outside": (
        _isolation,
        _set("estimators_features_", [np.array([0, 7])] * 3),
    ),
    "too few features": (_isolation, _set("estimators_features_", [np.array([0])] * 3)),
    "a histogram child outside": (_hist, _hist_node("left", 10**6)),
    "a histogram child before its parent": (_hist, _hist_node("right", 0)),
    "a histogram feature outside": (_hist, _hist_node("feature_idx", 3)),
    "a negative histogram feature": (_hist, _hist_node("feature_idx", -1)),
    "a histogram of categories outside": (
        _hist,
        _categorical_outside,
    ),
    "more support vectors than weights": (
        _svc,
        _set("support_vectors_", lambda vectors: vectors[:3]),
    ),
    "more support vectors than counted": (_svc, _set("_n_support", np.array([1, 1], "i4"))),
    "support vectors of other features": (
        _svc,
        _set("support_vectors_", lambda vectors: vectors[:, :1]),
    ),
    "centres of other features": (
        lambda: KMeans(2, n_init=1).fit(FEATURES),
        _set("cluster_centers_", lambda centres: centres[:, :1]),
    ),
    "neighbours of other features": (
        lambda: KNeighborsClassifier(algorithm="brute").fit(FEATURES, CLASSES),
        _set("_fit_X", lambda rows: rows[:, :1]),
    ),
}


@pytest.mark.parametrize("model", MODELS)
def test_a_model_that_leads_outside_is_refused(model: str) -> None:
    make, change = MODELS[model]
    fitted = make()
    check_native_state(fitted)
    change(fitted)

    with pytest.raises(NativeStateError, match="contradicts itself"):
        check_native_state([{"inside": fitted}])


@pytest.mark.parametrize("kind", [KDTree, BallTree])
@pytest.mark.parametrize("part", ["rows", "nodes", "count", "bounds"])
def test_a_tree_of_neighbours_that_leads_outside_is_refused(kind: Any, part: str) -> None:
    tree = kind(FEATURES, leaf_size=5)
    check_native_state(tree)
    function, args, state = tree.__reduce__()
    state = [np.array(item) if isinstance(item, np.ndarray) else item for item in state]
    match part:
        case "rows":
            state[1][0] = 10**6
        case "nodes":
            state[2]["idx_end"][0] = 10**6
        case "count":
            state[6] = 10**6
        case _:
            state[3] = state[3][:, :, :1].copy()
    changed = function(*args)
    changed.__setstate__(tuple(state))

    with pytest.raises(NativeStateError, match="contradicts itself"):
        check_native_state(changed)


def test_a_sparse_matrix_that_leads_outside_is_refused() -> None:
    matrix = sparse.csr_matrix(np.eye(3))
    check_native_state(matrix)
    matrix.indices[0] = 100

    with pytest.raises(ValueError, match="indices must be < 3"):
        check_native_state(matrix)


def test_coordinates_outside_are_refused() -> None:
    matrix = sparse.coo_array(np.eye(3))
    check_native_state(matrix)
    matrix.coords[0][0] = 100

    with pytest.raises(NativeStateError):
        check_native_state(matrix)


def test_a_spline_with_too_few_coefficients_is_refused() -> None:
    spline = BSpline(np.arange(8.0), np.arange(4.0), 3)
    check_native_state(spline)
    spline.c = spline.c[:2]

    with pytest.raises(NativeStateError):
        check_native_state(spline)


def test_a_random_state_past_its_end_is_refused() -> None:
    state = np.random.RandomState(0)
    check_native_state(state)
    inside = state.get_state(legacy=False)
    inside["state"]["pos"] = 10**6
    state.set_state(inside)

    with pytest.raises(NativeStateError):
        check_native_state([state])


def test_what_refers_to_itself_is_visited_once() -> None:
    looped: list[Any] = [_tree_with()]
    looped.append(looped)

    check_native_state(looped)
