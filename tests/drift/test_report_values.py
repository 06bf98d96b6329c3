"""A report holds plain values, whatever the data and the method."""

import dataclasses
import json
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve_cli.drift import drift_check
from mlserve_cli.drift.rule import Method, Rule

ROWS = st.integers(1, 60)
NUMBERS = st.one_of(
    st.floats(width=32),
    st.sampled_from([0.0, 1.0, float("nan"), float("inf"), -float("inf"), 1e30]),
)


def column(draw: Any, kind: str, rows: int) -> Any:
    match kind:
        case "numbers":
            return np.array(draw(st.lists(NUMBERS, min_size=rows, max_size=rows)))
        case "single":
            return np.array(draw(st.lists(NUMBERS, min_size=rows, max_size=rows)), np.float32)
        case "whole":
            return np.array(draw(st.lists(st.integers(-5, 9), min_size=rows, max_size=rows)))
        case "flags":
            return np.array(draw(st.lists(st.booleans(), min_size=rows, max_size=rows)))
        case _:
            return np.array(
                draw(st.lists(st.sampled_from(["a", "b", "é"]), min_size=rows, max_size=rows))
            )


@st.composite
def sides(draw: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    kinds = draw(
        st.lists(
            st.sampled_from(["numbers", "single", "whole", "flags", "text"]), min_size=1, max_size=3
        )
    )
    before, after = draw(ROWS), draw(ROWS)
    return (
        {f"x{k}": column(draw, kind, before) for k, kind in enumerate(kinds)},
        {f"x{k}": column(draw, kind, after) for k, kind in enumerate(kinds)},
    )


@settings(deadline=None, max_examples=150)
@given(data=sides(), method=st.sampled_from(list(Method)))
def test_reports_are_json_without_a_number_of_numpy(
    data: tuple[dict[str, Any], dict[str, Any]], method: Method
) -> None:
    report = drift_check(*data, Rule(method=method))
    assert not list(numpy_values(report))
    assert json.loads(json.dumps(report.to_dict()))["summary"] == report.summary


def numpy_values(value: Any) -> Any:
    if isinstance(value, np.generic):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from numpy_values(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for each in value:
            yield from numpy_values(each)
    elif isinstance(value, dict):
        yield from numpy_values([*value, *value.values()])
