"""What models have done, in figures."""

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.drift_state import DriftState
from mlserve_cli.monitoring.feedback.realised import RealisedQuality, realised_quality
from mlserve_cli.monitoring.history import read_drift, read_history
from mlserve_cli.monitoring.traffic import MINUTE, Minute, Subject, Traffic, together


@dataclass(frozen=True, slots=True)
class ModelTraffic:
    """What a version of a model, or all of them, did.

    Durations are in seconds, from the end of a request to its answer; percentiles, minimum and
    maximum are off by at most 1 %. They are None without a request.

    Attributes:
        model: Its name; empty for requests that no model answered, and for the total.
        version: Its version.
        requests: How many were answered.
        rows: How many rows were scored.
        errors: How many requests were not answered well.
        client_errors: Of these by the client's fault (status 4xx).
        server_errors: Of these by the server's fault (status 5xx).
        requests_per_second: Over the time that the summary is about.
        rows_per_second: Over the same time.
        average_seconds: Mean duration.
        min_seconds: Shortest duration.
        p50_seconds: Median duration.
        p95_seconds: 95th percentile.
        p99_seconds: 99th percentile.
        p999_seconds: 99.9th percentile.
        max_seconds: Longest duration.
    """

    model: str
    version: str
    requests: int
    rows: int
    errors: int
    client_errors: int
    server_errors: int
    requests_per_second: float
    rows_per_second: float
    average_seconds: float | None
    min_seconds: float | None
    p50_seconds: float | None
    p95_seconds: float | None
    p99_seconds: float | None
    p999_seconds: float | None
    max_seconds: float | None


@dataclass(frozen=True, slots=True)
class Point:
    """What all models did in one minute.

    Attributes:
        time: When it began, in seconds since 1970.
        requests: How many were answered.
        rows: How many rows were scored.
        errors: How many requests were not answered well.
        average_seconds: Mean duration; None without a request.
        p99_seconds: 99th percentile of the durations; None without a request.
    """

    time: int
    requests: int
    rows: int
    errors: int
    average_seconds: float | None
    p99_seconds: float | None


