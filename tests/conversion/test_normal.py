from typing import Any

import numpy as np
import onnxruntime as ort
import pytest
from scipy import special

from mlserve_cli.conversion.graph import Graph, Kind, Output
from mlserve_cli.conversion.normal import normal_cdf, normal_quantile


def run(function: Any, values: Any) -> Any:
    graph = Graph()
    result = function(graph.input("x", Kind.REAL, 1))
    model = graph.model([Output("y", result, (None, 1))]).SerializeToString()
    session = ort.InferenceSession(model, providers=["CPUExecutionProvider"])
    return session.run(["y"], {"x": np.reshape(values, (-1, 1))})[0][:, 0]


def test_the_distribution_function_is_that_of_scipy() -> None:
    values = np.concatenate(
        [np.linspace(-45.0, 45.0, 20001), [-np.inf, np.inf, np.nan, -0.0, 1e-300, 2**0.5]]
    )
    expected = special.ndtr(values)
    np.testing.assert_allclose(run(normal_cdf, values), expected, rtol=1e-12, atol=1e-307)


def test_the_quantiles_are_those_of_scipy() -> None:
    small = np.logspace(-300, -0.31, 5000)
    values = np.concatenate([np.linspace(0.0, 1.0, 20001), small, 1.0 - small])
    expected = special.ndtri(values)
    np.testing.assert_allclose(run(normal_quantile, values), expected, rtol=1e-14)


@pytest.mark.parametrize("value", [-0.5, 1.5, np.nan])
def test_there_is_no_quantile_of_what_is_no_probability(value: float) -> None:
    assert np.isnan(run(normal_quantile, [value])).all()
