"""One fitted example of every scikit-learn estimator, and of the ways in which people set them up.

Each entry is a function that returns a fitted estimator and inputs to call it with. `admitted.txt`
was grown from what their files name: a scikit-learn release that adds a type fails the tests.
"""

import warnings
from collections.abc import Callable
from functools import cache, partial
from typing import Any

import numpy as np
import pandas as pd
from sklearn import (
    datasets,
    linear_model,
    preprocessing,
    tree,
)
from sklearn.base import is_regressor
from sklearn.utils import all_estimators

Fitted = tuple[Any, Any]
Maker = Callable[[], Fitted]

TEXTS = ["the cat sat", "a dog ran home", "the bird flew", "a cat and a dog"] * 12
WORDS = np.array(["low", "high"] * 24)


@cache
def numbers() -> tuple[Any, Any, Any]:
    """Positive features (48, 5), three classes (48,), and a positive target (48,)."""
    features, classes = datasets.make_blobs(48, 5, centers=3, random_state=0)
    features = features - features.min() + 0.1
    target = np.abs(features @ np.arange(1.0, 6.0)) / 10 + 1.0
    return features, classes, target


@cache
def frame() -> pd.DataFrame:
    """A table (48, 4) with numbers, text, categories and missing values."""
    features, classes, _ = numbers()
    table = pd.DataFrame(
        {
            "length": features[:, 0],
            "width": features[:, 1],
            "place": np.array(["north", "south", "east"], dtype=object)[classes],
            "grade": pd.Categorical(np.array(["a", "b", "c"], dtype=object)[(classes * 2) % 3]),
        }
    )
    table.loc[3, "length"] = np.nan
    return table


def classes_of(estimator: Any, target: Any = None) -> Fitted:
    features, classes, _ = numbers()
    return estimator.fit(features, classes if target is None else target), features


def values_of(estimator: Any, target: Any = None) -> Fitted:
    features, _, values = numbers()
    return estimator.fit(features, values if target is None else target), features


def texts_of(estimator: Any) -> Fitted:
    return estimator.fit(TEXTS, WORDS), TEXTS


def frame_of(estimator: Any, target: Any = None) -> Fitted:
    return estimator.fit(frame(), numbers()[1] if target is None else target), frame()


TREE = partial(tree.DecisionTreeClassifier, max_depth=3, random_state=0)
LOGISTIC = partial(linear_model.LogisticRegression, max_iter=200)
RIDGE = linear_model.Ridge

# Constructor arguments where the defaults are missing, slow or do not converge.
ARGUMENTS: dict[str, dict[str, Any]] = {
    "AdaBoostClassifier": {"n_estimators": 5},
    "AdaBoostRegressor": {"n_estimators": 5},
    "BaggingClassifier": {"n_estimators": 3, "max_features": 3},
    "BaggingRegressor": {"n_estimators": 3},
    "BayesianGaussianMixture": {"max_iter": 500},
    "BernoulliRBM": {"n_iter": 2},
    "CalibratedClassifierCV": {"estimator": TREE(), "cv": 3},
    "ClassifierChain": {"estimator": LOGISTIC()},
    "DictionaryLearning": {"max_iter": 3, "n_components": 3},
    "ExtraTreesClassifier": {"n_estimators": 5},
    "ExtraTreesRegressor": {"n_estimators": 5},
    "FixedThresholdClassifier": {"estimator": LOGISTIC()},
    "FeatureHasher": {"n_features": 32},
    "HashingVectorizer": {"n_features": 32},
    "FrozenEstimator": {"estimator": TREE().fit(*numbers()[:2])},
    "GradientBoostingClassifier": {"n_estimators": 5},
    "GradientBoostingRegressor": {"n_estimators": 5},
    "GridSearchCV": {"estimator": TREE(), "param_grid": {"max_depth": [2, 3]}, "cv": 3},
    "GaussianRandomProjection": {"n_components": 2},
    "SparseRandomProjection": {"n_components": 2},
    "HDBSCAN": {"min_cluster_size": 5, "copy": True},
    "HistGradientBoostingClassifier": {"max_iter": 3, "min_samples_leaf": 5},
    "HistGradientBoostingRegressor": {"max_iter": 3, "min_samples_leaf": 5},
    "IsolationForest": {"n_estimators": 5},
    "LatentDirichletAllocation": {"max_iter": 3, "n_components": 3},
    "LogisticRegressionCV": {"cv": 3, "Cs": 3, "use_legacy_attributes": False},
    "MDS": {"n_init": 1, "init": "random"},
    "MiniBatchDictionaryLearning": {"max_iter": 3, "n_components": 3},
    "MLPClassifier": {"hidden_layer_sizes": (4,)},
    "MLPRegressor": {"hidden_layer_sizes": (4,)},
    "MultiOutputClassifier": {"estimator": TREE()},
    "MultiOutputRegressor": {"estimator": RIDGE()},
    "OneVsOneClassifier": {"estimator": LOGISTIC()},
    "OneVsRestClassifier": {"estimator": LOGISTIC()},
    "OutputCodeClassifier": {"estimator": TREE()},
    "RANSACRegressor": {"random_state": 0},
    "RandomForestClassifier": {"n_estimators": 5},
    "RandomForestRegressor": {"n_estimators": 5},
    "RandomTreesEmbedding": {"n_estimators": 5},
    "RandomizedSearchCV": {
        "estimator": TREE(),
        "param_distributions": {"max_depth": [2, 3, 4]},
        "n_iter": 2,
        "cv": 3,
    },
    "RegressorChain": {"estimator": RIDGE()},
    "RFE": {"estimator": TREE(), "n_features_to_select": 2},
    "RFECV": {"estimator": TREE(), "cv": 3},
    "SelectFromModel": {"estimator": TREE()},
    "SelfTrainingClassifier": {"estimator": TREE()},
    "SequentialFeatureSelector": {"estimator": TREE(), "n_features_to_select": 1, "cv": 3},
    "SparseCoder": {"dictionary": np.eye(5)},
    "SparsePCA": {"max_iter": 3, "n_components": 2},
    "MiniBatchSparsePCA": {"max_iter": 3, "n_components": 2},
    "StackingClassifier": {"estimators": [("tree", TREE()), ("line", LOGISTIC())], "cv": 3},
    "StackingRegressor": {"estimators": [("ridge", RIDGE())], "cv": 3},
    "TSNE": {"perplexity": 5, "max_iter": 250},
    "TunedThresholdClassifierCV": {"estimator": LOGISTIC(), "cv": 3},
    "VotingClassifier": {"estimators": [("tree", TREE()), ("line", LOGISTIC())]},
    "VotingRegressor": {"estimators": [("ridge", RIDGE())]},
    "FeatureUnion": {"transformer_list": [("a", preprocessing.StandardScaler())]},
    "PatchExtractor": {"patch_size": (2, 2)},
    "Pipeline": {"steps": [("scale", preprocessing.StandardScaler()), ("line", LOGISTIC())]},
    "ColumnTransformer": {"transformers": [("a", preprocessing.StandardScaler(), [0, 1])]},
}
_BINARY = {"FixedThresholdClassifier", "TunedThresholdClassifierCV"}
_TWO_TARGETS = {
    "ClassifierChain",
    "MultiOutputClassifier",
    "MultiOutputRegressor",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "RegressorChain",
}
_DECOMPOSE_BOTH = {"CCA", "PLSCanonical", "PLSSVD"}
_TEXT = {"CountVectorizer", "HashingVectorizer", "TfidfVectorizer"}


