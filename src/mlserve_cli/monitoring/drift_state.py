"""What is known of the drift of a model, in a few words."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class DriftState:
    """The drift of a version of a model.

    Attributes:
        model: Name of the model.
        version: Its version.
        state: One of `drift.alarms.WatchState`.
        alarms: How many columns have an alarm.
        worst: The column that differs most; None where none was compared.
        effect: How much it differs, as an effect size.
        threshold: From which effect size on it counts as drifted.
        evaluated: When windows were compared last, in seconds since 1970; None for never.
    """

    model: str
    version: str
    state: str
    alarms: int = 0
    worst: str | None = None
    effect: float | None = None
    threshold: float | None = None
    evaluated: float | None = None
