from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer, make_column_selector
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.feature_selection import SelectKBest
from sklearn.impute import MissingIndicator, SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    StandardScaler,
    TargetEncoder,
)

NUMBERS = ["age", "income"]
TEXT = ["city", "member"]


def numbers(**options: Any) -> Any:
    return "numbers", make_pipeline(SimpleImputer(**options), StandardScaler()), NUMBERS


def most_frequent() -> SimpleImputer:
    return SimpleImputer(strategy="most_frequent")


def pipeline(*steps: Any, model: Any = None, **options: Any) -> Any:
    last = LogisticRegression() if model is None else model
    return make_pipeline(ColumnTransformer(list(steps), **options), last)


PIPELINES = {
    "impute, scale, one-hot": pipeline(
        numbers(strategy="median"),
        ("text", make_pipeline(most_frequent(), OneHotEncoder(handle_unknown="ignore")), TEXT),
    ),
    "indicators of missing values": pipeline(numbers(add_indicator=True)),
    "missing text is a category": pipeline(
        numbers(), ("text", OneHotEncoder(handle_unknown="ignore"), [*TEXT, "grade", "children"])
    ),
    "dropped categories": pipeline(
        numbers(), ("text", OneHotEncoder(drop="first"), ["member", "children"])
    ),
    "infrequent categories": pipeline(
        numbers(),
        (
            "text",
            OneHotEncoder(min_frequency=0.1, handle_unknown="infrequent_if_exist"),
            [*TEXT, "children"],
        ),
    ),
    "infrequent and dropped": pipeline(
        numbers(),
        (
            "text",
            OneHotEncoder(max_categories=2, drop="first", handle_unknown="infrequent_if_exist"),
            ["city", "children"],
        ),
    ),
    "ordinal": pipeline(
        numbers(),
        (
            "text",
            OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
            ),
            [*TEXT, "grade"],
        ),
        model=HistGradientBoostingClassifier(max_iter=5),
    ),
    "ordinal with infrequent categories": pipeline(
        (
            "text",
            OrdinalEncoder(
                handle_unknown="use_encoded_value",
                unknown_value=np.nan,
                encoded_missing_value=-2,
                min_frequency=0.1,
            ),
            TEXT,
        ),
        model=HistGradientBoostingClassifier(max_iter=5),
    ),
    "constants": pipeline(
        (
            "numbers",
            make_pipeline(SimpleImputer(strategy="constant", fill_value=-1), MinMaxScaler()),
            NUMBERS,
        ),
        (
            "text",
            make_pipeline(
                SimpleImputer(strategy="constant", fill_value="?"),
                OneHotEncoder(handle_unknown="ignore"),
            ),
            TEXT,
        ),
        model=RandomForestClassifier(10, random_state=0),
    ),
    "weights and the rest": pipeline(
        numbers(),
        ("text", OneHotEncoder(handle_unknown="ignore"), [*TEXT, "grade"]),
        remainder="passthrough",
        transformer_weights={"numbers": 0.5},
    ),
    "columns by type, then selected": make_pipeline(
        ColumnTransformer(
            [
                ("numbers", SimpleImputer(), make_column_selector(dtype_include="number")),
                ("text", OneHotEncoder(handle_unknown="ignore"), TEXT),
            ]
        ),
        SelectKBest(k=4),
        LogisticRegression(max_iter=5000),
    ),
    "pandas in between": pipeline(
        numbers(), ("text", OneHotEncoder(sparse_output=False, handle_unknown="ignore"), TEXT)
    ),
    "searched": GridSearchCV(pipeline(numbers()), {"logisticregression__C": [0.1, 1.0]}, cv=2),
    "united": pipeline(
        (
            "both",
            FeatureUnion([("filled", SimpleImputer()), ("holes", MissingIndicator())]),
            ["age", "income"],
        ),
        model=RandomForestClassifier(10, random_state=0),
    ),
}
PIPELINES["pandas in between"][0].set_output(transform="pandas")


@pytest.mark.filterwarnings("ignore:Found unknown categories")
@pytest.mark.parametrize("name", PIPELINES)
def test_pipelines_on_mixed_frames_are_exact(name: str, people: pd.DataFrame, exact: Any) -> None:
    target = np.where(people["income"] > 3000, "rich", "poor")
    exact(PIPELINES[name].fit(people, target), people)


@pytest.mark.parametrize("classes", [None, 2, 3], ids=["numbers", "two classes", "three classes"])
def test_target_encoders_of_every_task(
    classes: int | None, people: pd.DataFrame, exact: Any
) -> None:
    encoder = ("text", TargetEncoder(), [*TEXT, "grade", "children"])
    if classes is None:
        model = pipeline(encoder, model=Ridge()).fit(people, people["income"])
    else:
        target = pd.qcut(people["income"], classes, labels=False)
        model = pipeline(encoder).fit(people, target)
    exact(model, people)


@pytest.mark.parametrize("options", [{}, {"monotonic_cst": {"income": 1}}])
def test_histogram_boosting_with_categorical_columns(
    options: Any, people: pd.DataFrame, exact: Any
) -> None:
    columns = people[["age", "income", "children", "grade"]]
    model = HistGradientBoostingClassifier(
        max_iter=10, categorical_features=["children", "grade"], **options
    )
    exact(model.fit(columns, people["member"]), columns)


def test_bools_are_encoded(people: pd.DataFrame, exact: Any) -> None:
    frame = people[["income"]].assign(rich=people["income"] > 3000)
    steps = [("bools", OneHotEncoder(), ["rich"]), ("numbers", StandardScaler(), ["income"])]
    exact(pipeline(*steps).fit(frame, people["member"]), frame)
