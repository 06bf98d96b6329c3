"""Notices wait for slow receivers, in order and in bounded number."""

import logging
import threading

import pytest
from tests.monitoring.alerts.hooks import Hook

from mlserve_cli.monitoring.alerts.notice import Notice, notice
from mlserve_cli.monitoring.alerts.outbox import Outbox, deliver
from mlserve_cli.monitoring.alerts.receivers.interface import DeliveryError
from mlserve_cli.monitoring.alerts.receivers.webhook import Webhook
from mlserve_cli.monitoring.alerts.rules import Kind, Rule

RULE = Rule("errors", Kind.ERROR_RATE)


def numbered(number: int) -> Notice:
    return notice(RULE, f"m{number}", 0.5, float(number))


class Failing:
    """Refuses so many times."""

    name = "failing"
    repeat_seconds = None

    def __init__(self, times: int, *, again: bool = True) -> None:
        self.attempts = 0
        self._times = times
        self._again = again

    def deliver(self, told: Notice) -> None:
        self.attempts += 1
        if self.attempts <= self._times:
            raise DeliveryError("not now", again=self._again)


def test_attempts_are_made_until_one_succeeds() -> None:
    receiver, pauses = Failing(3), list[int]()

    def pause(attempt: int) -> bool:
        pauses.append(attempt)
        return True

    deliver(receiver, numbered(1), pause)
    assert receiver.attempts == 4
    assert pauses == [0, 1, 2]


def test_attempts_end() -> None:
    receiver = Failing(100)
    with pytest.raises(DeliveryError):
        deliver(receiver, numbered(1), lambda _: True, attempts=6)
    assert receiver.attempts == 6


def test_what_is_hopeless_is_tried_once() -> None:
    receiver = Failing(100, again=False)
    with pytest.raises(DeliveryError):
        deliver(receiver, numbered(1), lambda _: True)
    assert receiver.attempts == 1


def test_a_receiver_that_was_down_gets_everything_in_order_once_it_is_up() -> None:
    with Hook(503, 500, 429).running() as hook:
        outbox = Outbox(Webhook("chat", hook.url), pause_seconds=0.01)
        for number in range(5):
            outbox.offer(numbered(number))
        while len(hook.received) < 8:
            threading.Event().wait(0.01)
        outbox.close()
        outbox.join(30)
    bodies = [received.body for received in hook.received]
    assert len(set(bodies[:4])) == 1
    assert [f'"m{number}"'.encode() in body for number, body in enumerate(bodies[3:])] == [True] * 5


def test_a_stuck_receiver_holds_nobody_up_and_what_overflows_is_dropped_and_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stuck = threading.Event()
    with Hook(before=stuck.wait).running() as hook:
        outbox = Outbox(Webhook("chat", hook.url))
        with caplog.at_level(logging.WARNING, logger="mlserve"):
            for number in range(300):
                outbox.offer(numbered(number))
        stuck.set()
        # There may be no room for its end yet.
        while len(hook.received) < 100:
            threading.Event().wait(0.01)
        outbox.close()
        outbox.join(30)
    dropped = sum("dropped" in record.message for record in caplog.records)
    assert dropped in (199, 200)
    assert len(hook.received) == 300 - dropped


def test_a_failed_delivery_is_logged_without_the_address(caplog: pytest.LogCaptureFixture) -> None:
    with Hook(400).running() as hook:
        outbox = Outbox(Webhook("chat", f"{hook.url}/s3cret"))
        outbox.offer(numbered(1))
        outbox.close()
        outbox.join(30)
    assert "receiver chat did not take an alert: it answered 400" in caplog.text
    assert "s3cret" not in caplog.text


def test_what_is_undelivered_is_known_until_it_is_told() -> None:
    released, seen = threading.Event(), list[list[str]]()

    with Hook(before=released.wait).running() as hook:
        webhook = Webhook("hook", hook.url)
        outbox = Outbox(
            webhook,
            on_change=lambda: seen.append([told.model for told in outbox.undelivered]),
        )
        for number in range(3):
            outbox.offer(numbered(number))
        released.set()
        outbox.close()
        outbox.join(30)
    assert seen[:3] == [["m0"], ["m0", "m1"], ["m0", "m1", "m2"]]
    assert seen[3:] == [["m1", "m2"], ["m2"], []]
