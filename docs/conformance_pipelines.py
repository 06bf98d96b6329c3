"""Models in practice: mixed frames, text, wrapped and stacked, odd labels, missing values."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from conformance_estimators import DOCUMENTS
from sklearn import datasets
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import (
    ColumnTransformer,
    TransformedTargetRegressor,
    make_column_selector,
    make_column_transformer,
)
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.ensemble import (
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, chi2
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.multioutput import MultiOutputClassifier
from sklearn.naive_bayes import ComplementNB, MultinomialNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    PowerTransformer,
    QuantileTransformer,
    RobustScaler,
    SplineTransformer,
    StandardScaler,
    TargetEncoder,
)
from sklearn.svm import SVC, LinearSVC

Case = tuple[str, Callable[[], tuple[Any, Any]]]

_NUMBERS = ["age", "income", "children"]
_TEXTS = ["city", "member"]


def people() -> pd.DataFrame:
    """A made-up frame of numbers and text with missing values, the same each time."""
    random = np.random.default_rng(0)
    rows = 300
    frame = pd.DataFrame(
        {
            "age": random.normal(40, 10, rows),
            "income": random.lognormal(8, 1, rows),
            "children": random.integers(0, 5, rows),
            "city": random.choice(["Ams", "Ber", "Rom", "Ulm"], rows, p=[0.5, 0.4, 0.05, 0.05]),
            "member": random.choice(["yes", "no"], rows),
        }
    )
    for name in ("age", "city"):
        frame.loc[random.random(rows) < 0.1, name] = np.nan
    return frame


def pipelines() -> Iterator[Case]:
    """Name of each model, and what fits it and gives it back with rows that it takes."""
    for name, model in _frame_models().items():
        yield f"frame: {name}", partial(_on_people, model)
    for name, model in _text_models().items():
        yield f"text: {name}", partial(_on_documents, model)
    for name, (model, labels) in _number_models().items():
        yield name, partial(_on_numbers, model, labels)
    for name, model in _boosters().items():
        yield name, partial(_on_numbers, model, "class")


def _mixed(numbers: Any, texts: Any) -> ColumnTransformer:
    return ColumnTransformer([("numbers", numbers, _NUMBERS), ("texts", texts, _TEXTS)])


def _frame_models() -> dict[str, Any]:
    scaled = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    hot = OneHotEncoder(handle_unknown="ignore")
    ordinal = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    filled = make_pipeline(SimpleImputer(strategy="most_frequent"), hot)
    chosen = make_column_transformer(
        (scaled, make_column_selector(dtype_include=np.number)),
        (hot, make_column_selector(dtype_exclude=np.number)),
    )
    forest = RandomForestClassifier(20, random_state=0)
    return {
        "impute, scale, one-hot, logistic regression": (_mixed(scaled, hot), _logistic()),
        "columns chosen by type": (chosen, _logistic()),
        "impute text, one-hot": (_mixed(scaled, filled), _logistic()),
        "forest": (_mixed(scaled, hot), forest),
        "ordinal, forest": (_mixed("passthrough", ordinal), forest),
        "ordinal, histogram boosting with missing values": (
            _mixed("passthrough", ordinal), HistGradientBoostingClassifier(random_state=0),
        ),
        "min-max, nearest neighbours": (
            _mixed(make_pipeline(SimpleImputer(), MinMaxScaler()), hot), KNeighborsClassifier(),
        ),
        "robust, SVC": (_mixed(make_pipeline(SimpleImputer(), RobustScaler()), hot), SVC()),
        "infrequent categories": (
            _mixed(scaled, OneHotEncoder(min_frequency=30, handle_unknown="infrequent_if_exist")),
            _logistic(),
        ),
        "first category dropped": (_mixed(scaled, OneHotEncoder(drop="first")), _logistic()),
        "target encoder": (_mixed(scaled, TargetEncoder(random_state=0)), _logistic()),
        "indicator of missing values": (
            _mixed(SimpleImputer(add_indicator=True), hot), _logistic(),
        ),
        "bins": (_mixed(make_pipeline(SimpleImputer(), KBinsDiscretizer()), hot), _logistic()),
        "logarithm": (
            _mixed(make_pipeline(SimpleImputer(), FunctionTransformer(np.log1p)), hot), _logistic(),
        ),
        "rest passed through": (
            ColumnTransformer([("texts", hot, _TEXTS)], remainder="passthrough"),
            HistGradientBoostingClassifier(random_state=0),
        ),
    }  # fmt: skip


def _text_models() -> dict[str, Any]:
    words, letters = TfidfVectorizer(), TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 4))
    return {
        "TF-IDF, logistic regression": (words, _logistic()),
        "TF-IDF, case kept": (TfidfVectorizer(lowercase=False), _logistic()),
        "pairs, sublinear, linear SVC": (
            TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True), LinearSVC(),
        ),
        "stop words": (TfidfVectorizer(stop_words="english"), _logistic()),
        "accents removed": (TfidfVectorizer(strip_accents="unicode"), _logistic()),
        "accents and other letters removed": (TfidfVectorizer(strip_accents="ascii"), _logistic()),
        "counts, naive Bayes": (CountVectorizer(), MultinomialNB()),
        "presence, naive Bayes": (CountVectorizer(binary=True), ComplementNB()),
        "counts, weights, SGD": (CountVectorizer(), TfidfTransformer(), SGDClassifier()),
        "min_df, max_df, max_features": (
            CountVectorizer(min_df=2, max_df=0.9, max_features=9), _logistic(),
        ),
        "characters": (CountVectorizer(analyzer="char", ngram_range=(1, 3)), _logistic()),
        "characters in words": (letters, SGDClassifier(random_state=0)),
        "own token pattern": (CountVectorizer(token_pattern=r"\b[a-zA-Z]{3,}\b"), _logistic()),
        "best words": (CountVectorizer(), SelectKBest(chi2, k=5), _logistic()),
        "latent space": (words, TruncatedSVD(3, random_state=0), _logistic()),
        "forest": (words, RandomForestClassifier(20, random_state=0)),
        "hashed words": (HashingVectorizer(n_features=2**12), _logistic()),
        "hashed words, default size": (HashingVectorizer(), _logistic()),
    }  # fmt: skip


def _number_models() -> dict[str, tuple[Any, str]]:
    logistic, forest = _logistic(), RandomForestClassifier(30, random_state=0)
    scaled = make_pipeline(StandardScaler(), logistic)
    return {
        "text as classes": (scaled, "text"),
        "bools as classes": (forest, "bool"),
        "floats as classes": (scaled, "float"),
        "forest with missing values": (forest, "missing"),
        "histogram boosting with missing values": (
            HistGradientBoostingClassifier(random_state=0), "missing",
        ),
        "scaled forest": (make_pipeline(StandardScaler(), forest), "class"),
        "principal components, SVC": (make_pipeline(StandardScaler(), PCA(3), SVC()), "class"),
        "polynomials": (make_pipeline(PolynomialFeatures(2), StandardScaler(), logistic), "class"),
        "splines": (make_pipeline(SplineTransformer(), Ridge()), "value"),
        "quantiles": (make_pipeline(QuantileTransformer(n_quantiles=50), Ridge()), "value"),
        "power transform": (make_pipeline(PowerTransformer(), Ridge()), "value"),
        "grid search over a pipeline": (
            GridSearchCV(scaled, {"logisticregression__C": [0.1, 1.0]}), "class",
        ),
        "calibrated forest": (CalibratedClassifierCV(forest), "class"),
        "calibrated SVC, isotonic": (CalibratedClassifierCV(SVC(), method="isotonic"), "class"),
        "soft vote": (
            VotingClassifier([("one", scaled), ("two", forest)], voting="soft"), "class",
        ),
        "stack": (StackingClassifier([("one", scaled), ("two", forest)]), "class"),
        "several outputs": (MultiOutputClassifier(forest), "several"),
        "forest regressor": (RandomForestRegressor(30, random_state=0), "value"),
        "boosting": (GradientBoostingRegressor(random_state=0), "value"),
        "Poisson boosting": (HistGradientBoostingRegressor(loss="poisson"), "value"),
        "logarithm of the target": (
            TransformedTargetRegressor(Ridge(), func=np.log1p, inverse_func=np.expm1), "value",
        ),
    }  # fmt: skip


def _boosters() -> dict[str, Any]:
    """Models of the boosting libraries that are installed."""
    models: dict[str, Any] = {}
    if find_spec("xgboost"):
        from xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier

        models["XGBClassifier"] = XGBClassifier(n_estimators=30)
        models["XGBClassifier, dart"] = XGBClassifier(n_estimators=30, booster="dart")
        models["XGBRFClassifier"] = XGBRFClassifier(n_estimators=30)
        models["XGBRegressor"] = XGBRegressor(n_estimators=30)
        models["XGBRegressor, Poisson"] = XGBRegressor(n_estimators=30, objective="count:poisson")
        models["XGBRegressor, linear"] = XGBRegressor(booster="gblinear")
    if find_spec("lightgbm"):
        from lightgbm import LGBMClassifier, LGBMRegressor

        models["LGBMClassifier"] = LGBMClassifier(verbose=-1, n_estimators=30)
        models["LGBMClassifier, dart"] = LGBMClassifier(
            verbose=-1, n_estimators=30, boosting_type="dart"
        )
        models["LGBMRegressor"] = LGBMRegressor(verbose=-1, n_estimators=30)
        models["LGBMRegressor, Tweedie"] = LGBMRegressor(
            verbose=-1, n_estimators=30, objective="tweedie"
        )
    if find_spec("catboost"):
        from catboost import CatBoostClassifier, CatBoostRegressor

        quiet = {"verbose": 0, "iterations": 30, "allow_writing_files": False}
        models["CatBoostClassifier"] = CatBoostClassifier(**quiet)
        models["CatBoostClassifier, depthwise"] = CatBoostClassifier(
            grow_policy="Depthwise", **quiet
        )
        models["CatBoostRegressor"] = CatBoostRegressor(**quiet)
    return models


def _logistic() -> LogisticRegression:
    return LogisticRegression(max_iter=1000)


def _on_people(steps: tuple[Any, ...]) -> tuple[Any, Any]:
    frame = people()
    target = frame["income"] + 1000 * frame["children"] > 5000
    return make_pipeline(*steps).fit(frame, target), frame


def _on_documents(steps: tuple[Any, ...]) -> tuple[Any, Any]:
    classes = np.array(["film" in text for text in DOCUMENTS])
    return make_pipeline(*steps).fit(DOCUMENTS, classes), DOCUMENTS


def _on_numbers(model: Any, labels: str) -> tuple[Any, Any]:
    features, classes = datasets.load_wine(return_X_y=True)
    targets: dict[str, Any] = {
        "class": classes,
        "missing": classes,
        "text": np.array(["red", "white", "rosé"])[classes],
        "bool": classes > 0,
        "float": classes.astype(float),
        "several": np.column_stack([classes > 0, classes]).astype(int),
        "value": features[:, 0] * 10 + classes,
    }
    if labels == "missing":
        holes = np.random.default_rng(0).random(features.shape) < 0.1
        features = np.where(holes, np.nan, features)
    return model.fit(features, targets[labels]), features
