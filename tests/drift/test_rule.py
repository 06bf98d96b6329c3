import pytest

from mlserve_cli.drift.rule import Method, Rule
from mlserve_cli.drift.statistics.correction import Correction
from mlserve_cli.errors import UsageError


def test_the_defaults_are_those_that_the_documentation_states() -> None:
    rule = Rule()
    assert (rule.alpha, rule.min_effect, rule.min_share) == (0.01, 0.1, 0.05)
    assert (rule.method, rule.correction) == (Method.AUTO, Correction.BH)
    assert (rule.max_drifted_share, rule.strict) == (0.0, False)


def test_every_part_can_come_from_a_configuration() -> None:
    values = {
        "alpha": 0.05,
        "method": "psi",
        "correction": "holm",
        "min_effect": 0.2,
        "min_share": 0.01,
        "thresholds": {"age": 0.3, "city": 1},
        "max_drifted_share": 0.5,
        "strict": True,
    }
    rule = Rule.of_mapping(values)
    assert (rule.method, rule.correction, rule.strict) == (Method.PSI, Correction.HOLM, True)
    assert [rule.effect_of(name) for name in ("age", "city", "other")] == [0.3, 1.0, 0.2]
    summary = rule.summary()
    assert (summary.method, summary.correction, summary.alpha) == ("psi", "holm", 0.05)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"alpha": 0}, "alpha is 0.0; it must be above 0 and below 1"),
        ({"alpha": "x"}, r"Expected `float`, got `str` - at `\$.alpha`"),
        ({"method": "foo"}, "Invalid enum value 'foo'"),
        ({"min_effect": -0.1}, "'min_effect' is -0.1; it must be 0 or more"),
        ({"min_share": float("nan")}, "'min_share' is nan"),
        ({"thresholds": {"age": float("inf")}}, "'age' is inf"),
        ({"max_drifted_share": 1.5}, "is 1.5; it must be from 0 to 1"),
        ({"min_efect": 0.1}, "no part 'min_efect'.*\n?Did you mean 'min_effect'"),
    ],
)
def test_what_makes_no_sense_is_refused_by_name(values: dict[str, object], message: str) -> None:
    with pytest.raises(UsageError, match=f"(?s){message}"):
        Rule.of_mapping(values)
