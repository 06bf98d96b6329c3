"""Converts an estimator and expects the result to be exact."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pytest

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.result import Conversion, Options, Precision
from mlserve_cli.inference.describe import describe_estimator

if TYPE_CHECKING:
    from collections.abc import Callable

    Exact = Callable[..., Conversion]

# What double precision leaves of sums in another order.
_ROUNDING = 1e-11


@pytest.fixture
def exact() -> "Exact":
    """Converts a fitted estimator, on its data and on generated rows, and gives the conversion."""

    def check(estimator: Any, data: Any, *, rounding: float = _ROUNDING) -> Conversion:
        frame = data if isinstance(data, pd.DataFrame) else None
        signature = describe_estimator(estimator, frame)
        options = Options(precision=Precision.FLOAT64, tolerance=rounding)
        convert_to_onnx(estimator, signature, data=data, options=options)
        conversion = convert_to_onnx(estimator, signature, options=options)
        assert conversion.parity.rows > 100
        return conversion

    return check


@pytest.fixture(scope="session")
def people() -> pd.DataFrame:
    """A made-up table of numbers, text, bools and categories, with missing values."""
    random = np.random.default_rng(0)
    rows = 300
    frame = pd.DataFrame(
        {
            "age": random.normal(40, 10, rows),
            "income": random.lognormal(8, 1, rows),
            "city": random.choice(["Ams", "Ber", "Rom", "Ulm"], rows, p=[0.5, 0.4, 0.05, 0.05]),
            "member": random.choice(["yes", "no"], rows),
            "children": random.integers(0, 5, rows),
            "grade": pd.Categorical(random.choice(["lo", "mid", "hi"], rows)),
        }
    )
    for name in ("age", "city", "grade"):
        frame.loc[random.random(rows) < 0.1, name] = np.nan
    return frame
