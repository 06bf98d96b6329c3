"""Names of inputs that get in the way of others."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from mlserve_cli.conversion.graph import Graph, Kind
from mlserve_cli.inference.onnx import OnnxPredictor


@pytest.mark.parametrize(
    ("columns", "inputs"),
    [
        (("label", "variable"), ["label_input", "variable_input"]),
        (("probabilities", "probabilities_1"), ["probabilities_input", "probabilities_1_input"]),
        (("label", "label_input"), ["label_input_input", "label_input"]),
        (("", "column_1"), ["column_0", "column_1"]),
        (("column_1", ""), ["column_1", "column_1_input"]),
        (("/constant_1", "/add_1"), ["/constant_1", "/add_1"]),
        (("features", "St\u00e4dte \u2603"), ["features", "St\u00e4dte \u2603"]),
    ],
    ids=lambda names: ",".join(names).replace("/", "|"),
)
def test_columns_may_be_called_anything(
    columns: tuple[str, str], inputs: list[str], exact: Any
) -> None:
    random = np.random.default_rng(0)
    numbers, texts = random.normal(size=60), random.choice(["u", "v"], 60)
    data = pd.DataFrame(dict(zip(columns, (numbers, texts), strict=True)))
    transformer = make_column_transformer((StandardScaler(), [0]), (OneHotEncoder(), [1]))
    model = make_pipeline(transformer, LogisticRegression()).fit(data, numbers > 0)
    predictor = OnnxPredictor(exact(model, data).model)
    assert predictor.signature.names == columns
    assert [node.name for node in predictor.session.get_inputs()] == inputs


def test_nodes_keep_clear_of_the_names_of_inputs() -> None:
    graph = Graph()
    graph.input("/constant_1", Kind.REAL, 1)
    assert graph.constant(1.0).name == "/constant_2"
