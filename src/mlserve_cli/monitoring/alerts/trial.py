"""A test alert for every receiver."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from mlserve_cli.monitoring.alerts.notice import trial_notice
from mlserve_cli.monitoring.alerts.receivers.interface import DeliveryError, Receiver


@dataclass(frozen=True, slots=True)
class Trial:
    """How a receiver took a test alert.

    Attributes:
        receiver: Its name.
        error: Why it did not take it; None where it did.
    """

    receiver: str
    error: str | None


def send_test_alert(
    receivers: Sequence[Receiver], now: Callable[[], float] = time.time
) -> list[Trial]:
    """Sends a test alert to every receiver, in one attempt each.

    Args:
        receivers: Of `load_alerts`.
        now: Gives the time in seconds since 1970.
    """
    told, found = trial_notice(now()), []
    for receiver in receivers:
        try:
            receiver.deliver(told)
        except DeliveryError as error:
            found.append(Trial(receiver.name, str(error)))
        else:
            found.append(Trial(receiver.name, None))
    return found
