"""A thread beside the event loop works in short steps."""

import threading
import time

import pytest

from mlserve_cli.serving.pace import Pace

STEP = 0.003


class Rests(threading.Event):
    """Notes how long somebody wanted to wait, and does not wait."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        assert timeout is not None
        self.seconds.append(timeout)
        return False


def work() -> None:
    end = time.thread_time() + STEP
    while time.thread_time() < end:
        pass


@pytest.fixture
def rests() -> Rests:
    return Rests()


def test_a_rest_is_so_many_times_as_long_as_the_step_before(rests: Rests) -> None:
    pause = Pace(rests, rest=20).begin()
    for _ in range(3):
        work()
        pause()
    assert len(rests.seconds) == 3
    assert all(20 * STEP <= seconds < 200 * STEP for seconds in rests.seconds)


def test_steps_that_are_too_short_are_taken_together(rests: Rests) -> None:
    pause = Pace(rests).begin()
    pause()
    pause()
    assert not rests.seconds
    work()
    pause()
    assert len(rests.seconds) == 1


def test_what_a_thread_has_done_before_it_began_does_not_count(rests: Rests) -> None:
    pace = Pace(rests)
    work()
    pace.begin()()
    assert not rests.seconds


def test_work_that_takes_too_long_goes_on_without_rests(rests: Rests) -> None:
    pace = Pace(rests, rest=20)
    pause = pace.begin(most_seconds=0)
    work()
    pause()
    assert not rests.seconds
    pause = pace.begin(most_seconds=0, then=10)
    work()
    pause()
    assert 10 * STEP <= rests.seconds[0] < 100 * STEP
