"""Other ways to score trees say the same, to the last bit, as ONNX Runtime alone."""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
from onnx import helper, numpy_helper
from sklearn.compose import make_column_transformer
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlserve_cli.conversion.result import Options, Precision
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.onnx import OnnxPredictor, create_session
from mlserve_cli.inference.predictor import MANY_ROWS
from mlserve_cli.inference.trees.ensemble import Trees
from mlserve_cli.inference.trees.graph import TreeGraph
from mlserve_cli.inference.trees.sorted_rows import SortedRows
from mlserve_cli.inference.trees.trial import fastest
from mlserve_cli.inference.trees.ways import load_for_many_rows

ROWS = 600
RANDOM = np.random.default_rng(3)
NUMBERS = RANDOM.normal(size=(ROWS, 6)) * np.array([1, 1e-6, 1e6, 1, 1, 1])
NUMBERS[:, 4] = RANDOM.integers(0, 12, ROWS)
NUMBERS[:, 5] = np.exp(RANDOM.normal(size=ROWS) * 6)
MISSING = np.where(RANDOM.random(NUMBERS.shape) < 0.1, np.nan, NUMBERS)
TWO = (NUMBERS[:, 0] + NUMBERS[:, 3] * (NUMBERS[:, 4] % 3) > 0.2).astype(int)
FOUR = np.digitize(NUMBERS[:, 0] + NUMBERS[:, 4] / 6, [0.0, 0.7, 1.5])
NOISY = TWO ^ (RANDOM.random(ROWS) < 0.3)
AMOUNT = NUMBERS[:, 0] + np.log(NUMBERS[:, 5]) * (NUMBERS[:, 4] % 5)


CASES: dict[str, tuple[Any, Any, Any]] = {
    "histogram, two classes": (HistGradientBoostingClassifier(max_iter=30), MISSING, TWO),
    "histogram, four classes": (HistGradientBoostingClassifier(max_iter=20), MISSING, FOUR),
    "histogram, 64 leaves": (
        HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=64, min_samples_leaf=3),
        NUMBERS,
        AMOUNT,
    ),
    "histogram, Poisson": (
        HistGradientBoostingRegressor(loss="poisson", max_iter=20), MISSING, np.abs(AMOUNT)
    ),
    "histogram of many trees": (
        HistGradientBoostingRegressor(max_iter=400, early_stopping=False), MISSING, AMOUNT
    ),
    "gradient, two classes": (GradientBoostingClassifier(n_estimators=30), NUMBERS, TWO),
    "gradient, four classes": (GradientBoostingClassifier(n_estimators=20), NUMBERS, FOUR),
    "gradient": (GradientBoostingRegressor(n_estimators=30, max_depth=5), NUMBERS, AMOUNT),
    "forest": (RandomForestClassifier(20, max_leaf_nodes=40), NUMBERS, FOUR),
    "forest of sure leaves": (RandomForestClassifier(20), NUMBERS[:, :1], NUMBERS[:, 0] > 0),
    "forest of amounts": (RandomForestRegressor(20, max_depth=5), NUMBERS, AMOUNT),
    "tree": (DecisionTreeRegressor(max_depth=4), MISSING, AMOUNT),
    "stump": (HistGradientBoostingRegressor(max_iter=3, max_depth=1), NUMBERS, AMOUNT),
    "adaptive": (AdaBoostClassifier(DecisionTreeClassifier(max_depth=2)), NUMBERS, FOUR),
    "bagged": (BaggingRegressor(DecisionTreeRegressor(max_depth=3)), NUMBERS, AMOUNT),
    "behind a scaler": (
        make_pipeline(StandardScaler(), GradientBoostingClassifier(n_estimators=10)), NUMBERS, TWO
    ),
    "stacked": (
        StackingClassifier(
            [("a", HistGradientBoostingClassifier(max_iter=10)), ("b", LogisticRegression())],
            GradientBoostingClassifier(n_estimators=10),
            passthrough=True,
        ),
        NUMBERS,
        TWO,
    ),
    "voting": (
        VotingRegressor(
            [("a", GradientBoostingRegressor(n_estimators=10)), ("b", Ridge())]
        ),
        NUMBERS,
        AMOUNT,
    ),
}  # fmt: skip


