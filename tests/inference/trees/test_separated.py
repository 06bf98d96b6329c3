"""Large trees in nodes of their own say the same, to the last bit."""

from typing import Any

import numpy as np
import onnx
import pytest
from numpy.testing import assert_array_equal
from onnx import helper, numpy_helper
from sklearn.ensemble import ExtraTreesRegressor, GradientBoostingRegressor, RandomForestClassifier

from mlserve_cli.conversion.result import Options, Precision
from mlserve_cli.conversion.writing import write_model
from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.onnx import OnnxPredictor, create_session
from mlserve_cli.inference.trees.ensemble import Trees
from mlserve_cli.inference.trees.separated import SeparatedTrees
from mlserve_cli.inference.trees.ways import load_for_many_rows

RANDOM = np.random.default_rng(0)
ROWS = RANDOM.normal(size=(800, 5))
ROWS[::9, 2] = np.nan
AMOUNT = np.nan_to_num(ROWS).sum(axis=1) + RANDOM.normal(size=800)
CLASSES = np.digitize(AMOUNT, [0.0])


@pytest.fixture(autouse=True)
def small_trees_are_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlserve_cli.inference.trees.separated._LARGE_LEAVES", 1)


def written(estimator: Any, precision: Precision = Precision.FLOAT64) -> bytes:
    return write_model(estimator, describe_estimator(estimator), Options(precision=precision))


def separated(content: bytes) -> bytes:
    model = onnx.load_from_string(content)
    taken = SeparatedTrees()
    for node in model.graph.node:
        if node.op_type == "TreeEnsemble":
            taken.take(node, Trees.of_node(node))
    return taken.put_into(model)


def tree_counts(content: bytes) -> list[int]:
    return [
        Trees.of_node(node).roots.size
        for node in onnx.load_from_string(content).graph.node
        if node.op_type == "TreeEnsemble"
    ]


@pytest.mark.parametrize("precision", [Precision.FLOAT64, Precision.FLOAT32])
@pytest.mark.parametrize(
    "estimator",
    [
        ExtraTreesRegressor(30, random_state=0).fit(ROWS, AMOUNT),
        # Two trees, and some of one leaf.
        GradientBoostingRegressor(n_estimators=2, max_depth=9).fit(np.nan_to_num(ROWS), AMOUNT),
        GradientBoostingRegressor(n_estimators=4, min_impurity_decrease=1.0).fit(
            np.nan_to_num(ROWS), AMOUNT
        ),
        RandomForestClassifier(25, random_state=0).fit(ROWS, CLASSES),
    ],
    ids=["amounts", "two trees", "trees of one leaf", "votes"],
)
def test_each_tree_has_a_node_and_every_sum_is_the_same(
    estimator: Any, precision: Precision
) -> None:
    content = written(estimator, precision)
    apart = separated(content)
    assert sum(tree_counts(content)) == len(tree_counts(apart)) > len(tree_counts(content))
    assert set(tree_counts(apart)) == {1}
    onnx.checker.check_model(onnx.load_from_string(apart))
    known, found = create_session(content), create_session(apart)
    entry = known.get_inputs()[0]
    kind = np.float32 if entry.type == "tensor(float)" else np.float64
    for rows in (1, 3, 700):
        feed = {entry.name: ROWS[-rows:].astype(kind)}
        for one, other in zip(known.run(None, feed), found.run(None, feed), strict=True):
            assert_array_equal(one, other)
    assert found.get_modelmeta().custom_metadata_map == known.get_modelmeta().custom_metadata_map