def every_estimator() -> dict[str, Maker]:
    """One maker per public estimator of the installed scikit-learn, by class name."""
    # Whoever enabled the experimental searches in this process made them show up here; they are
    # among the setups anyway.
    return {
        name: partial(_fitted, name, cls)
        for name, cls in all_estimators()
        if not name.startswith("Halving")
    }


def _fitted(name: str, cls: Any) -> Fitted:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        estimator = cls(**ARGUMENTS.get(name, {}))
        if "random_state" in estimator.get_params(deep=False):
            estimator.set_params(random_state=0)
        return _fit(name, estimator)


def _fit(name: str, estimator: Any) -> Fitted:
    features, classes, values = numbers()
    if name in _TEXT:
        return texts_of(estimator)
    if name in _INPUTS:
        inputs = _INPUTS[name]()
        return estimator.fit(inputs), inputs
    if name in _TWO_TARGETS:
        two = np.column_stack([classes > 0, classes > 1]).astype(int)
        return estimator.fit(features, two if "Classifier" in name else two * 1.5), features
    if name in _DECOMPOSE_BOTH:
        return estimator.fit(features, features[:, :2]), features
    if name == "IsotonicRegression":
        return estimator.fit(features[:, 0], values), features[:, 0]
    target = classes > 0 if name in _BINARY else values if is_regressor(estimator) else classes
    return estimator.fit(features, target), features


def _rows() -> list[dict[str, float]]:
    return [{"a": 1.0, "b": float(value)} for value in numbers()[1]]


# Estimators that take something else than a table of numbers.
_INPUTS: dict[str, Callable[[], Any]] = {
    "DictVectorizer": _rows,
    "FeatureHasher": _rows,
    "KernelCenterer": lambda: numbers()[0] @ numbers()[0].T,
    "LabelBinarizer": lambda: WORDS,
    "LabelEncoder": lambda: WORDS,
    "MultiLabelBinarizer": lambda: [("a",), ("a", "b")] * 3,
    "PatchExtractor": lambda: np.ones((2, 4, 4)),
}


def answers(estimator: Any, inputs: Any) -> list[Any]:
    """What the estimator says about the inputs, by every method that it has."""
    found = []
    for name in ("predict", "predict_proba", "decision_function", "transform", "score_samples"):
        if not hasattr(estimator, name):
            continue
        try:
            answer = getattr(estimator, name)(inputs)
        except (AttributeError, NotImplementedError, ValueError):
            continue
        found.append(_dense(answer))
    return found


def _dense(answer: Any) -> Any:
    return np.asarray(answer.toarray() if hasattr(answer, "toarray") else answer)
