"""Alerts from a running server: looks at the metrics of all workers again and again."""

import asyncio
import contextlib
import logging
import math
import threading
import time
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, NamedTuple

from mlserve_cli.monitoring.alerts.evaluation import evaluate
from mlserve_cli.monitoring.alerts.outbox import Outbox
from mlserve_cli.monitoring.alerts.rules import Kind
from mlserve_cli.monitoring.alerts.samples import ModelCounts, Sample, Samples
from mlserve_cli.monitoring.alerts.states import AlertStates
from mlserve_cli.monitoring.exposition import Numbers, Readings, histogram_of
from mlserve_cli.monitoring.histogram import Histogram
from mlserve_cli.serving import metric_families as families
from mlserve_cli.serving.drift_families import ALARMS
from mlserve_cli.serving.quality_families import DROP

if TYPE_CHECKING:
    from mlserve_cli.monitoring.alerts.notice import Notice
    from mlserve_cli.monitoring.alerts.settings import AlertPlan
    from mlserve_cli.serving.fleet import AlertMemory
    from mlserve_cli.serving.gateway import Gateway

_LOGGER = logging.getLogger("mlserve")
# Between two times that what is known is left for a process that takes over.
_SAVE_SECONDS = 5.0
# How long a stopping server waits for what is still to be told.
_FAREWELL_SECONDS = 1.0


class Alerting:
    """Tells receivers when rules are broken and when that is over; one process does for all.

    Nothing of it runs on the event loop, so that no request waits for it.

    Args:
        readings: Gives the metrics over all workers.
        plan: When to alert whom.
        unmeasured: Kinds of rules that this server can say nothing about.
        memory: Where what is known lies for the process that replaces this one.
        clock: Gives seconds, and is never set; the same for all processes.
        now: Gives seconds since 1970.
    """

    def __init__(
        self,
        readings: Callable[[], Iterable[Readings]],
        plan: "AlertPlan",
        unmeasured: Collection[Kind] = (),
        *,
        memory: "AlertMemory | None" = None,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._readings = readings
        self._plan = plan
        self._unmeasured = unmeasured
        self._clock = clock
        self._now = now
        self._samples = Samples(max(rule.window_seconds for rule in plan.rules))
        self._states = AlertStates()
        self._outboxes: list[Outbox] = []
        self._repeated: dict[str, float] = {}
        self._memory = memory
        self._saved = -math.inf
        self._leaving = threading.Lock()
        known = None if memory is None else memory.known.remembered()
        if known is not None:
            self._samples, self._states, self._repeated = known

    async def run(self) -> None:
        """Looks again and again until it is cancelled."""
        for rule in self._plan.rules:
            if rule.kind in self._unmeasured:
                _LOGGER.warning(
                    "alert %s is never raised: this server does not measure %s",
                    rule.name,
                    rule.kind,
                )
        self._open_outboxes()
        try:
            while True:
                try:
                    await asyncio.to_thread(self.look)
                # What goes wrong once must not be the end of all alerts.
                except Exception:
                    _LOGGER.exception("alerts could not be looked at")
                await asyncio.sleep(self._plan.interval_seconds)
        finally:
            for outbox in self._outboxes:
                outbox.close()
            joining = (asyncio.to_thread(box.join, _FAREWELL_SECONDS) for box in self._outboxes)
            await asyncio.gather(*joining)

    def look(self) -> "list[Notice]":
        """Looks once, and returns what has changed."""
        seconds = self._clock()
        self._samples.add(Sample(seconds, model_counts(self._readings())))
        changed = self._states.update(
            evaluate(self._plan.rules, self._samples), self._now(), seconds
        )
        for told in changed:
            _LOGGER.warning("alert: %s", told.text)
            for outbox in self._outboxes:
                outbox.offer(told)
        self._repeat(seconds)
        self._save(seconds, at_once=bool(changed))
        return changed

    def _save(self, seconds: float, *, at_once: bool) -> None:
        if self._memory is not None and (at_once or seconds - self._saved >= _SAVE_SECONDS):
            self._saved = seconds
            self._memory.known.remember((self._samples, self._states, self._repeated))

    def _open_outboxes(self) -> None:
        left = None if self._memory is None else self._memory.undelivered.remembered()
        self._outboxes = [
            Outbox(receiver, on_change=self._leave_undelivered) for receiver in self._plan.receivers
        ]
        for outbox in self._outboxes:
            for told in (left or {}).get(outbox.receiver.name, ()):
                outbox.offer(told)

    def _leave_undelivered(self) -> None:
        if self._memory is None:
            return
        # The thread of each receiver comes here, and tells what it can even where nothing is left.
        with self._leaving, contextlib.suppress(OSError):
            undelivered = {outbox.receiver.name: outbox.undelivered for outbox in self._outboxes}
            self._memory.undelivered.remember(undelivered)

    def _repeat(self, seconds: float) -> None:
        firing = self._states.firing()
        for outbox in self._outboxes:
            name, every = outbox.receiver.name, outbox.receiver.repeat_seconds
            if every is None or seconds - self._repeated.setdefault(name, seconds) < every:
                continue
            self._repeated[name] = seconds
            for told in firing:
                outbox.offer(told)


def alerting_of(gateway: "Gateway", plan: "AlertPlan") -> Alerting:
    """What alerts by the metrics of a server."""
    records = gateway.options.records
    keeps_labels = records is not None and records.rows_per_second > 0
    unmeasured = {
        *([] if keeps_labels else [Kind.QUALITY_DROP]),
        *([Kind.DRIFT] if gateway.drift is None else []),
    }
    memory = None if gateway.fleet is None else gateway.fleet.alerts
    return Alerting(gateway.metrics.readings, plan, unmeasured, memory=memory)


def model_counts(readings: Iterable[Readings]) -> dict[str, ModelCounts]:
    """What is known of each model that is served, over its versions and protocols.

    Args:
        readings: The metrics of a server.
    """
    by_name = {reading.family.name: reading for reading in readings}
    served = _by_model(by_name.get(families.MODEL_INFO.name))
    requests = _by_model(by_name.get(families.REQUESTS.name))
    seconds = _by_model(by_name.get(families.REQUEST_SECONDS.name))
    drifted = _by_model(by_name.get(ALARMS.name))
    dropped = _by_model(by_name.get(DROP.name))
    return {
        model: ModelCounts(
            sum(series.numbers[0] for series in requests.get(model, ())),
            sum(
                series.numbers[0]
                for series in requests.get(model, ())
                if series.labels["status"].startswith("5")
            ),
            _merged(series.numbers for series in seconds.get(model, ())),
            any(series.numbers[0] > 0 for series in drifted[model]) if model in drifted else None,
            max((series.numbers[0] for series in dropped.get(model, ())), default=None),
        )
        for model in served
    }


class _Series(NamedTuple):
    labels: dict[str, str]
    numbers: Numbers


def _by_model(reading: Readings | None) -> dict[str, list[_Series]]:
    found: dict[str, list[_Series]] = {}
    if reading is not None:
        for key, numbers in reading.series.items():
            labels = dict(zip(reading.family.labels, key, strict=True))
            found.setdefault(labels["model"], []).append(_Series(labels, numbers))
    return found


def _merged(series: Iterable[Numbers]) -> Histogram:
    found = Histogram(families.REQUEST_SECONDS.counted_edges)
    for numbers in series:
        found.merge(histogram_of(families.REQUEST_SECONDS, numbers))
    return found
