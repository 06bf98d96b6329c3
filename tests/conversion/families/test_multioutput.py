from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes, load_wine, make_multilabel_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeRegressor

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import UnsupportedEstimatorError


@pytest.mark.parametrize("estimator", [Ridge(), DecisionTreeRegressor(max_depth=4)], ids=repr)
def test_regressors_of_several_outputs_are_exact(estimator: Any, exact: Any) -> None:
    features, values = load_diabetes(return_X_y=True)
    both = np.column_stack([values, -values, np.sqrt(values)])
    exact(MultiOutputRegressor(estimator).fit(features, both), features)
    exact(RegressorChain(estimator).fit(features, both), features)
    exact(RegressorChain(estimator, order=[2, 0, 1], cv=3).fit(features, both), features)


@pytest.mark.parametrize("words", [False, True])
def test_classifiers_of_several_outputs_are_exact(words: bool, exact: Any) -> None:
    features, classes = load_wine(return_X_y=True)
    both = np.column_stack([classes, classes == 1])
    if words:
        both = np.array(["none", "one", "two"])[both]
    forest = RandomForestClassifier(10, random_state=0)
    conversion = exact(MultiOutputClassifier(forest).fit(features, both), features)
    assert conversion.operators["TreeEnsemble"] == 2


def test_outputs_of_text_and_numbers_are_refused() -> None:
    features, classes = load_wine(return_X_y=True)
    both = np.column_stack([classes, classes])
    model = MultiOutputClassifier(RandomForestClassifier(2, random_state=0)).fit(features, both)
    model.estimators_[1].fit(features, classes.astype(str))
    with pytest.raises(UnsupportedEstimatorError, match="text"):
        convert_to_onnx(model, data=features)


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
@pytest.mark.parametrize("order", [None, [2, 0, 3, 1]])
def test_chains_of_classifiers_are_exact(order: Any, method: str, exact: Any) -> None:
    features, labels = make_multilabel_classification(n_classes=4, random_state=0)
    logistic = LogisticRegression(max_iter=1000)
    exact(
        ClassifierChain(logistic, order=order, chain_method=method).fit(features, labels), features
    )


def test_chains_of_classifiers_without_probabilities(exact: Any) -> None:
    features, labels = make_multilabel_classification(n_classes=4, random_state=0)
    exact(ClassifierChain(LinearSVC()).fit(features, labels), features)


def test_chains_of_logarithms_of_probabilities_are_refused() -> None:
    features, labels = make_multilabel_classification(n_classes=3, random_state=0)
    chain = ClassifierChain(LogisticRegression(C=1e-3), chain_method="predict_log_proba")
    with pytest.raises(UnsupportedEstimatorError, match="Logarithms"):
        convert_to_onnx(chain.fit(features, labels), data=features)
