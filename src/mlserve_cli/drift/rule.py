"""When a difference counts as drift."""

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Self

from mlserve_cli.drift.choices import Method
from mlserve_cli.drift.rule_summary import RuleSummary
from mlserve_cli.drift.statistics.correction import Correction
from mlserve_cli.errors import UsageError

__all__ = ["Method", "Rule"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Drift is what is significant and large enough to matter.

    Significance comes from tests in which both sides vary, adjusted for the number of tests; small
    samples are ruled by it. The effect does not depend on the number of rows; large samples, where
    everything is significant, are ruled by it.

    Attributes:
        alpha: Level of significance of the adjusted p-values, above 0 and below 1.
        method: How distributions are compared.
        correction: How p-values are adjusted for the number of tests.
        min_effect: Effect from which a distribution counts as drifted, from 0.
        min_share: Share of rows from which missing, infinite and out-of-range values and new
            categories count, from 0.
        thresholds: `min_effect` of single columns.
        max_drifted_share: Share of drifted columns that is still accepted, from 0 to 1.
        strict: Whether insufficient data and every difference of the columns count as drift.

    Raises:
        UsageError: A value is outside of its range.
    """

    alpha: float = 0.01
    method: Method = Method.AUTO
    correction: Correction = Correction.BH
    min_effect: float = 0.1
    min_share: float = 0.05
    thresholds: Mapping[str, float] = field(default_factory=dict)
    max_drifted_share: float = 0.0
    strict: bool = False

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise UsageError(f"alpha is {self.alpha}; it must be above 0 and below 1.")
        if not 0 <= self.max_drifted_share <= 1:
            raise UsageError(
                f"The accepted share of drifted columns is {self.max_drifted_share}; it must be "
                "from 0 to 1."
            )
        limits = {"min_effect": self.min_effect, "min_share": self.min_share}
        for name, value in {**limits, **self.thresholds}.items():
            if not 0 <= value < float("inf"):
                raise UsageError(f"The threshold of {name!r} is {value}; it must be 0 or more.")

    @classmethod
    def of_mapping(cls, values: Mapping[str, Any]) -> Self:
        """A rule whose parts have the names above, as a configuration file has them.

        Raises:
            UsageError: A name is unknown, or a value is of another type.
        """
        import msgspec

        known = [part.name for part in fields(cls)]
        for name in values:
            if name not in known:
                close = difflib.get_close_matches(str(name), known, n=1)
                hint = f"Did you mean {close[0]!r}?" if close else None
                raise UsageError(
                    f"A drift rule has no part {name!r}; it has {', '.join(known)}.", hint=hint
                )
        try:
            rule: Self = msgspec.convert(dict(values), cls)
        except msgspec.ValidationError as error:
            raise UsageError(f"The drift rule cannot be used: {error}.") from error
        return rule

    def effect_of(self, column: str) -> float:
        """The effect from which the distribution of a column counts as drifted."""
        return self.thresholds.get(column, self.min_effect)

    def summary(self) -> RuleSummary:
        """The rule as a report states it."""
        return RuleSummary(
            method=self.method.value,
            alpha=self.alpha,
            correction=self.correction.value,
            min_effect=self.min_effect,
            min_share=self.min_share,
            max_drifted_share=self.max_drifted_share,
            strict=self.strict,
        )
