from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    RandomTreesEmbedding,
)
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.preprocessing import StandardScaler
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

CLASSIFIERS = [
    DecisionTreeClassifier(random_state=0),
    ExtraTreeClassifier(random_state=0),
    RandomForestClassifier(15, min_samples_leaf=3, random_state=0),
    ExtraTreesClassifier(15, random_state=0),
    GradientBoostingClassifier(n_estimators=5, random_state=0),
    GradientBoostingClassifier(n_estimators=5, init="zero", random_state=0),
    HistGradientBoostingClassifier(max_iter=5),
    AdaBoostClassifier(n_estimators=10, random_state=0),
    BaggingClassifier(random_state=0),
    BaggingClassifier(max_features=0.5, max_samples=5, random_state=0),
]
REGRESSORS = [
    DecisionTreeRegressor(random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(15, random_state=0),
    ExtraTreesRegressor(15, random_state=0),
    GradientBoostingRegressor(n_estimators=5, random_state=0),
    GradientBoostingRegressor(n_estimators=5, loss="quantile", random_state=0),
    HistGradientBoostingRegressor(max_iter=5),
    HistGradientBoostingRegressor(max_iter=5, loss="poisson", monotonic_cst=[1] * 10),
    AdaBoostRegressor(n_estimators=10, random_state=0),
    AdaBoostRegressor(LinearRegression(), n_estimators=5, random_state=0),
    BaggingRegressor(max_features=0.5, random_state=0),
    BaggingRegressor(LinearRegression(), random_state=0),
]
# These route rows with missing values on their own.
TAKE_MISSING = [
    DecisionTreeRegressor(random_state=0),
    ExtraTreeRegressor(random_state=0),
    RandomForestRegressor(15, random_state=0),
    ExtraTreesRegressor(15, random_state=0),
    HistGradientBoostingRegressor(max_iter=5),
    BaggingRegressor(random_state=0),
    IsolationForest(n_estimators=20, random_state=0),
]


def named(estimator: Any) -> str:
    return repr(estimator).replace("\n", "")


@pytest.mark.parametrize("estimator", CLASSIFIERS, ids=named)
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_classifiers_are_exact_at_every_threshold(estimator: Any, load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    exact(estimator.fit(features, classes), features)


@pytest.mark.parametrize(
    "classes",
    [np.array(["no", "yes"]), np.array([False, True]), np.array([0.5, 1.5]), np.array([7, 5])],
    ids=["text", "bool", "fraction", "int"],
)
def test_labels_keep_their_type(classes: Any, exact: Any) -> None:
    features, target = load_breast_cancer(return_X_y=True)
    # Fractions are classes for a user who says so; scikit-learn refuses them in most classifiers.
    if classes.dtype.kind == "f":
        classes = classes * 2
    forest = RandomForestClassifier(5, random_state=0).fit(features, classes[target])
    exact(forest, features)


@pytest.mark.parametrize(
    "estimator",
    [
        AdaBoostClassifier(LogisticRegression(), n_estimators=3, random_state=0),
        BaggingClassifier(LogisticRegression(), max_features=0.5, random_state=0),
    ],
    ids=named,
)
def test_ensembles_of_other_estimators_are_exact(estimator: Any, exact: Any) -> None:
    features, classes = load_wine(return_X_y=True)
    features = StandardScaler().fit_transform(features)
    exact(estimator.fit(features, classes), features)


@pytest.mark.parametrize("estimator", REGRESSORS, ids=named)
def test_regressors_are_exact_at_every_threshold(estimator: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    exact(estimator.fit(features, values), features)


@pytest.mark.parametrize("estimator", TAKE_MISSING, ids=named)
@pytest.mark.parametrize("holes", [0.0, 0.2], ids=["fitted without", "fitted with"])
def test_missing_values_take_the_same_side(estimator: Any, holes: float, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    random = np.random.default_rng(0)
    training = np.where(random.random(features.shape) < holes, np.nan, features)
    rows = np.where(random.random(features.shape) < 0.2, np.nan, features)
    if holes == 0.0 and type(estimator).__name__ == "BaggingRegressor":
        pytest.skip("a bag of trees fitted without missing values refuses them")
    exact(estimator.fit(training, values), rows)


@pytest.mark.parametrize("estimator", [DecisionTreeClassifier(), RandomForestClassifier(5)])
def test_several_targets_at_once(estimator: Any, exact: Any) -> None:
    features, classes = load_wine(return_X_y=True)
    both = np.column_stack([classes, classes > 0])
    conversion = exact(estimator.fit(features, both), features)
    assert conversion.operators["TreeEnsemble"] == 1


def test_several_values_at_once(exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    exact(RandomForestRegressor(5).fit(features, np.column_stack([values, values**2])), features)


@pytest.mark.parametrize("share", [1.0, 0.5])
def test_isolation_forests(share: float, exact: Any) -> None:
    features, _ = load_diabetes(return_X_y=True)
    exact(
        IsolationForest(n_estimators=20, max_features=share, random_state=0).fit(features), features
    )


def test_embeddings_of_trees(exact: Any) -> None:
    features, _ = load_diabetes(return_X_y=True)
    exact(RandomTreesEmbedding(5, random_state=0).fit(features), features)
