from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import HistGradientBoostingClassifier, IsolationForest, RandomForestRegressor
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlserve_cli.errors import ArtifactError, SignatureError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.signature import Column, DType, Layout, Task

X, Y = load_iris(return_X_y=True)

FRAME = pd.DataFrame(
    {
        "age": [31, 44, 28, 61, 35, 52],
        "income": [3.1, np.nan, 2.2, 5.0, 4.1, 3.3],
        "city": ["Bern", "Oslo", "Bern", None, "Rome", "Oslo"],
        "member": [True, False, True, True, False, False],
    }
)
ANSWER = ["yes", "no", "yes", "no", "no", "yes"]


def mixed_pipeline() -> Any:
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city"]),
            remainder="passthrough",
        ),
        LogisticRegression(),
    ).fit(FRAME, ANSWER)


def test_an_array_model_takes_unnamed_float_columns() -> None:
    signature = describe_estimator(LogisticRegression(max_iter=500).fit(X, Y))
    assert signature.task is Task.CLASSIFICATION
    assert signature.layout is Layout.MATRIX
    assert not signature.named
    assert signature.names == ("x0", "x1", "x2", "x3")
    assert signature.classes == (0, 1, 2)
    assert signature.label_dtype is DType.INT64
    assert signature.probabilities
    assert signature.decision == tuple(f"decision_function_{label}" for label in (0, 1, 2))


def test_data_gives_every_column_its_dtype() -> None:
    signature = describe_estimator(mixed_pipeline(), FRAME)
    assert signature.layout is Layout.FRAME
    assert signature.named
    assert [(column.name, column.dtype) for column in signature.columns] == [
        ("age", DType.INT64),
        ("income", DType.FLOAT64),
        ("city", DType.STRING),
        ("member", DType.BOOL),
    ]
    assert signature.classes == ("no", "yes")
    assert signature.label_dtype is DType.STRING


def test_missing_values_are_accepted_where_the_pipeline_takes_them() -> None:
    columns = describe_estimator(mixed_pipeline(), FRAME).columns
    assert {column.name: column.missing for column in columns} == {
        "age": True,
        "income": True,
        "city": True,
        "member": False,
    }
    assert not any(column.infinite for column in columns)


def test_a_mixed_pipeline_remembers_which_columns_are_text() -> None:
    signature = describe_estimator(mixed_pipeline())
    dtypes = {column.name: column.dtype for column in signature.columns}
    assert dtypes["city"] is DType.STRING
    assert dtypes["income"] is DType.FLOAT64


@pytest.mark.parametrize("accepting", [0, 1])
def test_what_a_wide_model_takes_is_settled_for_every_column(accepting: Any) -> None:
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 300))).rename(
        columns="c{}".format
    )
    rest = list(frame.columns[accepting * 150 :])
    model = make_pipeline(
        make_column_transformer((StandardScaler(with_std=False), rest), remainder="drop"),
        LogisticRegression(),
    ).fit(frame, [0, 1] * 10)
    missing = [column.missing for column in describe_estimator(model, frame).columns]
    if accepting:
        # Some take it and some do not: what was not tried stays unknown.
        assert {True, False} <= set(missing)
        assert all(found in (True, None) for found in missing[:150])
        assert all(found in (False, None) for found in missing[150:])
    else:
        assert missing == [False] * 300


def test_known_columns_are_put_in_the_order_of_the_estimator() -> None:
    model = LogisticRegression(max_iter=500).fit(pd.DataFrame(X[:, :2], columns=["a", "b"]), Y)
    swapped = (Column("b"), Column("other"), Column("a", DType.INT64))
    signature = describe_estimator(model, columns=swapped)
    assert [(column.name, column.dtype) for column in signature.columns] == [
        ("a", DType.INT64),
        ("b", DType.FLOAT64),
    ]


