from typing import Any

import numpy as np
import pytest
from sklearn import naive_bayes
from sklearn.datasets import load_digits, load_iris, load_wine

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.errors import SignatureError
from mlserve_cli.inference.onnx import OnnxPredictor

COUNTING = [
    naive_bayes.MultinomialNB(),
    naive_bayes.MultinomialNB(fit_prior=False, alpha=0.1),
    naive_bayes.ComplementNB(),
    naive_bayes.ComplementNB(norm=True),
    naive_bayes.BernoulliNB(),
    naive_bayes.BernoulliNB(binarize=4.0),
    naive_bayes.CategoricalNB(min_categories=17),
]


@pytest.mark.parametrize("load", [load_iris, load_wine])
@pytest.mark.parametrize(
    "estimator",
    [naive_bayes.GaussianNB(), naive_bayes.GaussianNB(priors=[0.2, 0.5, 0.3])],
    ids=repr,
)
def test_gaussian_classifiers_are_exact(estimator: Any, load: Any, exact: Any) -> None:
    features, classes = load(return_X_y=True)
    exact(estimator.fit(features, classes), features)


@pytest.mark.parametrize("estimator", COUNTING, ids=repr)
def test_classifiers_of_counts_are_exact(estimator: Any, exact: Any) -> None:
    features, classes = load_digits(return_X_y=True)
    names = np.array([f"digit {number}" for number in range(10)])
    # Logarithms of probabilities sum up to thousands, and keep 11 digits after the point.
    exact(estimator.fit(features, names[classes]), features, rounding=1e-10)


def test_bits_that_are_bits_already(exact: Any) -> None:
    features, classes = load_digits(return_X_y=True)
    exact(naive_bayes.BernoulliNB(binarize=None).fit(features > 8, classes), features)


def test_a_prior_of_zero_rules_a_class_out(exact: Any) -> None:
    features, classes = load_iris(return_X_y=True)
    model = naive_bayes.GaussianNB(priors=[0.5, 0.0, 0.5])
    exact(model.fit(features, classes), features)


@pytest.mark.parametrize("value", [-1.0, 3.0, np.nan])
def test_unknown_categories_are_refused_rather_than_guessed(value: float) -> None:
    features = np.array([[0.0], [1.0], [2.0], [1.0]])
    model = naive_bayes.CategoricalNB().fit(features, [0, 1, 0, 1])
    predictor = OnnxPredictor(convert_to_onnx(model, data=features).model)
    with pytest.raises(SignatureError, match="refuses these rows"):
        predictor.predict(np.array([[value]]))
