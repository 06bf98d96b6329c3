"""Metrics as text that Prometheus reads, in the format that it asks for.

The library that writes it is imported with the first scrape: it takes a tenth of a second, which a
starting server has no use for.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from mlserve_cli.monitoring.families import Family, Kind
from mlserve_cli.monitoring.histogram import Histogram

if TYPE_CHECKING:
    from prometheus_client.core import Metric

_OPEN_METRICS = "application/openmetrics-text; version=1.0.0"

Numbers = Sequence[float]
"""The numbers of a series; see `Family.cells`."""


class Exposition(NamedTuple):
    """Metrics as text.

    Attributes:
        body: The text in UTF-8.
        content_type: Which format it is in.
    """

    body: bytes
    content_type: str


class Readings(NamedTuple):
    """A family with its series.

    Attributes:
        family: What is measured.
        series: Numbers by values of the labels.
    """

    family: Family
    series: Mapping[tuple[str, ...], Numbers]


def expose(readings: Iterable[Readings], accept: str = "") -> Exposition:
    """Metrics as text.

    Args:
        readings: The metrics.
        accept: The `Accept` field of the request: OpenMetrics for those who ask for it, else the
            text format of Prometheus.
    """
    from prometheus_client.exposition import choose_encoder
    from prometheus_client.registry import Collector

    metrics = [_metric(reading) for reading in readings if reading.series]

    class Given(Collector):
        def collect(self) -> "Iterator[Metric]":
            return iter(metrics)

    # What the client says goes no further: the library would repeat its version number.
    encode, content_type = choose_encoder(_OPEN_METRICS if _wants_open_metrics(accept) else "")
    return Exposition(encode(Given()), content_type)


def _wants_open_metrics(accept: str) -> bool:
    kinds = {part.partition(";")[0].strip().lower() for part in accept.split(",")}
    return "application/openmetrics-text" in kinds


def histogram_of(family: Family, numbers: Numbers) -> Histogram:
    """The histogram that a series of such a family holds."""
    return Histogram(family.counted_edges, numbers[1:], numbers[0])


def _metric(reading: Readings) -> "Metric":
    from prometheus_client.core import (
        CounterMetricFamily,
        GaugeMetricFamily,
        HistogramMetricFamily,
    )

    family = reading.family
    in_order = sorted(reading.series.items(), key=lambda item: item[0])
    match family.kind:
        case Kind.COUNTER:
            counter = CounterMetricFamily(family.name, family.help, labels=family.labels)
            for labels, numbers in in_order:
                counter.add_metric(labels, numbers[0])
            return counter
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(family.name, family.help, labels=family.labels)
            for labels, numbers in in_order:
                gauge.add_metric(labels, numbers[0])
            return gauge
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(family.name, family.help, labels=family.labels)
            for labels, numbers in in_order:
                counts = histogram_of(family, numbers).cumulated(family.bounds)
                bounds = [*(f"{bound:g}" for bound in family.bounds), "+Inf"]
                buckets = list(zip(bounds, map(float, counts), strict=True))
                histogram.add_metric(labels, buckets, numbers[0])
            return histogram