def test_weights_of_any_size_are_added_up_in_their_order() -> None:
    # What is lost depends on the order.
    weights = [1e16, 1.0, -1e16, 0.1, -0.0, 3e-17]
    trees = [
        helper.make_node(
            "TreeEnsemble", ["x"], ["y"], domain="ai.onnx.ml", n_targets=1, aggregate_function=1,
            post_transform=0, tree_roots=list(range(6)), nodes_featureids=[0] * 6,
            nodes_modes=numpy_helper.from_array(np.zeros(6, np.uint8)),
            nodes_splits=numpy_helper.from_array(np.zeros(6)),
            nodes_truenodeids=list(range(0, 12, 2)), nodes_falsenodeids=list(range(1, 12, 2)),
            nodes_trueleafs=[1] * 6, nodes_falseleafs=[1] * 6, leaf_targetids=[0] * 12,
            leaf_weights=numpy_helper.from_array(np.repeat(weights, 2)),
        )
    ]  # fmt: skip
    kinds = [helper.make_tensor_value_info(name, 11, [None, 1]) for name in "xy"]
    graph = helper.make_graph(trees, "sum", kinds[:1], kinds[1:])
    sets = [helper.make_opsetid("", 21), helper.make_opsetid("ai.onnx.ml", 5)]
    content = helper.make_model(graph, opset_imports=sets, ir_version=10).SerializeToString()
    apart = separated(content)
    assert tree_counts(apart) == [1] * 6
    feed = {"x": np.array([[-1.0], [0.0], [1.0], [np.nan]])}
    expected = 0.0
    for weight in weights:
        expected += weight
    for model in (content, apart):
        [found] = create_session(model).run(None, feed)
        assert_array_equal(found, np.full((4, 1), expected))


@pytest.mark.parametrize(
    ("name", "values"), [("nodes_truenodeids", [2, 1, 0]), ("tree_roots", [1, 0, 2])]
)
def test_trees_in_disorder_stay_together(name: str, values: list[int]) -> None:
    known: dict[str, Any] = {
        "tree_roots": [0, 1, 2],
        "nodes_featureids": [0, 0, 0],
        "nodes_truenodeids": [0, 1, 2],
        "nodes_trueleafs": [1, 1, 1],
        "nodes_falsenodeids": [0, 1, 2],
        "nodes_falseleafs": [1, 1, 1],
        "leaf_targetids": [0, 0, 0],
    }
    node = helper.make_node(
        "TreeEnsemble", ["x"], ["y"], n_targets=1,
        nodes_modes=numpy_helper.from_array(np.zeros(3, np.uint8)),
        nodes_splits=numpy_helper.from_array(np.zeros(3)),
        leaf_weights=numpy_helper.from_array(np.arange(3.0)),
        **known | {name: values},
    )  # fmt: skip
    with pytest.raises(ValueError, match="one after the other"):
        Trees.of_node(node).apart()


@pytest.mark.parametrize(("leaves", "nodes"), [(255, 1), (256, 3)])
def test_only_large_trees_are_taken_apart(
    monkeypatch: pytest.MonkeyPatch, leaves: int, nodes: int
) -> None:
    monkeypatch.setattr("mlserve_cli.inference.trees.separated._LARGE_LEAVES", 256)
    estimator = ExtraTreesRegressor(3, max_leaf_nodes=leaves, random_state=0).fit(ROWS, AMOUNT)
    assert len(tree_counts(separated(written(estimator)))) == nodes


def test_more_trees_than_are_worth_their_nodes_stay_together(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    estimator = ExtraTreesRegressor(30, random_state=0).fit(ROWS, AMOUNT)
    content = written(estimator)
    monkeypatch.setattr("mlserve_cli.inference.trees.separated._MOST_TREES", 29)
    assert tree_counts(separated(content)) == tree_counts(content)
    monkeypatch.setattr("mlserve_cli.inference.trees.separated._MOST_TREES", 30)
    assert len(tree_counts(separated(content))) == 30


def test_a_model_for_many_rows_is_loaded_once() -> None:
    content = written(ExtraTreesRegressor(30, random_state=0).fit(ROWS, AMOUNT))
    loaded: list[bytes] = []

    def create(model: Any) -> Any:
        loaded.append(model)
        return create_session(model)

    load_for_many_rows(content, create)
    assert [len(tree_counts(model)) for model in loaded] == [0, 30]


@pytest.mark.parametrize("cut", [100, 20_000])
def test_half_a_model_is_refused_by_its_name(tmp_path: Any, cut: int) -> None:
    content = written(ExtraTreesRegressor(30, random_state=0).fit(ROWS, AMOUNT))
    path = tmp_path / "half.onnx"
    path.write_bytes(content[-cut:] if cut > 100 else content[:-cut])
    with pytest.raises(CorruptArtifactError, match=r"half\.onnx"):
        OnnxPredictor(path, many_rows=True)
