from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.linear_model import LinearRegression, LogisticRegression, Perceptron, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError

CLASSIFIERS = [
    ("line", make_pipeline(StandardScaler(), LogisticRegression())),
    ("tree", DecisionTreeClassifier(max_depth=3, random_state=0)),
    ("forest", RandomForestClassifier(10, random_state=0)),
]
REGRESSORS = [
    ("line", LinearRegression()),
    ("gone", "drop"),
    ("tree", DecisionTreeRegressor(max_depth=3, random_state=0)),
]


def wine(dtype: str) -> tuple[Any, Any]:
    features, classes = load_wine(return_X_y=True)
    return features, np.array(["red", "rose", "white"])[classes] if dtype == "text" else classes


@pytest.mark.parametrize("dtype", ["text", "numbers"])
@pytest.mark.parametrize("weights", [None, [1, 2.5, 0.7]])
@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_votes_of_classifiers_are_exact(voting: str, weights: Any, dtype: str, exact: Any) -> None:
    model = VotingClassifier(CLASSIFIERS, voting=voting, weights=weights)
    features, classes = wine(dtype)
    exact(model.fit(features, classes), features)


def test_a_tie_of_votes_goes_to_the_first_class(exact: Any) -> None:
    features, classes = wine("text")
    model = VotingClassifier([*CLASSIFIERS[:2]], voting="hard").fit(features, classes)
    both = np.array([member.predict(features) for member in model.estimators_])
    assert (both[0] != both[1]).any()
    exact(model, features)


@pytest.mark.parametrize("weights", [None, [1, 5, 2.5]])
def test_averages_of_regressors_are_exact(weights: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    exact(VotingRegressor(REGRESSORS, weights=weights).fit(features, values), features)


@pytest.mark.parametrize("passthrough", [False, True])
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_stacked_classifiers_are_exact(load: Any, passthrough: bool, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    names = np.array(["no", "perhaps", "yes"])[classes]
    members = [*CLASSIFIERS, ("signs", make_pipeline(StandardScaler(), Perceptron()))]
    final = make_pipeline(StandardScaler(), LogisticRegression())
    model = StackingClassifier(members, final, cv=3, passthrough=passthrough)
    exact(model.fit(features, names), features)


@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_stacking_of_fitted_classifiers_by_one_method(method: str, exact: Any) -> None:
    features, classes = wine("numbers")
    members = [(name, member.fit(features, classes)) for name, member in CLASSIFIERS]
    final = DecisionTreeClassifier(max_depth=4, random_state=0)
    model = StackingClassifier(members, final, cv="prefit", stack_method=method)
    exact(model.fit(features, classes), features)


@pytest.mark.parametrize("passthrough", [False, True])
def test_stacked_regressors_are_exact(passthrough: bool, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    final = RandomForestRegressor(10, random_state=0)
    model = StackingRegressor(REGRESSORS, final, cv=3, passthrough=passthrough)
    exact(model.fit(features, values), features)


def test_stacking_over_a_frame_with_text(people: pd.DataFrame, exact: Any) -> None:
    def columns() -> Any:
        encoder = OneHotEncoder(handle_unknown="ignore")
        return make_column_transformer(
            (encoder, ["city", "member"]), (StandardScaler(), ["income", "children"])
        )

    table = people[["city", "member", "income", "children"]].fillna({"city": "Ulm"})
    members = [
        ("line", make_pipeline(columns(), LogisticRegression())),
        ("tree", make_pipeline(columns(), DecisionTreeClassifier(max_depth=4))),
    ]
    richer = np.where(people["income"] > 3000, "rich", "not rich")
    exact(VotingClassifier(members, voting="soft").fit(table, richer), table)
    exact(StackingClassifier(members, cv=3).fit(table, richer), table)


@pytest.mark.parametrize(
    "model",
    [
        VotingClassifier(CLASSIFIERS, voting="soft"),
        VotingClassifier(CLASSIFIERS, voting="hard"),
        VotingRegressor(REGRESSORS),
        StackingClassifier(CLASSIFIERS, cv=3),
    ],
    ids=["soft", "hard", "regressor", "stacking"],
)
def test_votes_as_columns_of_a_pipeline(model: Any, exact: Any) -> None:
    features, classes = wine("numbers")
    exact(make_pipeline(model, Ridge()).fit(features, classes), features)


def test_votes_in_three_dimensions_are_refused() -> None:
    features, classes = wine("numbers")
    model = VotingClassifier(CLASSIFIERS, voting="soft", flatten_transform=False)
    pipeline = make_pipeline(model).fit(features, classes)
    pipeline.steps.append(("last", "passthrough"))
    with pytest.raises(UnsupportedEstimatorError, match="three dimensions"):
        convert_to_onnx(pipeline, data=features)
