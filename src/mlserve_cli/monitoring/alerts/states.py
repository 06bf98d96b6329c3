"""Which alerts are up: raised once, over once."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from mlserve_cli.monitoring.alerts.evaluation import Verdict
from mlserve_cli.monitoring.alerts.notice import Notice, notice


class _Key(NamedTuple):
    rule: str
    model: str


@dataclass(slots=True)
class _Alert:
    """A rule that holds: since when, and since when it is told; None before."""

    verdict: Verdict
    since: float
    raised: float | None = None


class AlertStates:
    """Remembers what holds, so that only changes are told."""

    def __init__(self) -> None:
        self._alerts: dict[_Key, _Alert] = {}

    def update(self, verdicts: Iterable[Verdict], now: float) -> list[Notice]:
        """What has changed.

        Args:
            verdicts: What all rules say now; what they are silent about does not hold.
            now: Seconds since 1970.
        """
        holding = {
            _Key(verdict.rule.name, verdict.model): verdict for verdict in verdicts if verdict.holds
        }
        found = [self._end(key, now) for key in list(self._alerts) if key not in holding]
        found += [self._go_on(key, verdict, now) for key, verdict in holding.items()]
        return [told for told in found if told is not None]

    def firing(self) -> list[Notice]:
        """All alerts that are up."""
        return [
            notice(alert.verdict.rule, alert.verdict.model, alert.verdict.value, alert.raised)
            for alert in self._alerts.values()
            if alert.raised is not None
        ]

    def _go_on(self, key: _Key, verdict: Verdict, now: float) -> Notice | None:
        alert = self._alerts.setdefault(key, _Alert(verdict, now))
        alert.verdict = verdict
        if alert.raised is not None or now - alert.since < verdict.rule.for_seconds:
            return None
        alert.raised = now
        return notice(verdict.rule, verdict.model, verdict.value, now)

    def _end(self, key: _Key, now: float) -> Notice | None:
        alert = self._alerts.pop(key)
        if alert.raised is None:
            return None
        last = alert.verdict
        return notice(last.rule, last.model, last.value, alert.raised, now)
