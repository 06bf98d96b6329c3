from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from mlserve_cli.errors import SignatureError
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.onnx import OnnxPredictor

ENCODERS = {
    "one-hot": OneHotEncoder(),
    "first dropped": OneHotEncoder(drop="first"),
    "one of two dropped": OneHotEncoder(drop="if_binary"),
    "infrequent": OneHotEncoder(min_frequency=12),
    "ordinal": OrdinalEncoder(),
}
ROWS = pd.DataFrame(
    {"town": ["Bern", "Oslo", "Rome"] * 10, "side": ["left", "right"] * 15, "size": np.arange(30.0)}
)


@pytest.mark.parametrize("name", ENCODERS)
def test_what_an_encoder_refuses_is_refused_with_onnx_too(name: str, exact: Any) -> None:
    columns = make_column_transformer((ENCODERS[name], ["town", "side"]), remainder="passthrough")
    model = make_pipeline(columns, LogisticRegression()).fit(ROWS, np.arange(30) % 2)
    conversion = exact(model, ROWS)
    predictors = (
        OnnxPredictor(conversion.model),
        EstimatorPredictor(model, conversion.signature),
    )
    for town, side in (("Riga", "left"), ("Bern", None), (None, "left")):
        batch = {
            "town": np.array(["Oslo", town], dtype=object),
            "side": np.array(["left", side], dtype=object),
            "size": np.array([1.0, 2.0]),
        }
        for predictor in predictors:
            with pytest.raises(SignatureError, match="refuses these rows"):
                predictor.predict(batch)
