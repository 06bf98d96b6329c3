"""Has the data changed? One call from two data sets to a report."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from mlserve_cli.drift.asked import Asked
from mlserve_cli.drift.beyond import Beyond, answer
from mlserve_cli.drift.comparison import Comparison, compare
from mlserve_cli.drift.counting.counters import count_reference
from mlserve_cli.drift.decision import (
    beyond_columns_fail,
    beyond_columns_summary,
    decide,
    fails,
    single_level,
    summary,
)
from mlserve_cli.drift.evaluation.columns import Judged, checks_of
from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair
from mlserve_cli.drift.matching import Pair
from mlserve_cli.drift.profile import Profile, profile_file
from mlserve_cli.drift.report import SCHEMA_VERSION, ColumnReport, DriftReport, Side, Verdict
from mlserve_cli.drift.rule import Rule
from mlserve_cli.drift.sources.interface import Field
from mlserve_cli.drift.sources.opening import open_data
from mlserve_cli.errors import UsageError


def drift_check(  # noqa: PLR0913 - a keyword for each question, as the command has an option
    reference: Any,
    current: Any,
    rule: Rule | None = None,
    *,
    columns: Sequence[str] | None = None,
    profile: str | Path | None = None,
    predictions: Sequence[str] = (),
    target: str | None = None,
    multivariate: bool = False,
    time: str | None = None,
    window: int | str | None = None,
) -> DriftReport:
    """Compares data with a reference, column by column, and beyond that where it is asked to.

    Memory does not grow with the rows of files.

    Args:
        reference: An array, a data frame, a mapping from names to arrays, or a path: of a file, a
            folder or a pattern of names; or a profile or its path.
        current: The same, apart from profiles.
        rule: When a difference counts as drift; None means the defaults.
        columns: Names of the columns to compare; None for all.
        profile: Where to write the reference's profile, which can take its place later.
        predictions: Columns that hold predictions or probabilities of classes. They are corrected
            for the number of tests among themselves and come first in the report. Probabilities
            also tell how good the predictions probably are.
        target: The column with the truth; where both sides have it, the quality of the predictions
            is compared, too.
        multivariate: Whether samples of whole rows are compared, too.
        time: A column of the current data with times, for windows.
        window: Rows of a window of the current data, or a span such as `1d`; each window is
            compared, too.

    Raises:
        UsageError: There is no such column, no such format, or a question does not fit the data.
        InputError: The data cannot be read or compared.
    """
    rule = rule or Rule()
    asked = Asked(predictions, target, multivariate, time, window)
    first = open_data(reference, "the reference")
    second = open_data(current, "the current data")
    if isinstance(second, Profile):
        raise UsageError(
            f"{second.name} is a profile; the current data are needed row by row.",
            hint="Name the profile first, and then the data.",
        )
    asked.check(first, second)
    wanted = asked.columns(columns, first, second)
    if profile is None:
        return report_of(compare(first, second, wanted), rule, asked)
    with profile_file(profile) as write:
        comparison = compare(first, second, wanted, reference_bins=True)
        write(comparison.profile())
    return report_of(comparison, rule, asked)


def profile_of(reference: Any, *, columns: Sequence[str] | None = None) -> Profile:
    """What is known about a reference without its rows, to compare with later.

    Args:
        reference: See `drift_check`.
        columns: Names of the columns to keep; None for all.

    Raises:
        UsageError: There is no such column, or no such format.
        InputError: The data cannot be read.
    """
    data = open_data(reference, "the reference")
    if isinstance(data, Profile):
        return data
    fields = list(enumerate(data.fields))
    if columns is not None:
        known = {field.name for field in data.fields}
        for name in columns:
            if name not in known:
                raise UsageError(f"{data.name} has no column {name!r}; it has {sorted(known)}.")
        fields = [(place, field) for place, field in fields if field.name in columns]
    pairs = [Pair(field.name, field, field, place, place) for place, field in fields]
    counts = count_reference(pairs, data, None)
    return Profile.of_counts(data.name, [field for _, field in fields], data.named, counts)


def report_of(
    comparison: Comparison,
    rule: Rule,
    asked: Asked | None = None,
    pause: Callable[[], None] = lambda: None,
) -> DriftReport:
    """What is told about two data sets that were counted.

    Args:
        comparison: Their counts.
        rule: When a difference counts as drift.
        asked: Questions beyond columns one by one; None for no more.
        pause: Called between short steps of work.

    Raises:
        UsageError: A threshold is given for a column that is not compared.
        InputError: The data cannot be read again.
    """
    asked = asked or Asked()
    pairs = comparison.columns()
    pause()
    _refuse_unused_thresholds(rule, comparison)
    reports = _judged(comparison, pairs, rule, set(asked.predictions), pause)
    reports += [_schema_problem(pair) for pair in comparison.pairs if not pair.comparable]
    reports.sort(key=lambda column: (column.name not in asked.predictions, *_worst_first(column)))
    beyond = answer(asked, comparison, pairs, rule)
    told = beyond_columns_summary(beyond.multivariate, beyond.performance)
    return DriftReport(
        schema_version=SCHEMA_VERSION,
        drifted=fails(reports, comparison.findings, rule)
        or beyond_columns_fail(beyond.multivariate, beyond.performance, rule),
        summary=" ".join(filter(None, [summary(reports, comparison.findings), told])),
        reference=comparison.first.name,
        current=comparison.second.name,
        reference_rows=max((counts.rows for counts in comparison.before), default=0),
        current_rows=max((counts.rows for counts in comparison.after), default=0),
        rule=rule.summary(),
        schema=tuple(comparison.findings),
        columns=tuple(reports),
        notes=tuple(dict.fromkeys(_notes(comparison, pairs, beyond))),
        predictions=tuple(name for name in (c.name for c in reports) if name in asked.predictions),
        performance=beyond.performance,
        multivariate=beyond.multivariate,
        course=beyond.course,
    )


def _judged(
    comparison: Comparison,
    pairs: Sequence[NumberPair | CategoryPair],
    rule: Rule,
    predictions: set[str],
    pause: Callable[[], None],
) -> list[ColumnReport]:
    """The columns after the rule; predictions are corrected apart from all others.

    So a few predictions, which sum up what matters, do not pay for a thousand features.
    """
    found = []
    for is_prediction in (True, False):
        places = [k for k, pair in enumerate(pairs) if (pair.name in predictions) is is_prediction]
        checks = [checks_of(pairs[place], rule) for place in places]
        pause()
        level = single_level(checks, rule)
        found += [
            Judged(comparison.compared[place], pairs[place], decided, level).report(rule)
            for place, decided in zip(places, decide(checks, rule), strict=True)
        ]
    return found


def _notes(
    comparison: Comparison, pairs: Sequence[NumberPair | CategoryPair], beyond: Beyond
) -> list[str]:
    notes = [*comparison.first.notes, *comparison.second.notes, *beyond.notes]
    found = [p.supremum for p in pairs if isinstance(p, NumberPair) and p.supremum is not None]
    error = max((distance.bound - distance.distance for distance in found), default=0.0)
    if error > 0:
        is_profile = isinstance(comparison.first, Profile)
        reason = "The reference is a profile" if is_profile else "Both are nearly the same"
        notes.append(f"{reason}: Kolmogorov-Smirnov distances are exact to {error:.1g}.")
    return notes


def _refuse_unused_thresholds(rule: Rule, comparison: Comparison) -> None:
    known = [pair.name for pair in comparison.pairs]
    for name in rule.thresholds:
        if name not in known:
            raise UsageError(
                f"A threshold is given for the column {name!r}, which is not compared.",
                hint=f"The columns are: {', '.join(known)}.",
            )


def _schema_problem(pair: Pair) -> ColumnReport:
    def side(field: Field | None) -> Side | None:
        return None if field is None else Side(field.dtype, rows=0, missing=0)

    return ColumnReport(
        name=pair.name,
        kind=pair.kind,
        verdict=Verdict.SCHEMA_PROBLEM,
        effect=None,
        effect_name=None,
        threshold=None,
        p_value=None,
        adjusted_p_value=None,
        direction="the column is gone" if pair.current is None else "values of another type",
        smallest_detectable=None,
        checks=(),
        reference=side(pair.reference),
        current=side(pair.current),
    )


def _worst_first(column: ColumnReport) -> tuple[float, float]:
    ratio = 0.0
    if column.effect is not None and column.threshold is not None:
        ratio = column.effect / max(column.threshold, 1e-300)
    return column.verdict.severity, -ratio
