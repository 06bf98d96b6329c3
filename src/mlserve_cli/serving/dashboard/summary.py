"""What the dashboard shows, as numbers: sums over all workers since the server began."""

import importlib.metadata
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.monitoring.exposition import Readings, histogram_of
from mlserve_cli.monitoring.families import Family
from mlserve_cli.monitoring.histogram import FINE_SECONDS, Histogram
from mlserve_cli.monitoring.registry import WORKERS
from mlserve_cli.serving import metric_families as families
from mlserve_cli.serving.dashboard.activity import Answered
from mlserve_cli.serving.dashboard.quality import QualityFigure, quality_figures

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel

# Milliseconds that stand for the values of each fine bucket, as `Histogram.quantile` has them.
BUCKET_MILLISECONDS = (
    1000 * FINE_SECONDS[0],
    *(round(2000 * low * high / (low + high), 6) for low, high in pairwise(FINE_SECONDS)),
    1000 * FINE_SECONDS[-1],
)


class Sizes(msgspec.Struct, frozen=True):
    """How many calls of the models had so many requests and rows.

    Attributes:
        bounds: Most requests or rows of each bucket; the last bucket has no bound.
        requests: Calls by requests, one count more than there are bounds.
        rows: Calls by rows.
    """

    bounds: tuple[float, ...]
    requests: list[int]
    rows: list[int]


class ModelSummary(msgspec.Struct, frozen=True):
    """A model that is served.

    Attributes:
        name: Its name.
        version: Its version.
        engine: Where it is scored.
        loaded: When it was loaded, in seconds since 1970.
        created: When it was saved; None where that is not known.
        requests: Requests for it that were answered.
        errors: Those of them with a status of 400 or more.
        rows: Rows that were scored.
        milliseconds: Durations that 50, 95 and 99 % of the requests do not exceed; None without
            requests.
    """

    name: str
    version: int
    engine: str
    loaded: float
    created: float | None
    requests: int
    errors: int
    rows: int
    milliseconds: tuple[float, float, float] | None


class Summary(msgspec.Struct, frozen=True):
    """What the dashboard shows.

    Attributes:
        time: By the server's clock, in seconds since 1970.
        started: When its oldest process began; None where that is not known.
        mlserve: Version of mlserve.
        workers: Processes that answer.
        restarts: Workers that died and were replaced.
        memory_bytes: Resident memory of all workers; None where that is not known.
        statuses: Requests for predictions by HTTP status.
        rows: Rows that were scored.
        latency: Milliseconds and how many requests took about that long, ascending.
        sizes: What was scored together.
        queue_requests: Requests that wait for a call of a model.
        queue_rows: Their rows.
        in_flight: Requests that wait or are being scored.
        wait_milliseconds: How long 95 % of the calls waited at the most; None without calls.
        models: What is served.
        recent: The latest predictions, newest first.
        watches_drift: Whether `/drift` may have something to say.
        quality: How good the latest predictions with a label were.
    """

    time: float
    started: float | None
    mlserve: str
    workers: int
    restarts: int
    memory_bytes: float | None
    statuses: dict[str, int]
    rows: int
    latency: list[tuple[float, int]]
    sizes: Sizes
    queue_requests: int
    queue_rows: int
    in_flight: int
    wait_milliseconds: float | None
    models: list[ModelSummary]
    recent: list[Answered]
    watches_drift: bool
    quality: list[QualityFigure]


def summarize(
    readings: Iterable[Readings],
    models: "Iterable[LoadedModel]",
    recent: list[Answered],
    *,
    watches_drift: bool,
) -> Summary:
    """The numbers of the dashboard.

    Args:
        readings: Of all workers.
        models: What is served.
        recent: The latest predictions.
        watches_drift: Whether `/drift` may have something to say.
    """
    known = _Known(readings)
    statuses: Counter[str] = Counter()
    for labels, numbers in known.series(families.REQUESTS).items():
        statuses[labels[3]] += int(numbers[0])
    latency = known.histogram(families.REQUEST_SECONDS)
    calls = known.histogram(families.QUEUE_SECONDS)
    sizes = Sizes(
        families.BATCH_REQUESTS.bounds,
        known.histogram(families.BATCH_REQUESTS).counts,
        known.histogram(families.BATCH_ROWS).counts,
    )
    return Summary(
        time=time.time(),
        started=known.value("process_start_time_seconds"),
        mlserve=importlib.metadata.version("mlserve-cli"),
        workers=known.total(WORKERS),
        restarts=known.total(families.RESTARTS),
        memory_bytes=known.value("process_resident_memory_bytes"),
        statuses=dict(sorted(statuses.items())),
        rows=known.total(families.ROWS),
        latency=[
            (BUCKET_MILLISECONDS[position], count)
            for position, count in enumerate(latency.counts)
            if count
        ],
        sizes=sizes,
        queue_requests=known.total(families.QUEUE_REQUESTS),
        queue_rows=known.total(families.QUEUE_ROWS),
        in_flight=known.total(families.IN_FLIGHT),
        wait_milliseconds=1000 * calls.quantile(0.95) if calls.count else None,
        models=[_summary(known, model) for model in models],
        recent=recent,
        watches_drift=watches_drift,
        quality=quality_figures(known.series),
    )


class _Known:
    """The metrics of all workers by name."""

    def __init__(self, readings: Iterable[Readings]) -> None:
        self._series = {reading.family.name: reading.series for reading in readings}

    def series(self, family: Family, *first: str) -> Mapping[tuple[str, ...], Sequence[float]]:
        """Its series whose first labels are these."""
        found = self._series.get(family.name, {})
        return {key: value for key, value in found.items() if key[: len(first)] == first}

    def total(self, family: Family, *first: str) -> int:
        """The sum of a counter or gauge."""
        return int(sum(numbers[0] for numbers in self.series(family, *first).values()))

    def value(self, name: str) -> float | None:
        """A value without labels; None where nobody knows it."""
        return self._series[name][()][0] if name in self._series else None

    def histogram(self, family: Family, *first: str) -> Histogram:
        """The sum of histograms."""
        merged = Histogram(family.counted_edges)
        for numbers in self.series(family, *first).values():
            merged.merge(histogram_of(family, numbers))
        return merged


def _summary(known: _Known, model: "LoadedModel") -> ModelSummary:
    labels = (model.name, str(model.version))
    asked = known.series(families.REQUESTS, *labels)
    latency = known.histogram(families.REQUEST_SECONDS, *labels)
    return ModelSummary(
        model.name,
        model.version,
        str(model.predictor.engine),
        model.loaded,
        model.created,
        int(sum(numbers[0] for numbers in asked.values())),
        int(sum(numbers[0] for key, numbers in asked.items() if key[3][0] in "45")),
        known.total(families.ROWS, *labels),
        _milliseconds(latency) if latency.count else None,
    )


def _milliseconds(latency: Histogram) -> tuple[float, float, float]:
    median, slow, slowest = (1000 * latency.quantile(share) for share in (0.5, 0.95, 0.99))
    return (median, slow, slowest)