@dataclass(frozen=True, slots=True)
class LatestLatency:
    """How long the latest recorded rows took, in seconds, exactly.

    Attributes:
        rows: How many were looked at.
        since: When the first of them was answered, in seconds since 1970.
        average_seconds: Mean of the durations of their requests.
        min_seconds: Shortest.
        p50_seconds: Median.
        p95_seconds: 95th percentile.
        p99_seconds: 99th percentile.
        max_seconds: Longest.
    """

    rows: int
    since: float
    average_seconds: float
    min_seconds: float
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    max_seconds: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a server did.

    Attributes:
        source: Address of the server, or folder of the history.
        since: When the time that it is about began, in seconds since 1970.
        until: When it ended.
        total: All models together.
        models: Each version of each model.
        minutes: Every minute in which something was answered.
        window: Of the latest recorded rows, where it was asked for.
        drift: What is known of the drift of each version of each model.
        quality: How good the latest predictions with a label were, likewise.
    """

    source: str
    since: float
    until: float
    total: ModelTraffic
    models: tuple[ModelTraffic, ...]
    minutes: tuple[Point, ...]
    window: LatestLatency | None = None
    drift: tuple[DriftState, ...] = ()
    quality: tuple[RealisedQuality, ...] = ()


@dataclass(frozen=True, slots=True)
class Observation:
    """What is known of a server.

    Attributes:
        source: Address of the server, or folder of the history.
        started: When it began to count, in seconds since 1970.
        until: When it was asked.
        totals: All that it counted.
        minutes: What it did minute by minute, as far back as it was asked for.
        drift: What is known of the drift of its models.
        quality: How good the latest predictions with a label were.
    """

    source: str
    started: float
    until: float
    totals: Mapping[Subject, Traffic]
    minutes: Sequence[Minute]
    drift: Sequence[DriftState] = ()
    quality: Sequence[RealisedQuality] = ()


def observe_history(folder: str | Path, since: float = 0.0) -> Observation:
    """What is stored of servers.

    Args:
        folder: Of their records.
        since: Leaves out what was before, in seconds since 1970.

    Raises:
        InputError: There is no history, or it cannot be read.
    """
    minutes = read_history(folder, since)
    now = time.time()
    until = min(now, minutes[-1].start + MINUTE) if minutes else now
    started = max(since, minutes[0].start) if minutes else now
    drift, quality = read_drift(folder), realised_quality(folder)
    return Observation(str(folder), started, until, _totals(minutes), minutes, drift, quality)


def summarize(observation: Observation, model: str | None = None) -> Summary:
    """What was observed, in figures.

    Args:
        observation: What is known of a server.
        model: NAME or NAME/VERSION of a model; None for all.

    Raises:
        InputError: Nothing is known of that model.
    """
    name, _, version = (model or "").partition("/")

    def is_wanted(subject: Subject) -> bool:
        return not name or (subject.model == name and version in {"", subject.version})

    totals = {s: traffic for s, traffic in sorted(observation.totals.items()) if is_wanted(s)}
    if name and not totals:
        known = ", ".join(sorted({subject.model for subject in observation.totals} - {""}))
        raise InputError(
            f"{observation.source} knows nothing of the model {model}; it knows: {known or 'none'}."
        )
    span = max(1.0, observation.until - observation.started)
    found: dict[int, list[Traffic]] = {}
    for minute in observation.minutes:
        if is_wanted(minute.subject):
            found.setdefault(minute.start, []).append(minute.traffic)
    return Summary(
        observation.source,
        observation.started,
        observation.until,
        _figures(Subject(name, version), together(totals.values()), span),
        tuple(_figures(subject, traffic, span) for subject, traffic in totals.items()),
        tuple(_point(start, together(parts)) for start, parts in sorted(found.items())),
        drift=tuple(s for s in observation.drift if is_wanted(Subject(s.model, s.version))),
        quality=tuple(q for q in observation.quality if is_wanted(Subject(q.model, q.version))),
    )


def _totals(minutes: Iterable[Minute]) -> dict[Subject, Traffic]:
    totals: dict[Subject, Traffic] = {}
    for minute in minutes:
        totals.setdefault(minute.subject, Traffic()).add(minute.traffic)
    return totals


def since_minutes(observation: Observation, since: float) -> Observation:
    """The same, without what was before a time; to the minute.

    Args:
        observation: With minutes that reach back that far.
        since: In seconds since 1970.
    """
    minutes = [minute for minute in observation.minutes if minute.start + MINUTE > since]
    first = min((minute.start for minute in minutes), default=since)
    if first <= observation.started < first + MINUTE:
        first = observation.started
    started = min(max(since, first), observation.until)
    return replace(observation, started=started, totals=_totals(minutes), minutes=minutes)


def _figures(subject: Subject, traffic: Traffic, span: float) -> ModelTraffic:
    latency = traffic.latency
    shares = (0.0, 0.5, 0.95, 0.99, 0.999, 1.0)
    has_any = latency.count > 0
    quantiles = [latency.quantile(share) if has_any else None for share in shares]
    return ModelTraffic(
        subject.model,
        subject.version,
        traffic.requests,
        traffic.rows,
        traffic.errors,
        traffic.client_errors,
        traffic.server_errors,
        traffic.requests / span,
        traffic.rows / span,
        latency.mean if has_any else None,
        *quantiles,
    )


def _point(start: int, traffic: Traffic) -> Point:
    latency = traffic.latency
    has_any = latency.count > 0
    return Point(
        start,
        traffic.requests,
        traffic.rows,
        traffic.errors,
        latency.mean if has_any else None,
        latency.quantile(0.99) if has_any else None,
    )
