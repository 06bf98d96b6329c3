"""An alert is told once when it is raised and once when it is over."""

from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.monitoring.alerts.evaluation import Verdict
from mlserve_cli.monitoring.alerts.notice import Status
from mlserve_cli.monitoring.alerts.rules import Kind, Rule
from mlserve_cli.monitoring.alerts.states import AlertStates

RULE = Rule("errors", Kind.ERROR_RATE, for_seconds=10, severity="critical")


def test_an_alert_is_raised_when_its_rule_held_long_enough_and_told_once() -> None:
    states = AlertStates()
    assert states.update([Verdict(RULE, "m", True, 0.5)], 100) == []
    assert states.update([Verdict(RULE, "m", True, 0.5)], 109) == []
    (raised,) = states.update([Verdict(RULE, "m", True, 0.6)], 110)
    assert (raised.status, raised.alert, raised.model) == (Status.FIRING, "errors", "m")
    assert (raised.severity, raised.value, raised.ended) == ("critical", 0.6, None)
    assert "fails 60.0% of its requests" in raised.text
    assert states.update([Verdict(RULE, "m", True, 0.7)], 111) == []
    assert [told.id for told in states.firing()] == [raised.id]
    (over,) = states.update([Verdict(RULE, "m", False, 0.0)], 120)
    assert (over.status, over.id, over.started) == (Status.RESOLVED, raised.id, raised.started)
    assert over.ended == "1970-01-01T00:02:00.000+00:00"
    assert states.update([Verdict(RULE, "m", False, 0.0)], 130) == []
    assert states.firing() == []


def test_a_clock_that_is_set_changes_nothing() -> None:
    states = AlertStates()
    assert states.update([Verdict(RULE, "m", True, 0.5)], 1e9, 0) == []
    # An hour back.
    assert states.update([Verdict(RULE, "m", True, 0.5)], 1e9 - 3600, 9) == []
    (raised,) = states.update([Verdict(RULE, "m", True, 0.5)], 1e9 - 3600, 10)
    assert raised.started.startswith("2001-09-09T00:46:40")


def test_what_held_too_shortly_is_never_told() -> None:
    states = AlertStates()
    for second in range(100):
        holds = second % 10 != 0
        assert states.update([Verdict(RULE, "m", holds, 1.0)], second) == []


def test_an_alert_stays_up_for_a_moment_while_nothing_is_known() -> None:
    states = AlertStates()
    at_once = Rule("r", Kind.DRIFT)
    assert states.update([Verdict(at_once, "m", None)], 1) == []
    (raised,) = states.update([Verdict(at_once, "m", True)], 2)
    assert states.update([Verdict(at_once, "m", None)], 20) == []
    assert states.update([Verdict(at_once, "m", True)], 25) == []
    assert states.update([Verdict(at_once, "m", None)], 50) == []
    (over,) = states.update([Verdict(at_once, "m", None)], 60)
    assert (over.id, over.status) == (raised.id, Status.RESOLVED)


def test_the_alert_of_a_model_that_is_gone_is_over() -> None:
    states = AlertStates()
    at_once = Rule("drift", Kind.DRIFT)
    states.update([Verdict(at_once, "m", True), Verdict(at_once, "n", True)], 1)
    (over,) = states.update([Verdict(at_once, "n", True)], 2)
    assert (over.status, over.model) == (Status.RESOLVED, "m")


@given(st.lists(st.booleans(), max_size=60), st.integers(0, 5))
def test_beginnings_and_ends_alternate_and_belong_together(
    history: list[bool], for_seconds: int
) -> None:
    states, rule = AlertStates(), Rule("r", Kind.DRIFT, for_seconds=for_seconds)
    told = [
        notice
        for second, holds in enumerate([*history, False])
        for notice in states.update([Verdict(rule, "m", holds)], second)
    ]
    assert [notice.status for notice in told] == [Status.FIRING, Status.RESOLVED] * (len(told) // 2)
    for raised, over in zip(told[::2], told[1::2], strict=True):
        assert raised.id == over.id
    assert len({notice.id for notice in told}) == len(told) // 2
