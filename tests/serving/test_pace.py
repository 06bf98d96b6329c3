"""A thread beside the event loop works in short steps."""

import sys
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
    with Pace(rests, rest=20).working() as pause:
        for _ in range(3):
            work()
            pause()
    assert len(rests.seconds) == 3
    assert all(20 * STEP <= seconds < 200 * STEP for seconds in rests.seconds)


def test_steps_that_are_too_short_are_taken_together(rests: Rests) -> None:
    with Pace(rests).working() as pause:
        pause()
        pause()
        assert not rests.seconds
        work()
        pause()
    assert len(rests.seconds) == 1


def test_what_a_thread_has_done_before_it_began_does_not_count(rests: Rests) -> None:
    pace = Pace(rests)
    work()
    with pace.working() as pause:
        pause()
    assert not rests.seconds


def test_work_that_takes_too_long_goes_on_without_rests(rests: Rests) -> None:
    with Pace(rests).working(most_seconds=0) as pause:
        work()
        pause()
    assert not rests.seconds


def test_others_wait_longer_during_a_step_only(rests: Rests) -> None:
    usual = sys.getswitchinterval()
    during_rests = []
    wait = rests.wait

    def noted(timeout: float | None = None) -> bool:
        during_rests.append(sys.getswitchinterval())
        return wait(timeout)

    rests.wait = noted  # type: ignore[method-assign]
    try:
        sys.setswitchinterval(0.0002)
        before = sys.getswitchinterval()
        with Pace(rests).working() as pause:
            assert sys.getswitchinterval() > before
            work()
            pause()
            with Pace(rests).working() as other_pause:
                work()
                # Another thread is in a step.
                other_pause()
            assert sys.getswitchinterval() > before
        for _ in range(100):
            with Pace(rests).working():
                pass
        assert sys.getswitchinterval() == before
        assert during_rests[0] == before < during_rests[1]
    finally:
        sys.setswitchinterval(usual)
