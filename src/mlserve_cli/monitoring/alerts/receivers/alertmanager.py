"""Prometheus's Alertmanager, which groups, silences and passes on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import msgspec

from mlserve_cli.monitoring.alerts.notice import Notice
from mlserve_cli.monitoring.alerts.receivers.posting import post_json

_REPEAT_SECONDS = 60.0
# An alert that is not told again is over after four times that, as Prometheus has it.
_LAST_SECONDS = 4 * _REPEAT_SECONDS


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Alertmanager:
    """Posts notices to the v2 API.

    Attributes:
        name: As the settings call it.
        url: Of the Alertmanager, without `/api`.
        token: Sent as bearer token; None for none.
        timeout_seconds: How long one attempt may take.
        clock: Gives the time.
    """

    name: str
    url: str = field(repr=False)
    token: str | None = field(default=None, repr=False)
    timeout_seconds: float = 10.0
    repeat_seconds: float | None = _REPEAT_SECONDS
    clock: Callable[[], datetime] = _now

    def deliver(self, told: Notice) -> None:
        """See `Receiver.deliver`."""
        lasts = (self.clock() + timedelta(seconds=_LAST_SECONDS)).isoformat()
        alert = {
            "labels": {
                "alertname": told.alert,
                "model": told.model,
                "severity": told.severity,
                "service": "mlserve",
            },
            "annotations": {"summary": told.text},
            "startsAt": told.started,
            "endsAt": told.ended or lasts,
        }
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url.rstrip('/')}/api/v2/alerts"
        post_json(url, msgspec.json.encode([alert]), headers, self.timeout_seconds)