def boosters() -> dict[str, tuple[Any, Any, Any]]:
    lightgbm = pytest.importorskip("lightgbm")
    xgboost = pytest.importorskip("xgboost")
    catboost = pytest.importorskip("catboost")
    return {
        "lightgbm": (lightgbm.LGBMClassifier(n_estimators=20, verbose=-1), MISSING, FOUR),
        "xgboost": (xgboost.XGBClassifier(n_estimators=20), MISSING, FOUR),
        "xgboost, amounts": (xgboost.XGBRegressor(n_estimators=80), MISSING, AMOUNT),
        "catboost": (
            catboost.CatBoostClassifier(iterations=20, verbose=False, allow_writing_files=False),
            MISSING,
            TWO,
        ),
    }


def difficult(rows: np.ndarray, model: bytes) -> np.ndarray:
    """The rows, and rows on and beside the values that trees compare with, missing or extreme."""
    compared = np.concatenate([
        numpy_helper.to_array(entry.t).astype(np.float64)
        for node in onnx.load_from_string(model).graph.node
        for entry in node.attribute
        if entry.name == "nodes_splits"
    ])  # fmt: skip
    beside = [np.nextafter(compared, side) for side in (-np.inf, np.inf)]
    extremes = 20 * [
        np.nan,
        np.inf,
        -np.inf,
        0.0,
        -0.0,
        1e308,
        -1e308,
        5e-324,
        2.5,
        -1.0,
        255.0,
        1e10,
    ]
    values = np.concatenate([compared, *beside, extremes])
    random = np.random.default_rng(0)
    return np.concatenate([rows, random.choice(values, (3_000, rows.shape[1]))])


def all_ways(model: bytes) -> tuple[Any, list[Any]]:
    session, ways = load_for_many_rows(model, create_session)
    return session, ways


def check_the_same(estimator: Any, rows: Any, target: Any, precision: Precision) -> list[type]:
    fitted = estimator.fit(rows, target)
    signature = describe_estimator(fitted)
    model = write_model(fitted, signature, Options(precision=precision))
    session = create_session(model)
    whole, ways = all_ways(model)
    entry = session.get_inputs()[0]
    kind = np.float32 if entry.type == "tensor(float)" else np.float64
    with np.errstate(over="ignore"):
        feed = {entry.name: difficult(rows, model).astype(kind)}
    names = [output.name for output in session.get_outputs()]
    expected = session.run(names, feed)
    for way in (whole, *ways):
        for found, right in zip(way.run(names, feed), expected, strict=True):
            np.testing.assert_array_equal(found, right)
            assert found.dtype == right.dtype
    return [type(way) for way in ways]


@pytest.mark.parametrize("precision", [Precision.FLOAT64, Precision.FLOAT32])
@pytest.mark.parametrize("name", [*CASES, "lightgbm", "xgboost", "xgboost, amounts", "catboost"])
@pytest.mark.filterwarnings("ignore")
def test_small_trees_are_scored_by_bit_vectors(name: str, precision: Precision) -> None:
    case = CASES[name] if name in CASES else boosters()[name]
    assert check_the_same(*case, precision) == [TreeGraph]


LARGE: dict[str, tuple[Any, Any, Any]] = {
    "classes": (RandomForestClassifier(20, random_state=0), NUMBERS, NOISY),
    "many classes": (ExtraTreesClassifier(10, random_state=0), MISSING, NOISY + 2 * TWO),
    "amounts": (RandomForestRegressor(10, random_state=0), MISSING, AMOUNT),
    "one column": (RandomForestRegressor(10, random_state=0), NUMBERS[:, :1], AMOUNT),
    "outliers": (IsolationForest(n_estimators=20, random_state=0), NUMBERS, None),
    "behind a scaler": (
        make_pipeline(StandardScaler(), RandomForestClassifier(5, random_state=0)), NUMBERS, NOISY
    ),
}  # fmt: skip


