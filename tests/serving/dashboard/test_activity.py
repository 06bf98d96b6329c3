"""The latest predictions, noted by some processes and read by others."""

import os

from hypothesis import given
from hypothesis import strategies as st
from tests.serving.conftest import FakePredictor

from mlserve_cli.serving.dashboard.activity import KEPT, RecentActivity
from mlserve_cli.serving.model import LoadedModel


def counting() -> RecentActivity:
    """Its clock goes on by one second with every look."""
    times = iter(range(1, 10_000))
    return RecentActivity(lambda: float(next(times)))


def test_what_was_noted_is_read_newest_first(fake: type[FakePredictor]) -> None:
    recent = counting()
    recent.note(LoadedModel("m", 3, fake()), 5, 0.0012345, 200, b"abc")
    recent.note(None, None, 0.5, 404)
    recent.publish()
    newest, oldest = recent.latest()
    assert (newest.model, newest.version, newest.rows, newest.status) == ("", None, None, 404)
    assert (oldest.model, oldest.version, oldest.rows, oldest.status) == ("m", 3, 5, 200)
    assert (oldest.time, oldest.milliseconds, oldest.request_id) == (1.0, 1.234, "abc")


def test_nothing_is_shown_before_it_is_published(fake: type[FakePredictor]) -> None:
    recent = counting()
    recent.note(LoadedModel("m", 1, fake()), 1, 0.1)
    assert recent.latest() == []


@given(st.lists(st.integers(0, 2 * KEPT), max_size=4))
def test_only_the_latest_are_kept_however_often_it_is_published(parts: list[int]) -> None:
    recent = counting()
    for part in parts:
        for _ in range(part):
            recent.note(None, 1, 0.1)
        recent.publish()
    noted = sum(parts)
    assert [one.time for one in recent.latest()] == list(range(noted, max(noted - KEPT, 0), -1))


def test_the_longest_names_find_room() -> None:
    recent = counting()
    model = LoadedModel("\U0001f600" * 9999, 1, FakePredictor())
    for _ in range(KEPT):
        recent.note(model, 1, 0.1, 200, b'"' * 9999)
    recent.publish()
    assert len(recent.latest()) == KEPT


def test_every_process_reads_what_the_others_note_and_goes_on_with_what_a_dead_one_noted() -> None:
    recent = counting()
    recent.share(2)
    for place, status in ((0, 200), (1, 422), (1, 503)):
        process = os.fork()
        if process == 0:
            recent.take(place)
            recent.note(None, 1, 0.1, status)
            recent.publish()
            os._exit(0)
        assert os.waitpid(process, 0)[1] == 0
    assert sorted(one.status for one in recent.latest()) == [200, 422, 503]


def test_a_process_that_dies_while_it_writes_is_left_out_until_it_is_replaced() -> None:
    recent = counting()
    recent.share(2)
    recent.take(1)
    recent.note(None, 1, 0.1, 200)
    recent.publish()
    recent.take(0)
    # As `publish` leaves it before it has written.
    recent._sheets[0][0] += 1
    recent.note(None, 1, 0.1, 422)
    assert [one.status for one in recent.latest()] == [200]
    recent.take(0)
    recent.note(None, 1, 0.1, 503)
    recent.publish()
    assert [one.status for one in recent.latest()] == [503, 200]


def test_what_several_processes_wrote_over_each_other_is_left_out() -> None:
    recent = counting()
    recent.note(None, 1, 0.1)
    recent.publish()
    recent._sheets[0][20:24] = b'"""{'
    assert recent.latest() == []
