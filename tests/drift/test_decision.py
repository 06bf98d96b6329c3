import pytest

from mlserve_cli.drift.decision import decide, single_level
from mlserve_cli.drift.report import Check, Measure
from mlserve_cli.drift.rule import Rule
from mlserve_cli.drift.statistics.correction import Correction


def check(p_value: float, effect: float, threshold: float = 0.1) -> Check:
    measure = Measure("ks", effect, threshold, p_value)
    return Check("distribution", (measure,), p_value, None, False, False, "")


@pytest.mark.parametrize(
    ("p_value", "effect", "significant", "drifted"),
    [
        (0.001, 0.2, True, True),
        (0.001, 0.1, True, True),
        (0.001, 0.0999, True, False),
        (0.02, 0.9, False, False),
    ],
)
def test_drift_is_what_is_significant_and_large(
    p_value: float, effect: float, significant: bool, drifted: bool
) -> None:
    (decided,) = decide([[check(p_value, effect)]], Rule())[0]
    assert (decided.significant, decided.drifted) == (significant, drifted)


def test_p_values_of_all_checks_are_adjusted_together() -> None:
    columns = [[check(0.004, 0.5)], [check(0.03, 0.5), check(1.0, 0.0)], []]
    decided = decide(columns, Rule())
    assert [c.adjusted_p_value for checks in decided for c in checks] == pytest.approx(
        [0.012, 0.045, 1.0]
    )
    assert not any(c.drifted for checks in decided for c in checks)
    alone = decide(columns, Rule(correction=Correction.NONE))
    assert [c.drifted for checks in alone for c in checks] == [True, False, False]


def test_a_single_check_has_to_reach_its_share_of_alpha() -> None:
    columns = [[check(0.5, 0)] for _ in range(20)]
    assert single_level(columns, Rule()) == pytest.approx(0.01 / 20)
    assert single_level(columns, Rule(correction=Correction.NONE)) == 0.01


def test_one_large_effect_of_several_is_enough() -> None:
    measures = (Measure("ks", 0.05, 0.1, 1e-9), Measure("psi", 0.3, 0.1, 1e-9))
    (decided,) = decide([[Check("distribution", measures, 1e-9, None, False, False, "")]], Rule())[
        0
    ]
    assert decided.drifted
