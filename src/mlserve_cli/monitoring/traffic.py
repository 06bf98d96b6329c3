"""What was asked and answered in some time, as numbers that add up."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from mlserve_cli.monitoring.histogram import Histogram

MINUTE = 60


class Subject(NamedTuple):
    """Who answered: a version of a model.

    Attributes:
        model: Its name; empty for requests that no model answered.
        version: Its version as a text.
    """

    model: str
    version: str


@dataclass(slots=True)
class Traffic:
    """What was asked and answered in some time.

    Attributes:
        requests: How many were answered.
        rows: How many rows were scored.
        client_errors: How many requests were refused (status 4xx).
        server_errors: How many failed by the server's fault (status 5xx).
        seconds: Sum of their durations.
        buckets: How many durations fell into which bucket of `histogram.FINE_SECONDS`.
    """

    requests: int = 0
    rows: int = 0
    client_errors: int = 0
    server_errors: int = 0
    seconds: float = 0.0
    buckets: dict[int, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Requests that were not answered well."""
        return self.client_errors + self.server_errors

    @property
    def latency(self) -> Histogram:
        """The durations."""
        histogram = Histogram(total=self.seconds)
        for bucket, count in self.buckets.items():
            histogram.counts[bucket] = count
        return histogram

    def add(self, other: "Traffic", sign: int = 1) -> None:
        """Adds other traffic, or with -1 takes it off again."""
        self.requests += sign * other.requests
        self.rows += sign * other.rows
        self.client_errors += sign * other.client_errors
        self.server_errors += sign * other.server_errors
        self.seconds += sign * other.seconds
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + sign * count
            if not self.buckets[bucket]:
                del self.buckets[bucket]

    def copy(self) -> "Traffic":
        """The same, to be changed."""
        found = Traffic()
        found.add(self)
        return found


class Minute(NamedTuple):
    """What one version of a model did in a minute.

    Attributes:
        start: When it began, in seconds since 1970.
        subject: The model and its version.
        traffic: What it did.
    """

    start: int
    subject: Subject
    traffic: Traffic


Totals = Mapping[Subject, Traffic]


def together(traffics: Iterable[Traffic]) -> Traffic:
    """All of it in one."""
    found = Traffic()
    for traffic in traffics:
        found.add(traffic)
    return found
