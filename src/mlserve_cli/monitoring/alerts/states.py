"""Which alerts are up: raised once, over once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mlserve_cli.monitoring.alerts.evaluation import Verdict
from mlserve_cli.monitoring.alerts.notice import Notice, notice


class _Key(NamedTuple):
    rule: str
    model: str


# How long an alert stays up of which nothing is known: a worker that replaces the one that measured
# needs a moment.
_UNKNOWN_SECONDS = 30.0


@dataclass(slots=True)
class _Alert:
    """A rule that holds.

    Attributes:
        verdict: The last one that held.
        since: When the first one did, by a clock that is never set.
        known: When the last one did, likewise.
        raised: Since when it is told, in seconds since 1970; None before.
    """

    verdict: Verdict
    since: float
    known: float
    raised: float | None = None


class AlertStates:
    """Remembers what holds, so that only changes are told."""

    def __init__(self) -> None:
        self._alerts: dict[_Key, _Alert] = {}

    def update(
        self, verdicts: Iterable[Verdict], now: float, seconds: float | None = None
    ) -> list[Notice]:
        """What has changed.

        Args:
            verdicts: What all rules say now; what they are silent about does not hold.
            now: Seconds since 1970.
            seconds: By a clock that is never set; `now` where it is not given.
        """
        seconds = now if seconds is None else seconds
        said = {_Key(verdict.rule.name, verdict.model): verdict for verdict in verdicts}
        holding = {key: verdict for key, verdict in said.items() if verdict.holds}
        unknown = {key for key, verdict in said.items() if verdict.holds is None}
        found = [
            self._end(key, now)
            for key, alert in list(self._alerts.items())
            if key not in holding
            and not (key in unknown and seconds - alert.known < _UNKNOWN_SECONDS)
        ]
        found += [self._go_on(key, verdict, now, seconds) for key, verdict in holding.items()]
        return [told for told in found if told is not None]

    def firing(self) -> list[Notice]:
        """All alerts that are up."""
        return [
            notice(alert.verdict.rule, alert.verdict.model, alert.verdict.value, alert.raised)
            for alert in self._alerts.values()
            if alert.raised is not None
        ]

    def _go_on(self, key: _Key, verdict: Verdict, now: float, seconds: float) -> Notice | None:
        alert = self._alerts.setdefault(key, _Alert(verdict, seconds, seconds))
        alert.verdict, alert.known = verdict, seconds
        if alert.raised is not None or seconds - alert.since < verdict.rule.for_seconds:
            return None
        alert.raised = now
        return notice(verdict.rule, verdict.model, verdict.value, now)

    def _end(self, key: _Key, now: float) -> Notice | None:
        alert = self._alerts.pop(key)
        if alert.raised is None:
            return None
        last = alert.verdict
        return notice(last.rule, last.model, last.value, alert.raised, now)
