"""Two of three windows raise an alarm, three quiet ones end it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.drift.alarms import Alarms, WatchState

FLAG, NEAR, QUIET = "!", "~", "."


def _states(windows: str, alarms: Alarms | None = None) -> list[WatchState]:
    alarms = alarms or Alarms()
    return [
        alarms.update(
            "age",
            {"distribution"} if window == FLAG else set(),
            set() if window == QUIET else {"distribution"},
        )
        for window in windows
    ]


@pytest.mark.parametrize("windows", ["!!", "!.!", "!~!", "..!.!"])
def test_two_flagged_windows_of_three_raise_an_alarm(windows: str) -> None:
    assert _states(windows)[-1] is WatchState.ALARM


@pytest.mark.parametrize("windows", ["!", "!.", "!..!", "!~~!"])
def test_single_flagged_windows_are_a_suspicion_only(windows: str) -> None:
    assert set(_states(windows)) <= {WatchState.SUSPECTED, WatchState.OK}
    assert _states(windows)[0] is WatchState.SUSPECTED


def test_an_alarm_ends_after_three_quiet_windows_in_a_row_and_starts_anew() -> None:
    assert _states("!!..")[-1] is WatchState.ALARM
    assert _states("!!...")[-1] is WatchState.OK
    assert _states("!!...!")[-1] is WatchState.SUSPECTED


def test_windows_near_the_limit_keep_an_alarm_alive_without_raising_one() -> None:
    assert _states("~~~~~~")[-1] is WatchState.OK
    assert _states("!!..~..~..")[-1] is WatchState.ALARM


def test_checks_and_columns_do_not_add_up_to_an_alarm() -> None:
    alarms = Alarms()

    alarms.update("age", {"distribution"}, {"distribution"})
    assert alarms.update("age", {"missing"}, {"missing"}) is WatchState.SUSPECTED
    assert alarms.update("pay", {"missing"}, {"missing"}) is WatchState.SUSPECTED
    assert alarms.state("unheard of") is WatchState.OK


@given(st.text(alphabet=FLAG + NEAR + QUIET, max_size=30))
def test_no_alarm_without_two_flags_within_three_windows(windows: str) -> None:
    pairs = any(windows[start : start + 3].count(FLAG) > 1 for start in range(len(windows)))

    assert (WatchState.ALARM in _states(windows)) == pairs