def test_known_columns_of_another_number_than_the_estimator_takes_are_not_used() -> None:
    signature = describe_estimator(
        LogisticRegression(max_iter=500).fit(X, Y), columns=(Column("a"), Column("b"))
    )
    assert signature.names == ("x0", "x1", "x2", "x3")


def test_columns_that_the_model_does_not_know_are_left_out() -> None:
    data = FRAME.assign(id=range(6))[["id", "member", "city", "income", "age"]]
    assert describe_estimator(mixed_pipeline(), data).names == ("age", "income", "city", "member")


def test_a_missing_column_is_named() -> None:
    with pytest.raises(SignatureError, match=r"lacks columns.*: city") as raised:
        describe_estimator(mixed_pipeline(), FRAME.drop(columns="city"))
    assert raised.value.column == "city"


def test_dates_are_refused_by_name() -> None:
    model = LinearRegression().fit(pd.DataFrame({"when": [1.0, 2.0]}), [1, 2])
    data = pd.DataFrame({"when": pd.to_datetime(["2024-01-01", "2024-01-02"])})
    with pytest.raises(SignatureError, match="'when' holds dates"):
        describe_estimator(model, data)


def test_pandas_categories_are_kept_in_their_order() -> None:
    frame = pd.DataFrame({"size": pd.Categorical(["S", "L", "M"] * 10, categories=["S", "M", "L"])})
    model = HistGradientBoostingClassifier(max_iter=2).fit(frame, [0, 1, 0] * 10)
    (column,) = describe_estimator(model, frame).columns
    assert column == Column("size", DType.CATEGORICAL, ("S", "M", "L"), missing=True)
    (column,) = describe_estimator(model).columns
    assert column.dtype is DType.STRING


@pytest.mark.parametrize(
    ("model", "task"),
    [
        (RandomForestRegressor(n_estimators=2), Task.REGRESSION),
        (KMeans(2, n_init=1), Task.CLUSTERING),
        (IsolationForest(n_estimators=2), Task.OUTLIER_DETECTION),
        (StandardScaler(), Task.TRANSFORMATION),
        (DBSCAN(), Task.CLUSTERING),
        (make_pipeline(StandardScaler(), SVC()), Task.CLASSIFICATION),
    ],
)
def test_the_task_follows_the_estimator(model: Any, task: Any) -> None:
    assert describe_estimator(model.fit(X, Y)).task is task


def test_a_transformer_names_its_outputs() -> None:
    signature = describe_estimator(StandardScaler().fit(X))
    assert signature.outputs == tuple(f"prediction_x{position}" for position in range(4))


def test_several_outputs_are_numbered() -> None:
    model = LinearRegression().fit(X, np.column_stack([Y, Y * 2]))
    assert describe_estimator(model).outputs == ("prediction_0", "prediction_1")


def test_a_search_over_a_text_pipeline_takes_one_text_column() -> None:
    pipeline = make_pipeline(TfidfVectorizer(), LogisticRegression())
    search = GridSearchCV(pipeline, {"logisticregression__C": [1.0]}, cv=2)
    search.fit(["good day", "bad day", "good night", "bad night"], [1, 0, 1, 0])
    signature = describe_estimator(search)
    assert signature.columns == (Column("text", DType.STRING, missing=False),)
    assert signature.layout is Layout.FRAME


def test_svc_without_probability_has_no_probabilities() -> None:
    signature = describe_estimator(SVC().fit(X[:100], Y[:100]))
    assert not signature.probabilities
    assert signature.decision == ("decision_function",)


def test_an_unfitted_estimator_is_refused() -> None:
    with pytest.raises(ArtifactError, match="does not say how many columns"):
        describe_estimator(LogisticRegression())


def test_data_of_another_width_than_an_array_model_is_refused() -> None:
    data = pd.DataFrame(np.zeros((3, 5)), columns=list("abcde"))
    with pytest.raises(SignatureError, match=r"5 columns \(a, b, c, d, e\).*fitted on 4"):
        describe_estimator(LogisticRegression(max_iter=500).fit(X, Y), data)
