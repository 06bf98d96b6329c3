"""The rule of a drift check as its report states it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RuleSummary:
    """The rule that decided.

    Attributes:
        method: How distributions were compared.
        alpha: Level of significance.
        correction: How p-values were adjusted for many checks.
        min_effect: Effect from which a distribution counts as drifted, where a column has no
            threshold of its own.
        min_share: Share of rows from which missing, infinite, out-of-range values and new
            categories count.
        max_drifted_share: Share of drifted columns that is still accepted.
        strict: Whether insufficient data and every schema difference count as drift.
    """

    method: str
    alpha: float
    correction: str
    min_effect: float
    min_share: float
    max_drifted_share: float
    strict: bool