@pytest.mark.parametrize("precision", [Precision.FLOAT64, Precision.FLOAT32])
@pytest.mark.parametrize("name", LARGE)
@pytest.mark.filterwarnings("ignore")
def test_large_trees_are_given_sorted_rows(
    name: str, precision: Precision, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlserve_cli.inference.trees.separated._LARGE_LEAVES", 65)
    assert check_the_same(*LARGE[name], precision) == [SortedRows]


def test_the_tables_of_all_nodes_together_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlserve_cli.conversion.ensemble._CACHED_NODES", 3_000)
    estimator = HistGradientBoostingRegressor(max_iter=400, early_stopping=False)
    estimator.fit(NUMBERS, AMOUNT)
    model = write_model(estimator, describe_estimator(estimator), Options())
    _, (trees,) = all_ways(model)
    groups = sum(vectors.groups for _, _, vectors in trees._trees)
    assert len(trees._trees) > 1
    monkeypatch.setattr("mlserve_cli.inference.trees.ways.MOST_GROUPS", groups - 1)
    assert [type(way) for way in all_ways(model)[1]] == [SortedRows]


@pytest.mark.filterwarnings("ignore")
def test_small_trees_beside_large_ones_are_not_loaded_twice() -> None:
    estimator = VotingClassifier(
        [
            ("small", GradientBoostingClassifier(n_estimators=5)),
            ("large", RandomForestClassifier(5, random_state=0)),
        ],
        voting="soft",
    )
    assert check_the_same(estimator, NUMBERS, NOISY, Precision.FLOAT64) == [SortedRows]


def test_rows_that_fall_on_the_same_sides_of_usual_splits_come_together() -> None:
    estimator = RandomForestRegressor(5, random_state=0).fit(NUMBERS[:, :1], NUMBERS[:, 0])
    model = write_model(estimator, describe_estimator(estimator), Options())
    _, (way,) = all_ways(model)
    rows = np.sort(NUMBERS[:, :1].astype(np.float32), axis=0)
    order = way._order(np.random.default_rng(0).permutation(rows))
    # One feature has seven splits, which part the rows in eight.
    assert len(way._splits) == 7
    assert sorted(order) == list(range(ROWS))
    sides = rows > np.array([threshold for _, threshold in way._splits], np.float32)
    assert len(np.unique(sides, axis=0)) == 8


@pytest.fixture(scope="module")
def people() -> tuple[pd.DataFrame, Any]:
    random = np.random.default_rng(0)
    frame = pd.DataFrame({
        "age": random.normal(40, 10, ROWS),
        "city": random.choice(["Ams", "Ber", "Rom"], ROWS),
    })  # fmt: skip
    frame.loc[::7, "age"] = np.nan
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(
        make_column_transformer((encoder, ["city"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=50),
    )
    return frame, model.fit(frame, frame["city"].eq("Rom") | (frame["age"] > 45))


@pytest.mark.filterwarnings("ignore")
def test_many_rows_of_a_table_are_scored_as_few_are(people: tuple[pd.DataFrame, Any]) -> None:
    frame, estimator = people
    signature = describe_estimator(estimator, frame)
    model = write_model(estimator, signature, Options(precision=Precision.FLOAT64))
    few = OnnxPredictor(model, signature)
    many = OnnxPredictor(model, signature, many_rows=True)
    batch = to_batch(pd.concat([frame] * 20), signature)
    expected = few.predict(batch, probabilities=True)
    with ThreadPoolExecutor(8) as threads:
        for found in threads.map(lambda _: many.predict(batch, probabilities=True), range(32)):
            np.testing.assert_array_equal(found.labels, expected.labels)
            np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    np.testing.assert_array_equal(many.decision_function(batch), few.decision_function(batch))


class Wrong:
    """Gives something else, at once."""

    def __init__(self, right: Any) -> None:
        self.right = right

    def run(self, names: Sequence[str], feed: Any, /) -> list[Any]:
        return [np.nextafter(values, np.inf) for values in self.right.run(names, feed)]


class Slow:
    """Takes its time."""

    def __init__(self, right: Any) -> None:
        self.right = right

    def run(self, names: Sequence[str], feed: Any, /) -> list[Any]:
        time.sleep(0.2)
        found: list[Any] = self.right.run(names, feed)
        return found


def boosted() -> tuple[bytes, Any]:
    estimator = HistGradientBoostingRegressor().fit(NUMBERS, AMOUNT)
    signature = describe_estimator(estimator)
    return write_model(estimator, signature, Options(precision=Precision.FLOAT64)), signature


def test_the_fastest_is_taken_of_those_that_say_the_same() -> None:
    session, (trees,) = all_ways(boosted()[0])
    feed = {"features": np.resize(NUMBERS, (1_000, 6))}
    names = [session.get_outputs()[0].name]
    slow = Slow(session)
    assert fastest(slow, [Wrong(session), trees], names, feed) is trees
    assert fastest(slow, [Wrong(session)], names, feed) is slow
    assert fastest(session, [Slow(trees)], names, feed) is session


def test_few_rows_are_scored_as_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    model, signature = boosted()
    asked: list[int] = []

    def taken(known: Any, _: Any, __: Any, feed: Any) -> Any:
        asked.append(len(feed["features"]))
        return known

    monkeypatch.setattr("mlserve_cli.inference.trees.trial.fastest", taken)
    predictor = OnnxPredictor(model, signature, many_rows=True)
    predictor.predict(NUMBERS[: MANY_ROWS - 2])
    assert asked == []
    for _ in range(3):
        predictor.predict(np.resize(NUMBERS, (5_000, 6)))
    # What was tried is not tried again.
    assert asked == [2_000]


@pytest.mark.parametrize(
    "estimator",
    [
        LogisticRegression(max_iter=5),
        # Sets of categories, for which 3.5 may be 3, or not.
        HistGradientBoostingClassifier(max_iter=30, categorical_features=[4]),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_other_models_have_no_other_way(estimator: Any) -> None:
    fitted = estimator.fit(NUMBERS[:, :5], TWO)
    model = write_model(fitted, describe_estimator(fitted), Options())
    assert all_ways(model)[1] == []


@pytest.mark.parametrize(("mode", "split"), [(6, 1.0), (3, 1.0), (1, -np.inf), (0, np.nan)])
def test_nodes_that_compare_otherwise_are_refused(mode: int, split: float) -> None:
    node = helper.make_node(
        "TreeEnsemble",
        ["x"],
        ["y"],
        tree_roots=[0],
        nodes_modes=numpy_helper.from_array(np.array([mode], np.uint8)),
        nodes_splits=numpy_helper.from_array(np.array([split])),
    )
    with pytest.raises(ValueError, match="compare"):
        Trees.of_node(node)


WHOLE: dict[str, Any] = {
    "tree_roots": [0, 2],
    "nodes_featureids": [0, 0, 0],
    "nodes_truenodeids": [1, 0, 3],
    "nodes_trueleafs": [0, 1, 1],
    "nodes_falsenodeids": [1, 2, 4],
    "nodes_falseleafs": [1, 1, 1],
    "leaf_targetids": [0] * 5,
    "n_targets": 1,
}


def trees(**changed: list[int]) -> Trees:
    tensors = {
        "nodes_modes": numpy_helper.from_array(np.zeros(3, np.uint8)),
        "nodes_splits": numpy_helper.from_array(np.zeros(3)),
        "leaf_weights": numpy_helper.from_array(np.zeros(5)),
    }
    return Trees.of_node(
        helper.make_node("TreeEnsemble", ["x"], ["y"], **WHOLE | tensors | changed)
    )


def test_whole_trees_are_read() -> None:
    assert [level.tolist() for level in trees().levels()] == [[0, 2], [1]]


@pytest.mark.parametrize(
    "changed",
    [
        {"nodes_truenodeids": [0, 0, 3]},
        {"nodes_truenodeids": [1, 0, 3], "nodes_trueleafs": [0, 0, 1]},
        {"nodes_truenodeids": [2, 0, 3]},
        {"nodes_truenodeids": [7, 0, 3]},
        {"nodes_truenodeids": [-1, 0, 3]},
        {"nodes_falsenodeids": [1, 2, 5]},
        {"nodes_featureids": [0, -1, 0]},
        {"nodes_featureids": [0, 0]},
        {"tree_roots": [0, 3]},
        {"tree_roots": [-3, 2]},
        {"tree_roots": [0, 0]},
        {"leaf_targetids": [0, 0, 0, 0, 1]},
        {"leaf_targetids": [0]},
        {"nodes_trueleafs": [0, 1]},
    ],
)
def test_what_is_no_tree_is_refused(changed: dict[str, list[int]]) -> None:
    with pytest.raises(ValueError, match=r"trees|shape|inhomogeneous"):
        trees(**changed)


def test_a_file_that_forges_its_trees_is_left_to_onnx_runtime() -> None:
    model, signature = boosted()
    proto = onnx.load_from_string(model)
    node = next(node for node in proto.graph.node if node.op_type == "TreeEnsemble")
    for attribute in list(node.attribute):
        if attribute.name == "leaf_targetids":
            node.attribute.remove(attribute)
    with pytest.raises(CorruptArtifactError):
        OnnxPredictor(proto.SerializeToString(), signature, many_rows=True)


class Failing:
    """Cannot score."""

    def run(self, names: Sequence[str], feed: Any, /) -> list[Any]:
        raise IndexError


def test_a_way_that_fails_is_left() -> None:
    session, _ = all_ways(boosted()[0])
    feed = {"features": np.resize(NUMBERS, (1_000, 6))}
    names = [session.get_outputs()[0].name]
    assert fastest(session, [Failing()], names, feed) is session
