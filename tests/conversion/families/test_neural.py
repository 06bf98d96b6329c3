from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine
from sklearn.neural_network import BernoulliRBM, MLPClassifier, MLPRegressor
from sklearn.preprocessing import MinMaxScaler, StandardScaler

ACTIVATIONS = ["identity", "logistic", "tanh", "relu"]


def scaled(load: Any) -> Any:
    features, target = load(return_X_y=True)
    return StandardScaler().fit_transform(features), target


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("load", [load_breast_cancer, load_wine])
def test_classifiers_are_exact(load: Any, activation: str, exact: Any) -> None:
    features, classes = scaled(load)
    model = MLPClassifier((12, 7), activation=activation, max_iter=20, random_state=0)
    exact(model.fit(features, classes), features)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_regressors_are_exact(activation: str, exact: Any) -> None:
    features, values = scaled(load_diabetes)
    model = MLPRegressor(
        hidden_layer_sizes=(9,), activation=activation, max_iter=20, random_state=0
    )
    exact(model.fit(features, values), features)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_several_targets_at_once(exact: Any) -> None:
    features, values = scaled(load_diabetes)
    model = MLPRegressor(hidden_layer_sizes=(9,), max_iter=20, random_state=0)
    exact(model.fit(features, np.column_stack([values, -values])), features)


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_several_labels_at_once(exact: Any) -> None:
    features, classes = scaled(load_wine)
    model = MLPClassifier((9,), max_iter=20, random_state=0)
    exact(model.fit(features, np.column_stack([classes > 0, classes > 1, classes < 2])), features)


def test_hidden_units_are_exact(exact: Any) -> None:
    features, _ = load_wine(return_X_y=True)
    features = MinMaxScaler().fit_transform(features)
    exact(BernoulliRBM(n_components=5, n_iter=3, random_state=0).fit(features), features)
