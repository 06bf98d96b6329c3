"""A column asked everything: its checks before the rule, and its report after."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from mlserve_cli.drift.evaluation import categorical, numeric
from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair
from mlserve_cli.drift.evaluation.shares import (
    infinite_check,
    missing_check,
    new_categories_check,
    only_on_one_side,
    out_of_range,
    out_of_range_check,
)
from mlserve_cli.drift.evaluation.sides import categories_of, histogram_of, side_of
from mlserve_cli.drift.evaluation.words import direction_of_categories, direction_of_numbers
from mlserve_cli.drift.report import Check, ColumnReport, Kind, Verdict
from mlserve_cli.drift.statistics.kolmogorov_smirnov import smallest_detectable

if TYPE_CHECKING:
    from mlserve_cli.drift.counting.numbers import NumberCounts
    from mlserve_cli.drift.matching import Pair
    from mlserve_cli.drift.rule import Rule

# How many times the wanted effect the smallest detectable one may be.
_TOO_COARSE = 2.0


def checks_of(pair: NumberPair | CategoryPair, rule: "Rule") -> list[Check]:
    """Everything that is asked about a column, before it is known what is significant."""
    found: list[Check | None]
    if isinstance(pair, CategoryPair):
        found = [
            categorical.distribution_check(pair, rule),
            missing_check(pair, rule.min_share),
            new_categories_check(pair, rule.min_share),
        ]
    elif pair.kind is Kind.TIME:
        # Times move on by nature.
        found = [missing_check(pair, rule.min_share)]
    else:
        found = [
            numeric.distribution_check(pair, rule),
            missing_check(pair, rule.min_share),
            infinite_check(pair, rule.min_share),
            out_of_range_check(pair, rule.min_share),
        ]
    return [check for check in found if check is not None]


@dataclass(frozen=True, slots=True)
class Judged:
    """A column with its checks after the rule.

    Attributes:
        fields: Names and types on both sides.
        pair: Its counts.
        checks: Its checks, decided.
        level: Significance level that a single check has to reach by itself.
    """

    fields: "Pair"
    pair: NumberPair | CategoryPair
    checks: tuple[Check, ...]
    level: float

    def report(self, rule: "Rule") -> ColumnReport:
        """What is told about the column."""
        pair, checks = self.pair, list(self.checks)
        detectable = self._smallest_detectable()
        verdict = self._verdict(rule, detectable)
        deciding = _deciding(checks)
        first = deciding.measures[0] if deciding else None
        assert self.fields.reference is not None
        assert self.fields.current is not None
        report = ColumnReport(
            name=pair.name,
            kind=pair.kind,
            verdict=verdict,
            effect=first.value if first else None,
            effect_name=first.name if first else None,
            threshold=first.threshold if first else None,
            p_value=deciding.p_value if deciding else None,
            adjusted_p_value=deciding.adjusted_p_value if deciding else None,
            direction=self._direction(),
            smallest_detectable=detectable,
            checks=self.checks,
            reference=side_of(pair.reference, self.fields.reference.dtype, pair.kind),
            current=side_of(pair.current, self.fields.current.dtype, pair.kind),
            notes=tuple(self._notes()),
        )
        return _with_pictures(report, pair)

    def _smallest_detectable(self) -> float | None:
        rows = _values(self.pair)
        if not all(rows) or self.pair.kind is Kind.TIME:
            return None
        return smallest_detectable(*rows, self.level)

    def _verdict(self, rule: "Rule", detectable: float | None) -> Verdict:
        if any(check.drifted for check in self.checks):
            return Verdict.DRIFT
        if self.pair.kind is not Kind.TIME and self._too_few(rule, detectable):
            return Verdict.INSUFFICIENT_DATA
        if any(check.significant for check in self.checks):
            return Verdict.NEGLIGIBLE_SHIFT
        return Verdict.OK

    def _too_few(self, rule: "Rule", detectable: float | None) -> bool:
        rows = _values(self.pair)
        if not any(rows):
            # Nothing was there, and nothing is.
            return False
        wanted = rule.effect_of(self.pair.name)
        return detectable is None or 0 < _TOO_COARSE * wanted < detectable

    def _direction(self) -> str:
        significant = [check for check in self.checks if check.significant]
        if not significant:
            return ""
        if isinstance(self.pair, CategoryPair):
            return direction_of_categories(self.pair, significant)
        return direction_of_numbers(self.pair, out_of_range(self.pair), significant)

    def _notes(self) -> list[str]:
        pair, notes = self.pair, []
        if pair.kind is Kind.TIME:
            notes.append("Times are not compared, since they move on by nature.")
        sides = ((pair.reference, "reference"), (pair.current, "current data"))
        for counts, where in sides:
            if counts.rows and counts.missing == counts.rows:
                notes.append(f"Every value is missing in the {where}.")
        if isinstance(pair, CategoryPair):
            if not pair.table.labels:
                notes.append(
                    "It has too many different texts to count one by one; they were compared by "
                    "hash. It looks like an identifier."
                )
            return notes + self._constant_note(*pair.table.distinct)
        return notes + self._constant_note(_distinct(pair.reference), _distinct(pair.current))

    def _constant_note(self, before: int, after: int) -> list[str]:
        rows = _values(self.pair)
        if before > 1 and after == 1 < rows[1]:
            return ["The current data hold one value only."]
        if before == 1 < rows[0] and after > 1:
            return ["The reference holds one value only."]
        return []


def _values(pair: NumberPair | CategoryPair) -> tuple[int, int]:
    """Rows with a value that can be compared, on both sides."""
    if isinstance(pair, NumberPair):
        return pair.reference.finite, pair.current.finite
    return int(pair.table.reference.sum()), int(pair.table.current.sum())


def _distinct(counts: "NumberCounts") -> int:
    """0, 1, or 2 for several."""
    low, high = counts.minimum, counts.maximum
    return 0 if low > high else 1 if low == high else 2


def _deciding(checks: list[Check]) -> Check | None:
    """The check that stands for the column: what drifted, else the distribution."""
    drifted = [check for check in checks if check.drifted]
    if drifted:
        return min(drifted, key=lambda check: 1.0 if check.p_value is None else check.p_value)
    return checks[0] if checks else None


def _with_pictures(report: ColumnReport, pair: NumberPair | CategoryPair) -> ColumnReport:
    if isinstance(pair, NumberPair):
        return replace(report, histogram=histogram_of(pair), out_of_range=out_of_range(pair))
    new, _, _ = only_on_one_side(pair.table, current=True)
    gone, _, _ = only_on_one_side(pair.table, current=False)
    return replace(
        report,
        categories=categories_of(pair),
        new_categories=new,
        vanished_categories=gone,
    )
