import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mlserve_cli.drift.statistics.correction import Correction, adjust
from mlserve_cli.errors import UsageError

p_values = st.lists(st.floats(0, 1), min_size=1, max_size=30)


@given(p_values)
def test_benjamini_and_hochbergs_are_scipys(raw: list[float]) -> None:
    expected = stats.false_discovery_control(raw, method="bh")
    assert adjust(raw, "bh") == pytest.approx(expected, rel=1e-12, abs=0)


@given(p_values)
def test_holms_is_the_step_down_of_bonferronis(raw: list[float]) -> None:
    expected = [
        min(1.0, max(other * sum(p >= other for p in raw) for other in raw if other <= value))
        for value in raw
    ]
    assert adjust(raw, "holm") == pytest.approx(expected)


@given(p_values)
def test_corrections_are_ordered_by_what_they_promise(raw: list[float]) -> None:
    none, bh, holm, bonferroni = (
        adjust(raw, name) for name in ("none", "bh", "holm", "bonferroni")
    )
    rounding = 1 + 1e-12
    assert np.all(none <= bh * rounding)
    assert np.all(bh <= holm * rounding)
    assert np.all(holm <= bonferroni * rounding)
    assert np.all(bonferroni <= 1)
    assert none.tolist() == raw


def test_the_example_of_benjamini_and_hochberg() -> None:
    # Their article of 1995, section 3.2: the first four are rejected at 0.05, by Bonferroni three.
    raw = [
        0.0001, 0.0004, 0.0019, 0.0095, 0.0201, 0.0278, 0.0298, 0.0344, 0.0459, 0.3240, 0.4262,
        0.5719, 0.6528, 0.7590, 1.0,
    ]  # fmt: skip
    assert (adjust(raw, Correction.BH) <= 0.05).sum() == 4
    assert (adjust(raw, Correction.BONFERRONI) <= 0.05).sum() == 3


@pytest.mark.parametrize("wrong", [math.nan, -0.1, 1.1])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(UsageError, match="lies between 0 and 1"):
        adjust([0.5, wrong])


def test_without_tests_there_is_nothing_to_adjust() -> None:
    assert adjust([]).tolist() == []
