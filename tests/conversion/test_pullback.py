from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, RobustScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.pullback import rows_at_thresholds
from mlserve_cli.conversion.result import Options, Precision
from mlserve_cli.conversion.sampling import plain_columns
from mlserve_cli.errors import ParityError
from mlserve_cli.inference.describe import describe_estimator

SINGLE = Options(precision=Precision.FLOAT32)


@pytest.mark.parametrize(
    "scaler", [StandardScaler(), MinMaxScaler(), RobustScaler(), MaxAbsScaler()], ids=repr
)
def test_rows_lie_on_both_sides_of_thresholds_behind_a_scaler(scaler: Any) -> None:
    features, classes = load_breast_cancer(return_X_y=True)
    model = make_pipeline(SimpleImputer(), scaler, DecisionTreeClassifier(random_state=0))
    model.fit(features, classes)
    signature = describe_estimator(model)
    plain = plain_columns(model, signature)
    low, high, *_ = rows_at_thresholds(model, signature, plain, np.random.default_rng(0))
    sides = [np.column_stack(list(side.values())) for side in (low, high)]
    assert len(sides[0]) == (model[-1].tree_.children_left >= 0).sum()
    for left, right in zip(*sides, strict=True):
        [changed] = np.flatnonzero(left != right)
        assert right[changed] == np.nextafter(left[changed], np.inf)
    leaves = [model[-1].apply(model[:-1].transform(side)) for side in sides]
    # Nodes that no plain row gets to stay out of reach.
    assert (leaves[0] != leaves[1]).mean() > 0.5


def test_columns_of_a_frame_are_found_behind_a_column_transformer(people: pd.DataFrame) -> None:
    numbers = make_pipeline(SimpleImputer(), StandardScaler())
    columns = ColumnTransformer([("numbers", numbers, ["income", "age"])])
    model = make_pipeline(columns, RandomForestClassifier(5, random_state=0))
    model.fit(people, people["member"])
    signature = describe_estimator(model, people)
    plain = plain_columns(model, signature)
    low, high, *_ = rows_at_thresholds(model, signature, plain, np.random.default_rng(0))
    assert ((low["income"] != high["income"]) ^ (low["age"] != high["age"])).all()
    assert (low["income"] != high["income"]).any()
    assert (low["age"] != high["age"]).any()


@pytest.mark.parametrize(
    ("load", "trees"),
    [
        (load_digits, RandomForestClassifier(20, random_state=0)),
        (load_diabetes, RandomForestRegressor(20, random_state=0)),
        (load_diabetes, GradientBoostingRegressor(random_state=0)),
        (load_breast_cancer, HistGradientBoostingClassifier(random_state=0)),
    ],
)
def test_a_scaler_in_single_precision_before_trees_is_refused(load: Any, trees: Any) -> None:
    features, target = load(return_X_y=True)
    model = make_pipeline(StandardScaler(), trees).fit(features, target)
    with pytest.raises(ParityError):
        convert_to_onnx(model, options=SINGLE)
    assert convert_to_onnx(model).parity.passed
