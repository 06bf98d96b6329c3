from typing import Any

import numpy as np
import pytest
from sklearn.datasets import (
    load_breast_cancer,
    load_digits,
    load_wine,
    make_multilabel_classification,
)
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

MODELS = [OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier]
ESTIMATORS = [
    LogisticRegression(),
    LinearSVC(),
    RandomForestClassifier(7, random_state=0),
    DecisionTreeClassifier(max_depth=2, random_state=0),
]


def data(load: Any) -> tuple[Any, Any]:
    features, classes = load(return_X_y=True)
    return StandardScaler().fit_transform(features), np.array(list("abcdefghij"))[classes]


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=repr)
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_classes_by_pairs_are_exact(load: Any, model: Any, estimator: Any, exact: Any) -> None:
    features, classes = data(load)
    seed = {"random_state": 0} if model is OutputCodeClassifier else {}
    exact(model(estimator, **seed).fit(features, classes), features)


@pytest.mark.parametrize("model", [OneVsOneClassifier, OutputCodeClassifier])
def test_ten_classes_are_exact(model: Any, exact: Any) -> None:
    features, classes = load_digits(return_X_y=True)
    features = features[:400]
    tree = DecisionTreeClassifier(max_depth=4, random_state=0)
    seed = {"random_state": 0} if model is OutputCodeClassifier else {}
    exact(model(tree, **seed).fit(features, classes[:400]), features)


@pytest.mark.parametrize("estimator", ESTIMATORS[:3], ids=repr)
def test_several_labels_at_once(estimator: Any, exact: Any) -> None:
    features, labels = make_multilabel_classification(n_classes=4, random_state=0)
    exact(OneVsRestClassifier(estimator).fit(features, labels), features)


@pytest.mark.filterwarnings("ignore:Label .* is present in all")
def test_a_label_that_every_row_has(exact: Any) -> None:
    features, labels = make_multilabel_classification(n_classes=4, random_state=0)
    labels[:, 1] = 1
    exact(OneVsRestClassifier(LogisticRegression(max_iter=500)).fit(features, labels), features)


def test_tiny_probabilities_are_shared_out(exact: Any) -> None:
    features, classes = data(load_wine)
    model = OneVsRestClassifier(LogisticRegression(C=10)).fit(features, classes)
    far = np.random.default_rng(0).normal(size=(3000, 13)) * 40.0
    parts = np.array([member.predict_proba(far)[:, 1] for member in model.estimators_])
    assert (parts.max(axis=0) < 1e-16).any()
    exact(model, far)


def test_regressors_against_the_rest(exact: Any) -> None:
    features, classes = data(load_wine)
    exact(OneVsRestClassifier(Ridge()).fit(features, classes), features)
