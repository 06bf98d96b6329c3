"""Answers to what is asked beyond columns one by one."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlserve_cli.drift.course.report import Course
from mlserve_cli.drift.predictions.report import Performance
from mlserve_cli.drift.profile import Profile
from mlserve_cli.drift.rows.report import WholeRows
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.drift.asked import Asked
    from mlserve_cli.drift.comparison import Comparison
    from mlserve_cli.drift.evaluation.pair import CategoryPair, NumberPair
    from mlserve_cli.drift.rule import Rule


@dataclass(frozen=True, slots=True)
class Beyond:
    """What was found, each None where nobody asked or nothing can be told.

    Attributes:
        performance: How good predictions are.
        multivariate: Whole rows compared.
        course: The current data in windows.
        notes: Remarks, one sentence each.
    """

    performance: Performance | None
    multivariate: WholeRows | None
    course: Course | None
    notes: tuple[str, ...]


def answer(
    asked: "Asked",
    comparison: "Comparison",
    pairs: "Sequence[NumberPair | CategoryPair]",
    rule: "Rule",
) -> Beyond:
    """Answers each question.

    Args:
        asked: The questions, which fit the data.
        comparison: Both sides.
        pairs: The compared columns, counted.
        rule: When a difference counts.

    Raises:
        UsageError: A question does not fit the data after all.
        InputError: The data cannot be read or compared.
    """
    performance, notes = _performance(asked, comparison, rule) if asked.predictions else (None, [])
    rows = None
    if asked.multivariate:
        from mlserve_cli.drift.rows.check import FEWEST_ROWS, compare_rows

        assert not isinstance(comparison.first, Profile)
        # Times move on by nature, also where they are written as text.
        columns = [pair for pair in comparison.compared if pair.name != asked.time]
        rows = compare_rows(comparison.first, comparison.second, columns, rule)
        if not rows.tests:
            notes.append(
                f"Whole rows are compared from {FEWEST_ROWS} rows on each side; there are "
                f"{rows.reference_rows} and {rows.current_rows}."
            )
    course = _course(asked, comparison, pairs, rule)
    if course is not None and course.rows_without_time:
        notes.append(f"{course.rows_without_time:,} rows have no time and are in no window.")
    return Beyond(performance, rows, course, tuple(notes))


def _performance(
    asked: "Asked", comparison: "Comparison", rule: "Rule"
) -> tuple[Performance | None, list[str]]:
    from mlserve_cli.drift.predictions.columns import PredictionColumns

    columns = PredictionColumns.of(
        [pair for pair in comparison.compared if pair.name in asked.predictions]
    )
    if isinstance(comparison.first, Profile):
        return None, []
    sides = comparison.first, comparison.second
    target = asked.target_pair(*sides)
    if target is not None:
        from mlserve_cli.drift.predictions.truth import measure_performance

        return measure_performance(sides, target, columns, rule), []
    notes = []
    if asked.target is not None:
        notes.append(f"{comparison.second.name} has no column {asked.target!r} with the truth.")
    if not columns.probabilities:
        return None, notes
    from mlserve_cli.drift.predictions.estimate import estimated_performance

    try:
        return estimated_performance(sides, columns, rule), notes
    except InputError as error:
        # Nobody asked for it: what was asked for is still worth telling.
        return None, [*notes, f"No quality is estimated. {error.message}"]


def _course(
    asked: "Asked",
    comparison: "Comparison",
    pairs: "Sequence[NumberPair | CategoryPair]",
    rule: "Rule",
) -> Course | None:
    if asked.window is None:
        return None
    from mlserve_cli.drift.course.follow import follow

    places = [pair.current_position for pair in comparison.compared]
    columns = list(zip(pairs, places, strict=True))
    return follow(comparison.second, columns, rule, time=asked.time, window=asked.window)
