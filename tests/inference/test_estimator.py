from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from mlserve_cli.errors import EngineError, SignatureError, UsageError
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.frames import columns_of, to_batch, to_frame
from mlserve_cli.signature import Layout, Signature, Task

X, Y = load_iris(return_X_y=True)


def predictor_for(estimator: Any, data: Any = None) -> Any:
    return EstimatorPredictor(estimator, describe_estimator(estimator, data))


def test_labels_and_probabilities_are_those_of_the_estimator() -> None:
    model = LogisticRegression(max_iter=500).fit(X, Y)
    prediction = predictor_for(model).predict(X, probabilities=True)
    np.testing.assert_array_equal(prediction.labels, model.predict(X))
    np.testing.assert_array_equal(prediction.probabilities, model.predict_proba(X))


def test_a_model_fitted_on_a_frame_gets_a_frame_with_its_names() -> None:
    frame = pd.DataFrame(X, columns=["a", "b", "c", "d"])
    model = LogisticRegression(max_iter=500).fit(frame, Y)
    # scikit-learn warns when names are missing, and warnings are errors here.
    labels = predictor_for(model).predict(X).labels
    np.testing.assert_array_equal(labels, model.predict(frame))


@pytest.mark.parametrize(
    "vectorizer",
    [
        TfidfVectorizer(),
        CountVectorizer(),
        make_union(CountVectorizer(), CountVectorizer(analyzer="char")),
    ],
    ids=["tfidf", "count", "union"],
)
def test_text_models_get_one_document_per_row(vectorizer: Any) -> None:
    texts = ["good day", "bad day", "good night", "bad night"]
    model = make_pipeline(vectorizer, LogisticRegression()).fit(texts, [1, 0, 1, 0])
    batch = {"text": np.array(texts, dtype=object)}
    np.testing.assert_array_equal(predictor_for(model).predict(batch).labels, [1, 0, 1, 0])


def test_a_model_fitted_on_an_array_of_text_gets_one() -> None:
    values = np.array([["a", "x"], ["b", "y"], ["a", "y"]], dtype=object)
    model = make_pipeline(OneHotEncoder(), LogisticRegression()).fit(values, [0, 1, 1])
    data = pd.DataFrame(values, columns=["first", "second"])
    predictor = predictor_for(model, data)
    labels = predictor.predict(to_batch(data, predictor.signature)).labels
    np.testing.assert_array_equal(labels, model.predict(values))


def test_an_unknown_category_is_left_to_the_estimator() -> None:
    frame = pd.DataFrame({"size": pd.Categorical(["S", "L"] * 3)})
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(encoder, LinearRegression()).fit(frame, range(6))
    lenient = predictor_for(model, frame)
    assert lenient.predict({"size": np.array(["XXL"], dtype=object)}).labels.shape == (1,)
    strict = make_column_transformer((OneHotEncoder(), ["size"])).fit(frame)
    with pytest.raises(SignatureError, match="XXL"):
        predictor_for(strict, frame).predict({"size": np.array(["XXL"], dtype=object)})


def test_refused_values_are_a_signature_error_with_the_reason() -> None:
    predictor = predictor_for(LogisticRegression(max_iter=500).fit(X, Y))
    with pytest.raises(SignatureError, match="NaN"):
        predictor.predict(np.full((1, 4), np.nan))


class Broken(ClassifierMixin, BaseEstimator):
    classes_ = np.array([0, 1])
    n_features_in_ = 1

    def fit(self, X: Any, y: Any = None) -> Any:
        return self

    def predict(self, X: Any) -> None:
        raise RuntimeError("out of order")


def test_a_reason_below_a_heading_is_told() -> None:
    model = make_pipeline(SimpleImputer(), LinearRegression()).fit([[1.0], [2.0]], [1.0, 2.0])
    signature = describe_estimator(model, pd.DataFrame({"x": [1.0]}))
    signature = replace(signature, layout=Layout.FRAME)
    with pytest.raises(SignatureError, match=r"non-numeric data: could not convert .* 'old'"):
        EstimatorPredictor(model, signature).predict({"x": np.array(["old"], dtype=object)})


def test_fewer_answers_than_rows_are_an_engine_error() -> Any:
    class First(BaseEstimator):
        def fit(self, X: Any, y: Any = None) -> Any:
            self.n_features_in_ = X.shape[1]
            return self

        def predict(self, X: Any) -> Any:
            return X[:1, 0]

    predictor = predictor_for(First().fit(X))
    with pytest.raises(EngineError, match="1 predictions for 150 rows"):
        predictor.predict(X)


def test_a_frame_without_a_column_of_the_model_is_refused() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0], "b": [3.0, 4.0]})
    predictor = predictor_for(LinearRegression().fit(frame, [1.0, 2.0]), frame)
    with pytest.raises(SignatureError, match=r"lacks columns that the model takes: b. It has: a"):
        to_batch(frame[["a"]], predictor.signature)


def test_a_failing_estimator_is_an_engine_error() -> None:
    with pytest.raises(EngineError, match="RuntimeError: out of order"):
        EstimatorPredictor(Broken(), Signature(Task.CLASSIFICATION, ())).predict(X)


def test_probabilities_of_a_regressor_are_refused() -> None:
    with pytest.raises(UsageError, match="LinearRegression gives no probabilities"):
        predictor_for(LinearRegression().fit(X, Y)).predict(X, probabilities=True)


def test_raw_scores_of_a_model_without_them_are_refused() -> None:
    with pytest.raises(UsageError, match="KNeighborsClassifier has no decision function"):
        predictor_for(KNeighborsClassifier().fit(X, Y)).decision_function(X)


VALUES = {
    "float": st.floats(allow_infinity=False, width=64) | st.just(float("nan")),
    "integer": st.integers(-(2**53), 2**53),
    "flag": st.booleans(),
    "word": st.text(st.characters(exclude_categories=["Cs"]), max_size=5) | st.none(),
    "maybe": st.sampled_from([True, False, None]),
}


@given(st.lists(st.fixed_dictionaries(VALUES), min_size=1, max_size=8))
def test_a_frame_comes_back_from_a_batch_as_it_was(rows: Any) -> None:
    frame = pd.DataFrame(rows)
    frame["word"] = frame["word"].astype("str")
    signature = Signature(Task.REGRESSION, columns_of(frame), Layout.FRAME, named=True)
    back = to_frame(to_batch(frame, signature), signature)
    assert list(back.columns) == list(frame.columns)
    for name in ("float", "integer", "flag"):
        np.testing.assert_array_equal(back[name].to_numpy(), frame[name].to_numpy())
    assert back["word"].fillna("?").tolist() == frame["word"].fillna("?").tolist()
    assert back["maybe"].isna().tolist() == frame["maybe"].isna().tolist()
    assert back["maybe"].dropna().tolist() == frame["maybe"].dropna().tolist()
