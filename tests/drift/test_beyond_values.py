"""What is told beyond columns holds plain values, too."""

import dataclasses
import json
from typing import Any

import numpy as np

from mlserve_cli.drift import drift_check


def numpy_values(value: Any) -> list[Any]:
    if dataclasses.is_dataclass(value):
        value = [getattr(value, field.name) for field in dataclasses.fields(value)]
    if isinstance(value, tuple | list):
        return [found for each in value for found in numpy_values(each)]
    return [value] if isinstance(value, np.generic) else []


def test_a_report_with_everything_is_json_without_a_number_of_numpy() -> None:
    r = np.random.default_rng(0)

    def side(noise: float) -> dict[str, Any]:
        truth = r.normal(size=300)
        return {
            "truth": truth,
            "prediction": truth + r.normal(0, noise, 300),
            "text": r.choice(["a", "b"], 300),
        }

    report = drift_check(
        side(0.3),
        side(3.0),
        predictions=["prediction"],
        target="truth",
        multivariate=True,
        window=30,
    )
    assert report.performance is not None
    assert report.multivariate is not None
    assert report.course is not None
    assert numpy_values(report) == []
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["summary"] == report.summary
