"""Rules: what must not happen to a model."""

from enum import StrEnum
from typing import Annotated

import msgspec


class Kind(StrEnum):
    """What a rule looks at."""

    ERROR_RATE = "error_rate"
    P99_LATENCY = "p99_latency"
    NO_TRAFFIC = "no_traffic"
    DRIFT = "drift"
    QUALITY_DROP = "quality_drop"


# Where a rule that compares a number does not say with which one: a share, seconds, and points of
# the model's quality.
_DEFAULT_LIMITS = {Kind.ERROR_RATE: 0.05, Kind.P99_LATENCY: 1.0, Kind.QUALITY_DROP: 0.05}


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When to alert; looked at for each model.

    Attributes:
        name: What the alert is called.
        kind: What is looked at.
        above: The alert is raised above this: a share of requests that fail, seconds, or how much
            quality was lost; None for the default, and for kinds that compare nothing.
        model: The only model that it is about; None for every one.
        window_seconds: How far back requests count.
        for_seconds: How long the rule must hold before the alert is raised.
        min_requests: With fewer in the window, error rate and latency say nothing.
        severity: Passed on to whoever is told.
    """

    name: str
    kind: Kind
    above: Annotated[float, msgspec.Meta(ge=0)] | None = None
    model: str | None = None
    window_seconds: Annotated[float, msgspec.Meta(ge=0.1, le=3600)] = 300.0
    for_seconds: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    min_requests: Annotated[int, msgspec.Meta(ge=1)] = 10
    severity: Annotated[str, msgspec.Meta(min_length=1)] = "warning"

    @property
    def limit(self) -> float:
        """What the measured value is compared with."""
        return _DEFAULT_LIMITS.get(self.kind, 0.0) if self.above is None else self.above

    @property
    def compares(self) -> bool:
        """Whether it takes a limit."""
        return self.kind in _DEFAULT_LIMITS
