"""What a server counts while it answers, on the event loop of each worker."""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mlserve_cli.monitoring.exposition import Readings, histogram_of
from mlserve_cli.monitoring.families import Family
from mlserve_cli.monitoring.histogram import FINE_SECONDS, Histogram
from mlserve_cli.monitoring.registry import Registry
from mlserve_cli.serving import metric_families as families

if TYPE_CHECKING:
    from mlserve_cli.monitoring.shared import Numbers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.workers import RestartCount

_INTERVAL_SECONDS = 1.0


class _Answered:
    """The series of one model and protocol."""

    __slots__ = ("labels", "received", "seconds", "sent", "statuses")

    def __init__(self, labels: tuple[str, ...], series: Callable[[Family], "Numbers"]) -> None:
        self.labels = labels
        self.seconds = series(families.REQUEST_SECONDS)
        self.received = series(families.REQUEST_BYTES)
        self.sent = series(families.RESPONSE_BYTES)
        self.statuses: dict[int, Numbers] = {}


class _Scored:
    """The series of one model's calls."""

    __slots__ = ("call", "requests", "rows", "total_rows", "wait")

    def __init__(self, series: Callable[[Family], "Numbers"]) -> None:
        self.total_rows = series(families.ROWS)
        self.requests = series(families.BATCH_REQUESTS)
        self.rows = series(families.BATCH_ROWS)
        self.call = series(families.CALL_SECONDS)
        self.wait = series(families.QUEUE_SECONDS)


class ServingMetrics(Registry):
    """The metrics of a server; see `metric_families`."""

    def __init__(self) -> None:
        self.restarts: RestartCount | None = None
        super().__init__(families.FAMILIES)

    def take(self, place: int) -> None:
        """See `Registry.take`."""
        super().take(place)
        self._answered: dict[tuple[LoadedModel | None, str], _Answered] = {}
        self._scored: dict[LoadedModel, _Scored] = {}

    def count_request(
        self,
        model: "LoadedModel | None",
        protocol: str,
        status: int,
        seconds: float,
        size_bytes: tuple[int, int] = (0, 0),
    ) -> None:
        """Counts an answered request.

        Args:
            model: The model that was asked; None where there is none of that name.
            protocol: Its protocol.
            status: HTTP status of the answer.
            seconds: From the end of its body to its answer.
            size_bytes: Of the bodies of the request and of its answer.
        """
        answered = self._answered.get((model, protocol))
        if answered is None:
            answered = self._add_answered(model, protocol)
        numbers = answered.seconds
        numbers[bisect_left(FINE_SECONDS, seconds) + 1] += 1.0
        numbers[0] += seconds
        answered.received[0] += size_bytes[0]
        answered.sent[0] += size_bytes[1]
        found = answered.statuses.get(status)
        if found is None:
            found = self._add_status(answered, status)
        found[0] += 1.0

    def count_good(
        self,
        model: "LoadedModel",
        protocol: str,
        seconds: list[float],
        size_bytes: tuple[int, int],
    ) -> None:
        """Counts requests that were answered together, all of them well.

        Args:
            model: The model that was asked.
            protocol: Their protocol.
            seconds: From the end of each body to its answer, the longest first.
            size_bytes: Of the bodies of all requests and of all answers.
        """
        answered = self._answered.get((model, protocol)) or self._add_answered(model, protocol)
        numbers = answered.seconds
        low, high = bisect_left(FINE_SECONDS, seconds[-1]), bisect_left(FINE_SECONDS, seconds[0])
        for value in seconds:
            numbers[bisect_left(FINE_SECONDS, value, low, high) + 1] += 1.0
        numbers[0] += sum(seconds)
        answered.received[0] += size_bytes[0]
        answered.sent[0] += size_bytes[1]
        found = answered.statuses.get(200)
        if found is None:
            found = self._add_status(answered, 200)
        found[0] += len(seconds)

    def count_other_request(self, route: str, status: int) -> None:
        """Counts a request for anything but predictions.

        Args:
            route: Pattern of the address that answered; empty where there is none.
            status: HTTP status of the answer.
        """
        self.sheet.series(families.OTHER_REQUESTS, (route, str(status)))[0] += 1.0

    def count_batch(
        self, model: "LoadedModel", requests: int, rows: int, seconds: float, waited: float = 0.0
    ) -> None:
        """Counts a call of a model.

        Args:
            model: The model.
            requests: How many were merged.
            rows: How many rows they had.
            seconds: Duration of the call.
            waited: How long the oldest of them had waited.
        """
        scored = self._scored.get(model)
        if scored is None:
            labels = (model.name, str(model.version))
            scored = _Scored(lambda family: self.sheet.series(family, labels))
            self._scored[model] = scored
        scored.total_rows[0] += rows
        _observe(scored.requests, families.BATCH_REQUESTS, requests)
        _observe(scored.rows, families.BATCH_ROWS, rows)
        _observe(scored.call, families.CALL_SECONDS, seconds)
        _observe(scored.wait, families.QUEUE_SECONDS, waited)

    def forget_all_but(self, models: Iterable["LoadedModel"]) -> None:
        """Lets go of models that are not served any more; what was counted for them stays."""
        kept = {None, *models}
        for key in [key for key in self._answered if key[0] not in kept]:
            del self._answered[key]
        for model in [model for model in self._scored if model not in kept]:
            del self._scored[model]

    async def keep_fresh(self) -> None:
        """Sets this worker's gauges once a second, until it is cancelled."""
        while True:
            self.refresh()
            await asyncio.sleep(_INTERVAL_SECONDS)

    def readings(self) -> list[Readings]:
        """See `Registry.readings`."""
        if self.restarts is None:
            return super().readings()
        restarts = Readings(families.RESTARTS, {(): (self.restarts.value,)})
        return [*super().readings(), restarts]

    def latency(self) -> dict[tuple[str, ...], Histogram]:
        """Durations of requests by model, version and protocol, over all workers."""
        for family, series in self.readings():
            if family is families.REQUEST_SECONDS:
                return {key: histogram_of(family, numbers) for key, numbers in series.items()}
        return {}

    def _add_answered(self, model: "LoadedModel | None", protocol: str) -> _Answered:
        name, version = (model.name, str(model.version)) if model else ("", "")
        labels = (name, version, protocol)
        answered = _Answered(labels, lambda family: self.sheet.series(family, labels))
        self._answered[model, protocol] = answered
        return answered

    def _add_status(self, answered: _Answered, status: int) -> "Numbers":
        labels = (*answered.labels, str(status))
        numbers = answered.statuses[status] = self.sheet.series(families.REQUESTS, labels)
        return numbers


def _observe(numbers: "Numbers", family: Family, value: float) -> None:
    numbers[bisect_left(family.bounds, value) + 1] += 1.0
    numbers[0] += value
