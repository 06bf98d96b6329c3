"""What all receivers have in common."""

from typing import Protocol

from mlserve_cli.monitoring.alerts.notice import Notice


class DeliveryError(Exception):
    """A notice that a receiver did not take.

    Args:
        reason: Why; without addresses or secrets.
        again: Whether another attempt may succeed.
    """

    def __init__(self, reason: str, *, again: bool) -> None:
        super().__init__(reason)
        self.again = again


class Receiver(Protocol):
    """Takes notices, one at a time."""

    @property
    def name(self) -> str:
        """As the settings call it."""

    @property
    def repeat_seconds(self) -> float | None:
        """How often alerts that are up are told again; None for never."""

    def deliver(self, told: Notice) -> None:
        """Returns once the notice was taken.

        Raises:
            DeliveryError: It was not.
        """
