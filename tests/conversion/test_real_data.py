"""Labels on real data sets: the ONNX model gives the estimator's, on every row."""

from importlib.resources import files
from io import StringIO
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.datasets import (
    load_breast_cancer,
    load_diabetes,
    load_digits,
    load_iris,
    load_wine,
    make_classification,
)
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.onnx import OnnxPredictor

CLASSIFIED = {
    "breast cancer": load_breast_cancer,
    "digits": load_digits,
    "wine": load_wine,
    "iris": load_iris,
}
CLASSIFIERS = {
    "logistic": make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)),
    "forest": make_pipeline(StandardScaler(), RandomForestClassifier(30, random_state=0)),
    "extra trees": ExtraTreesClassifier(30, random_state=0),
    "boosting": GradientBoostingClassifier(n_estimators=10, random_state=0),
    "histogram boosting": HistGradientBoostingClassifier(max_iter=10),
    "support vectors": make_pipeline(StandardScaler(), SVC()),
    "neighbours": make_pipeline(StandardScaler(), KNeighborsClassifier()),
    "network": make_pipeline(StandardScaler(), MLPClassifier([20], max_iter=2000, random_state=0)),
}


def agree(model: Any, data: pd.DataFrame) -> None:
    signature = describe_estimator(model, data)
    conversion = convert_to_onnx(model, signature, data=data)
    assert conversion.parity.label_mismatches == 0
    found = OnnxPredictor(conversion.model, signature).predict(to_batch(data, signature)).labels
    expected = model.predict(data)
    if expected.dtype.kind == "f":
        np.testing.assert_allclose(found, expected, rtol=1e-12)
    else:
        assert found.tolist() == expected.tolist()


@pytest.mark.parametrize("kind", CLASSIFIERS)
@pytest.mark.parametrize("name", CLASSIFIED)
def test_classifiers_of_real_data_keep_every_label(name: str, kind: str) -> None:
    data, labels = CLASSIFIED[name](return_X_y=True, as_frame=True)
    agree(CLASSIFIERS[kind].fit(data, labels), data)


@pytest.mark.parametrize(
    "model",
    [
        make_pipeline(StandardScaler(), Ridge()),
        RandomForestRegressor(30, random_state=0),
        HistGradientBoostingRegressor(max_iter=20),
    ],
    ids=["ridge", "forest", "histogram boosting"],
)
def test_regressors_of_real_data_agree(model: Any) -> None:
    data, target = load_diabetes(return_X_y=True, as_frame=True)
    agree(model.fit(data, target), data)


@pytest.mark.parametrize("kind", ["logistic", "forest", "histogram boosting"])
def test_penguins_keep_every_label(kind: str) -> None:
    text = files("mlserve_cli.demo").joinpath("penguins.csv").read_text(encoding="utf-8")
    penguins = pd.read_csv(StringIO(text))
    numbers = ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"]
    columns = make_column_transformer(
        (make_pipeline(SimpleImputer(), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore"), ["island", "sex"]),
    )
    data = penguins[[*numbers, "island", "sex"]]
    agree(make_pipeline(columns, _last(kind)).fit(data, penguins["species"]), data)


def _last(kind: str) -> Any:
    model = CLASSIFIERS[kind]
    return model[-1] if hasattr(model, "steps") else model


@pytest.mark.parametrize("kind", ["logistic", "forest", "histogram boosting"])
def test_twenty_thousand_rows_keep_every_label(kind: str) -> None:
    values, labels = make_classification(20_000, 12, n_informative=8, n_classes=3, random_state=0)
    data = pd.DataFrame(values, columns=[f"f{position}" for position in range(12)])
    agree(CLASSIFIERS[kind].fit(data, labels), data)
