"""What a server has counted, at several moments, and what happened between them."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from mlserve_cli.monitoring.histogram import Histogram


@dataclass(frozen=True, slots=True)
class ModelCounts:
    """What is known of a model, over all workers.

    Attributes:
        requests: Answered since the start.
        errors: Those that failed by the server's fault.
        latency: Durations of all of them.
        drifted: Whether its inputs drift; None where that is not watched.
        quality_drop: How much worse it is than when it was saved; None where that is not known.
    """

    requests: float = 0.0
    errors: float = 0.0
    latency: Histogram = field(default_factory=Histogram)
    drifted: bool | None = None
    quality_drop: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """All that is known at one moment.

    Attributes:
        seconds: When, by a clock that is never set.
        models: Counts by the names of the models that are served.
    """

    seconds: float
    models: Mapping[str, ModelCounts]


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to a model in a stretch of time.

    Attributes:
        seconds: How long it was.
        requests: Answered in it.
        errors: Those that failed by the server's fault.
        latency: Their durations.
    """

    seconds: float
    requests: float
    errors: float
    latency: Histogram


class Samples:
    """The samples that windows of some length need.

    Args:
        longest_seconds: The longest window.
    """

    def __init__(self, longest_seconds: float) -> None:
        self._longest_seconds = longest_seconds
        self._samples: deque[Sample] = deque()

    def add(self, sample: Sample) -> None:
        """Takes the newest sample, and forgets those that no window reaches any more."""
        self._samples.append(sample)
        start = sample.seconds - self._longest_seconds
        while len(self._samples) > 1 and self._samples[1].seconds <= start:
            self._samples.popleft()

    @property
    def models(self) -> tuple[str, ...]:
        """Names of the models that are served now."""
        return tuple(self._samples[-1].models) if self._samples else ()

    def now(self, model: str) -> ModelCounts:
        """What is known of a model that is served now."""
        return self._samples[-1].models[model]

    def over(self, window_seconds: float, model: str) -> Change:
        """What happened to a model in a window that ends now.

        It is shorter where the model was not served before, and longer by what lies between two
        samples.
        """
        newest, now = self._samples[-1], self.now(model)
        start = newest.seconds - window_seconds
        known = [sample for sample in self._samples if model in sample.models]
        first = next((sample for sample in reversed(known) if sample.seconds <= start), known[0])
        before = first.models[model]
        counts = zip(now.latency.counts, before.latency.counts, strict=True)
        return Change(
            newest.seconds - first.seconds,
            now.requests - before.requests,
            now.errors - before.errors,
            Histogram(
                now.latency.edges,
                (later - earlier for later, earlier in counts),
                now.latency.total - before.latency.total,
            ),
        )
