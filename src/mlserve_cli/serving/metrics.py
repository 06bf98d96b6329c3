"""Counts of one process, in the text format of Prometheus.

All of it happens on the event loop, so nothing is locked.
"""

from bisect import bisect_left
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlserve_cli.serving.model import LoadedModel

if TYPE_CHECKING:
    from mlserve_cli.serving.workers import RestartCount

_SECONDS = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05),
    *(0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0),
)
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0)

_Labels = tuple[str, int, str]


class Histogram:
    """Counts of values by upper bound.

    Args:
        bounds: Upper bounds, ascending.
    """

    __slots__ = ("_bounds", "_counts", "_sum")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self._sum = 0.0

    def add(self, value: float) -> None:
        """Counts one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def lines(self, name: str, labels: str) -> Iterator[str]:
        """The samples, with cumulated counts."""
        total = 0
        for bound, count in zip((*self._bounds, "+Inf"), self._counts, strict=True):
            total += count
            shown = bound if isinstance(bound, str) else f"{bound:g}"
            yield f'{name}_bucket{{{labels},le="{shown}"}} {total}'
        yield f"{name}_sum{{{labels}}} {self._sum!r}"
        yield f"{name}_count{{{labels}}} {total}"


class _Series:
    """Requests of one model, protocol and status; the histogram is shared by all statuses."""

    __slots__ = ("count", "seconds")

    def __init__(self, seconds: Histogram) -> None:
        self.count = 0
        self.seconds = seconds


class ServingMetrics:
    """What this process has answered so far."""

    def __init__(self) -> None:
        self._series: dict[tuple[str, int, str, int], _Series] = {}
        self._seconds: dict[_Labels, Histogram] = {}
        self._rows: dict[tuple[str, int], int] = {}
        self._batch_requests: dict[tuple[str, int], Histogram] = {}
        self._batch_rows: dict[tuple[str, int], Histogram] = {}
        self._call_seconds: dict[tuple[str, int], Histogram] = {}
        self.restarts: RestartCount | None = None

    def count_request(
        self, model: LoadedModel | None, protocol: str, status: int, seconds: float
    ) -> None:
        """Counts an answered request.

        Args:
            model: The model that was asked; None where there is none of that name.
            protocol: Its protocol.
            status: HTTP status of the answer.
            seconds: From the end of its body to its answer.
        """
        name, version = (model.name, model.version) if model else ("", 0)
        series = self._series.get((name, version, protocol, status))
        if series is None:
            series = self._add_series(name, version, protocol, status)
        series.count += 1
        series.seconds.add(seconds)

    def count_batch(self, model: LoadedModel, requests: int, rows: int, seconds: float) -> None:
        """Counts a call of a model: `requests` of them merged, with so many rows."""
        key = (model.name, model.version)
        self._rows[key] = self._rows.get(key, 0) + rows
        self._batch_requests.setdefault(key, Histogram(_SIZES)).add(requests)
        self._batch_rows.setdefault(key, Histogram(_SIZES)).add(rows)
        self._call_seconds.setdefault(key, Histogram(_SECONDS)).add(seconds)

    def _add_series(self, name: str, version: int, protocol: str, status: int) -> "_Series":
        histogram = self._seconds.setdefault((name, version, protocol), Histogram(_SECONDS))
        series = self._series[name, version, protocol, status] = _Series(histogram)
        return series

    def render(self) -> bytes:
        """All of it in the Prometheus text format, version 0.0.4."""
        return ("\n".join(self._lines()) + "\n").encode()

    def _sorted_series(self) -> list[tuple[tuple[str, int, str, int], _Series]]:
        return sorted(self._series.items(), key=lambda item: item[0])

    def _lines(self) -> Iterator[str]:
        yield "# HELP mlserve_requests_total Requests for predictions that were answered."
        yield "# TYPE mlserve_requests_total counter"
        for (name, version, protocol, status), series in self._sorted_series():
            labels = _text(name, version, protocol)
            yield f'mlserve_requests_total{{{labels},status="{status}"}} {series.count}'
        yield "# HELP mlserve_request_seconds From the end of a request's body to its answer."
        yield "# TYPE mlserve_request_seconds histogram"
        for asked, histogram in sorted(self._seconds.items(), key=lambda item: item[0]):
            yield from histogram.lines("mlserve_request_seconds", _text(*asked))
        yield "# HELP mlserve_rows_total Rows that were scored."
        yield "# TYPE mlserve_rows_total counter"
        for key, rows in sorted(self._rows.items()):
            yield f"mlserve_rows_total{{{_text(*key)}}} {rows}"
        for name, described, by_model in (
            ("mlserve_batch_requests", "Requests scored in one call.", self._batch_requests),
            ("mlserve_batch_rows", "Rows scored in one call of the model.", self._batch_rows),
            ("mlserve_call_seconds", "Duration of one call of the model.", self._call_seconds),
        ):
            yield f"# HELP {name} {described}"
            yield f"# TYPE {name} histogram"
            for key, histogram in sorted(by_model.items(), key=lambda item: item[0]):
                yield from histogram.lines(name, _text(*key))
        if self.restarts is not None:
            yield "# HELP mlserve_worker_restarts_total Workers that died and were replaced."
            yield "# TYPE mlserve_worker_restarts_total counter"
            yield f"mlserve_worker_restarts_total {self.restarts.value}"


def _text(model: str, version: int, protocol: str | None = None) -> str:
    escaped = model.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    labels = f'model="{escaped}",version="{version}"'
    return labels if protocol is None else f'{labels},protocol="{protocol}"'
