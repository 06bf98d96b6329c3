import numpy as np
import pandas as pd
from sklearn.datasets import load_diabetes
from sklearn.tree import DecisionTreeRegressor

from mlserve_cli.conversion.sampling import generated_batches
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.signature import Column, DType, Layout, Signature, Task


def test_rows_hit_every_threshold_exactly_and_just_beside_it() -> None:
    features, values = load_diabetes(return_X_y=True)
    tree = DecisionTreeRegressor(max_depth=4).fit(features, values)
    batches = generated_batches(tree, describe_estimator(tree))
    rows = np.concatenate([batch for batch in batches if isinstance(batch, np.ndarray)])
    inner = tree.tree_.children_left >= 0
    for feature, threshold in zip(
        tree.tree_.feature[inner], tree.tree_.threshold[inner], strict=True
    ):
        column = rows[:, feature]
        for near in (threshold, np.nextafter(threshold, np.inf), np.nextafter(threshold, -np.inf)):
            assert near in column


def test_rows_hold_missing_values_only_where_they_are_taken(people: pd.DataFrame) -> None:
    signature = Signature(
        Task.REGRESSION,
        (
            Column("a", missing=True),
            Column("b", missing=False),
            Column("c", DType.STRING, missing=True),
            Column("d", DType.CATEGORICAL, categories=("x", "y"), missing=False),
        ),
        layout=Layout.FRAME,
    )
    batches = [batch for batch in generated_batches(None, signature) if isinstance(batch, dict)]
    whole = {name: np.concatenate([batch[name] for batch in batches]) for name in "abcd"}
    assert np.isnan(whole["a"]).any()
    assert not np.isnan(whole["b"]).any()
    assert None in whole["c"]
    assert "" in whole["c"]
    assert set(whole["d"]) == {"x", "y"}


def test_the_same_seed_gives_the_same_rows() -> None:
    signature = Signature(Task.REGRESSION, (Column("a"), Column("b")))
    first, second = (list(generated_batches(None, signature, seed=3)) for _ in range(2))
    for left, right in zip(first, second, strict=True):
        np.testing.assert_array_equal(left, right)
