"""Numbers and findings of a drift report in words, the same in every form of the report."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from mlserve_cli.drift.evaluation.shares import share
from mlserve_cli.drift.report import (
    CategoryShare,
    ColumnReport,
    DriftReport,
    Kind,
    Measure,
    Verdict,
)
from mlserve_cli.reports.legible import legible

_NAMES = {
    "ks": "KS",
    "psi": "PSI",
    "cvm": "Cramer-von Mises",
    "ad": "Anderson-Darling",
    "chi_squared": "chi-squared",
    "cramers_v": "Cramer's V",
    "jensen_shannon": "Jensen-Shannon",
    "hellinger": "Hellinger",
    "wasserstein": "Wasserstein",
    "share_bound": "at most",
}
# Checks of shares of rows. Two of them compare shares, the others only look at the current data.
_SHARES = {
    "missing": "change of missing",
    "infinite": "change of infinite",
    "out_of_range": "out of range",
    "new_categories": "new categories",
}
_CORRECTIONS = {"bh": "Benjamini-Hochberg", "bonferroni": "Bonferroni", "holm": "Holm"}
# Categories listed by name, and how much of their names is shown.
_LISTED = 3
_LABEL_CHARACTERS = 24
# Doubles below this are not told from 0.
_SMALLEST = 1e-300


def number(value: float | None) -> str:
    """A number with four digits, or with all before the point; empty for None."""
    if value is None:
        return ""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else f"{value:.4g}"


def probability(value: float | None) -> str:
    """A p-value; empty for None."""
    if value is None:
        return ""
    if value < _SMALLEST:
        return f"< {_SMALLEST:.0e}"
    return f"{value:.0e}" if value < 1e-4 else f"{value:.2g}"


def typeset(text: str) -> str:
    """The text with arrows and signs as print has them, and no line break before a percent sign."""
    return text.replace(" -> ", " → ").replace(" >= ", " ≥ ").replace(" %", "\N{NO-BREAK SPACE}%")


def value_of(kind: Kind, value: float | None) -> str:
    """A value of a column; times as dates in UTC."""
    if value is None or kind is not Kind.TIME:
        return number(value)
    try:
        moment = datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        # Before the year 1 or after 9999.
        return f"{value:.6g} s"
    at_midnight = (moment.hour, moment.minute, moment.second) == (0, 0, 0)
    return f"{moment:%Y-%m-%d}" if at_midnight else f"{moment:%Y-%m-%d %H:%M}"


def measure_name(name: str | None) -> str:
    """The name of a statistic as people write it; empty for None."""
    return "" if name is None else _NAMES.get(name, name.replace("_", " "))


def measure_value(name: str, value: float) -> str:
    """The value of a statistic, shares in percent."""
    if name.startswith("share"):
        return share(value)
    return f"{value:.1e}" if value >= 1e4 else f"{value:.3g}"


def against_threshold(measure: Measure) -> str:
    """Such as `0.258 >= 0.1`, or only the value where there is no threshold."""
    value = measure_value(measure.name, measure.value)
    if measure.threshold is None:
        return value
    sign = ">=" if measure.value >= measure.threshold else "<"
    return f"{value} {sign} {measure_value(measure.name, measure.threshold)}"


def check_name(name: str) -> str:
    """The name of a check as people write it."""
    return name.replace("_", " ")


def effect_name(column: ColumnReport) -> str:
    """What the deciding effect of a column measures; empty where nothing was compared."""
    for check in column.checks:
        first = check.measures[0]
        if (first.name, first.value) == (column.effect_name, column.effect):
            return _SHARES.get(check.name, measure_name(first.name))
    return measure_name(column.effect_name)


def effect_against_threshold(column: ColumnReport) -> str:
    """Such as `0.258 >= 0.1`; empty where nothing was compared."""
    if column.effect is None or column.effect_name is None:
        return ""
    return against_threshold(Measure(column.effect_name, column.effect, column.threshold))


def ratio(column: ColumnReport) -> float | None:
    """How many times its threshold the effect is; None where there is none."""
    if column.effect is None or column.threshold is None:
        return None
    return column.effect / max(column.threshold, _SMALLEST)


def remarks(column: ColumnReport) -> list[str]:
    """What is to be said about a column, as sentences, the most important first."""
    found = [column.direction, *_side_remarks(column), *_category_remarks(column), *column.notes]
    if column.verdict is Verdict.INSUFFICIENT_DATA and column.smallest_detectable is not None:
        found.append(f"so few rows hide effects below {column.smallest_detectable:.2g}")
    return [legible(f"{text[0].upper()}{text[1:].removesuffix('.')}.") for text in found if text]


def _side_remarks(column: ColumnReport) -> Iterator[str]:
    before, after = column.reference, column.current
    if before is None or after is None:
        return
    if before.dtype != after.dtype:
        yield f"type {before.dtype} -> {after.dtype}"
    if (before.missing or after.missing) and "missing" not in column.direction:
        yield f"missing {share(before.missing_share)} -> {share(after.missing_share)}"


def _category_remarks(column: ColumnReport) -> Iterator[str]:
    if column.new_categories and "new categor" not in column.direction:
        yield f"new: {_listed(column.new_categories)}"
    if column.vanished_categories:
        yield f"gone: {_listed(column.vanished_categories)}"


def _listed(categories: Sequence[CategoryShare]) -> str:
    shown = ", ".join(
        f"{category.label[:_LABEL_CHARACTERS]!r} {share(category.share)}"
        for category in categories[:_LISTED]
    )
    return shown + (", ..." if len(categories) > _LISTED else "")


def rule_in_words(report: DriftReport) -> str:
    """What counts as drift in this report, as one sentence."""
    rule = report.rule
    corrected = _CORRECTIONS.get(rule.correction)
    adjusted = f" after {corrected}'s correction" if corrected else ", without a correction"
    words = (
        f"A column has drifted where a check is significant at {rule.alpha:g}{adjusted} and its "
        f"effect reaches its threshold: {rule.min_effect:g} for distributions (method "
        f"{rule.method}; columns may have their own), {share(rule.min_share)} of rows for missing, "
        "infinite and out-of-range values and new categories."
    )
    if corrected and report.predictions:
        words += " Predictions are corrected apart from all other columns."
    if report.multivariate is not None or (report.performance and report.performance.target):
        words += " Drift of whole rows and worse predictions fail the check by themselves."
    return words


def tally(columns: Sequence[ColumnReport]) -> list[tuple[Verdict, int]]:
    """How many columns have each verdict, the worst first; without those that none has."""
    counts = [(verdict, sum(one.verdict is verdict for one in columns)) for verdict in Verdict]
    return [(verdict, count) for verdict, count in counts if count]


def tally_in_words(columns: Sequence[ColumnReport]) -> str:
    """Such as `12 drift, 968 ok`."""
    return ", ".join(f"{count:,} {verdict}" for verdict, count in tally(columns))
