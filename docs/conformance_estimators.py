"""One fitted instance of every estimator of scikit-learn that has something to convert."""

import inspect
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from sklearn import datasets
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import all_estimators

DOCUMENTS = np.array(
    ["The film was good", "a bad film", "not good, not bad", "Great service! A good day", "bad day"]
    * 8,
    dtype=object,
)
# Their `transform` is not for columns of numbers or text, so that a model of them has no inputs.
NOTHING_TO_CONVERT = {
    "DictVectorizer": "takes dictionaries",
    "FeatureHasher": "takes dictionaries",
    "LabelBinarizer": "takes labels",
    "LabelEncoder": "takes labels",
    "MultiLabelBinarizer": "takes labels",
    "PatchExtractor": "takes images",
}
_LOGISTIC = {"estimator": LogisticRegression(max_iter=500)}
_RIDGE = {"estimator": Ridge()}
_BOTH = [("one", LogisticRegression(max_iter=500)), ("two", DecisionTreeClassifier(random_state=0))]
_EITHER = [("one", Ridge()), ("two", DecisionTreeRegressor(max_depth=4, random_state=0))]
_GRID = {**_LOGISTIC, "param_grid": {"C": [0.1, 1.0]}}
_RANDOM = {**_LOGISTIC, "param_distributions": {"C": [0.1, 1.0]}}
SETTINGS: dict[str, dict[str, Any]] = {
    "ClassifierChain": _LOGISTIC,
    "ColumnTransformer": {
        "transformers": [("one", StandardScaler(), [0, 1]), ("two", MinMaxScaler(), [2, 3])]
    },
    "FeatureUnion": {"transformer_list": [("one", StandardScaler()), ("two", MinMaxScaler())]},
    "FixedThresholdClassifier": _LOGISTIC,
    "FrozenEstimator": {"estimator": LogisticRegression(max_iter=500)},
    "GaussianRandomProjection": {"n_components": 2},
    "GridSearchCV": _GRID,
    "HalvingGridSearchCV": _GRID,
    "HalvingRandomSearchCV": _RANDOM,
    "HashingVectorizer": {"n_features": 2**10},
    "HistGradientBoostingClassifier": {"max_iter": 100},
    "HistGradientBoostingRegressor": {"max_iter": 100},
    "IterativeImputer": {"max_iter": 10},
    "LatentDirichletAllocation": {"max_iter": 10},
    "LocalOutlierFactor": {"novelty": True},
    "KernelPCA": {"n_components": 2},
    "MiniBatchNMF": {"n_components": 2, "fresh_restarts": True},
    "MultiOutputClassifier": _LOGISTIC,
    "MultiOutputRegressor": _RIDGE,
    "NMF": {"n_components": 2, "max_iter": 1000},
    "OneVsOneClassifier": _LOGISTIC,
    "OneVsRestClassifier": _LOGISTIC,
    "OutputCodeClassifier": _LOGISTIC,
    "Pipeline": {"steps": [("one", StandardScaler()), ("two", LogisticRegression(max_iter=500))]},
    "RFE": _LOGISTIC,
    "RFECV": _LOGISTIC,
    "RandomizedSearchCV": {**_RANDOM, "n_iter": 2},
    "RegressorChain": _RIDGE,
    "SelectFromModel": _LOGISTIC,
    "SelfTrainingClassifier": _LOGISTIC,
    "SequentialFeatureSelector": _LOGISTIC,
    "SparseCoder": {"dictionary": np.eye(4)},
    "SparseRandomProjection": {"n_components": 2},
    "StackingClassifier": {"estimators": _BOTH},
    "StackingRegressor": {"estimators": _EITHER},
    "TunedThresholdClassifierCV": _LOGISTIC,
    "VotingClassifier": {"estimators": _BOTH},
    "VotingRegressor": {"estimators": _EITHER},
}
_TWO_CLASSES = ("FixedThresholdClassifier", "TunedThresholdClassifierCV")
_SEVERAL_LABELS = ("ClassifierChain", "MultiOutputClassifier")
_SEVERAL_VALUES = (
    "CCA", "MultiOutputRegressor", "MultiTaskElasticNet", "MultiTaskElasticNetCV", "MultiTaskLasso",
    "MultiTaskLassoCV", "PLSCanonical", "PLSRegression", "PLSSVD", "RegressorChain",
)  # fmt: skip
_FEWER = {"n_estimators": 20, "max_iter": 1000, "random_state": 0}


def estimators() -> Iterator[tuple[str, Callable[[], tuple[Any, Any]]]]:
    """Name of each estimator, and what fits it and gives it back with rows that it takes."""
    for name, kind in all_estimators():
        if name in NOTHING_TO_CONVERT or not _scores_new_rows(kind):
            continue
        yield name, partial(_fitted, name, kind)


def _scores_new_rows(kind: type) -> bool:
    return hasattr(kind, "predict") or hasattr(kind, "transform")


def _fitted(name: str, kind: type) -> tuple[Any, Any]:
    settings = dict(SETTINGS.get(name, {}))
    known = inspect.signature(kind).parameters
    for setting, value in _FEWER.items():
        if setting in known and setting not in settings and _is_wanted(known[setting], setting):
            settings[setting] = value
    estimator = kind(**settings)
    features, target = _data(name, estimator)
    if name == "FrozenEstimator":
        estimator.estimator.fit(features, target)
    return estimator.fit(features, target), features


def _is_wanted(parameter: inspect.Parameter, setting: str) -> bool:
    # Where the default stands for something else than a small number, it stays.
    return setting == "random_state" or isinstance(parameter.default, int)


def _data(name: str, estimator: Any) -> tuple[Any, Any]:
    """Rows that an estimator takes, and what it learns to say about them."""
    if hasattr(estimator, "build_analyzer"):
        return DOCUMENTS, None
    kind = estimator.__sklearn_tags__().estimator_type
    if kind == "regressor" or name in _SEVERAL_VALUES:
        features, values = datasets.load_diabetes(return_X_y=True)
        features, values = features[:200], values[:200]
        both = np.column_stack([values, features[:, 2] * 100 + features[:, 3] * 50])
        only = features[:, 2:3] if name == "IsotonicRegression" else features
        return only, both if name in _SEVERAL_VALUES else values
    features, classes = datasets.load_iris(return_X_y=True)
    if name == "KernelCenterer":
        return features[::5] @ features[::5].T, None
    return _features(name, features), _labels(name, classes)


def _features(name: str, features: Any) -> Any:
    if name == "MissingIndicator" or name.endswith("Imputer"):
        holes = np.random.default_rng(0).random(features.shape) < 0.1
        return np.where(holes, np.nan, features)
    whole = name in ("CategoricalNB", "OneHotEncoder", "OrdinalEncoder", "TargetEncoder")
    return np.round(features) if whole else features


def _labels(name: str, classes: Any) -> Any:
    if name in _TWO_CLASSES:
        return classes > 0
    if name in _SEVERAL_LABELS:
        return np.column_stack([classes > 0, classes > 1]).astype(int)
    return classes
