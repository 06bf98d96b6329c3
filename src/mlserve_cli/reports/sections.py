"""What a drift check found beyond columns one by one, as tables that every form of report shows."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from mlserve_cli.drift.course.report import ColumnCourse, Course
from mlserve_cli.drift.predictions.report import Performance, PerformanceFigure
from mlserve_cli.drift.report import DriftReport
from mlserve_cli.drift.rows.report import RowsTest, WholeRows
from mlserve_cli.reports.wording import probability

_METRICS = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "f1_macro": "F1 (macro)",
    "roc_auc": "ROC AUC",
    "r2": "R2",
    "mae": "MAE",
}
_TESTS = {
    "domain_classifier": "domain classifier",
    "pca_reconstruction": "PCA reconstruction",
    "mmd": "maximum mean discrepancy",
}
_EFFECTS = {"auc": "AUC", "ks": "KS", "mmd": "MMD"}
# Columns of a course and changes of one column that are shown; --json has them all.
_SHOWN_COURSES = 20
_SHOWN_CHANGES = 3

# From a column's course to a small picture in characters.
Draw = Callable[[ColumnCourse], str]


@dataclass(frozen=True, slots=True)
class Section:
    """A table with a heading and remarks below.

    Attributes:
        title: What it is about, with its verdict.
        headings: Of the columns of the table.
        rows: Its cells as text; the first one of each names what the row is about.
        remarks: Sentences.
    """

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()


def performance_section(performance: Performance) -> Section:
    """How good the predictions are on both sides."""
    title = (
        "Quality of predictions, estimated"
        if performance.target is None
        else f"Quality of predictions, by {performance.target}"
    )
    rows = f"{performance.reference_rows:,} and {performance.current_rows:,} rows"
    return Section(
        f"{title}: {_performance_verdict(performance)}",
        (
            "metric",
            "verdict",
            "reference",
            "current",
            "difference",
            f"interval ({100 * performance.confidence:.4g} %)",
        ),
        tuple(_metric(figure, performance) for figure in performance.figures),
        tuple(filter(None, [performance.assumption, f"From {rows}."])),
    )


def _performance_verdict(performance: Performance) -> str:
    if performance.target is None:
        return "for information"
    return "worse" if performance.drifted else "no worse"


def _metric(figure: PerformanceFigure, performance: Performance) -> tuple[str, ...]:
    interval = ""
    if figure.low is not None and figure.high is not None:
        interval = f"{figure.low:+.4f} to {figure.high:+.4f}"
    verdict = "estimate" if performance.target is None else "worse" if figure.drifted else "ok"
    values = f"{figure.reference:.4f}", f"{figure.current:.4f}", f"{figure.difference:+.4f}"
    return (_METRICS.get(figure.name, figure.name), verdict, *values, interval)


def rows_section(rows: WholeRows) -> Section:
    """Whole rows compared."""
    verdict = "drift" if rows.drifted else "no drift" if rows.tests else "insufficient data"
    remarks = []
    if rows.separating:
        told = ", ".join(f"{one.name} ({one.importance:.2g})" for one in rows.separating)
        remarks.append(f"Told apart by {told}: what the AUC loses without the column.")
    remarks.append(
        f"From samples of {rows.reference_rows:,} and {rows.current_rows:,} rows, "
        f"{rows.columns:,} columns."
    )
    headings = ("test", "verdict", "effect", "against threshold", "adjusted p", "found")
    return Section(
        f"Whole rows: {verdict}", headings, tuple(map(_test, rows.tests)), tuple(remarks)
    )


def _test(test: RowsTest) -> tuple[str, ...]:
    against = f"{test.effect:.3g}"
    if test.threshold is not None:
        sign = ">=" if test.effect >= test.threshold else "<"
        against += f" {sign} {test.threshold:.3g}"
    return (
        _TESTS.get(test.name, test.name),
        "drift" if test.drifted else "ok",
        _EFFECTS.get(test.effect_name, test.effect_name),
        against,
        probability(test.adjusted_p_value),
        test.detail,
    )


def course_section(course: Course, draw: Draw) -> Section:
    """The current data window by window.

    Args:
        course: The windows.
        draw: Draws a column's course; its cells come third.
    """
    shown = course.columns[:_SHOWN_COURSES]
    return Section(
        course_title(course),
        ("column", "drifted windows", "course", "highest", "level changed"),
        tuple(
            (one.name, exceeded(one, course), draw(one), highest(one), changes(one))
            for one in shown
        ),
        tuple(_course_remarks(course, len(shown))),
    )


def course_title(course: Course) -> str:
    """Such as `Windows of 1d by when: 3 of 8 columns drifted in some`."""
    by = "" if course.time is None else f" by {course.time}"
    unit = " rows" if course.window.isdecimal() else ""
    drifted = sum(bool(one.exceeded) for one in course.columns)
    found = f"{drifted} of {len(course.columns)} columns drifted in some" if drifted else "no drift"
    return f"{len(course.windows)} windows of {course.window}{unit}{by}: {found}"


def _course_remarks(course: Course, shown: int) -> Iterator[str]:
    hidden = len(course.columns) - shown
    if hidden > 0:
        drifted = sum(bool(one.exceeded) for one in course.columns[shown:])
        yield f"... and {hidden:,} more columns, of which {drifted:,} drifted in some window."
    if course.windows:
        yield f"From {course.windows[0].label} to {course.windows[-1].label}; it does not decide."


def exceeded(column: ColumnCourse, course: Course) -> str:
    """How many windows drifted and which was the first, such as `3 of 21 from 2024-05-01`."""
    if not column.exceeded:
        return "none"
    first = course.windows[column.exceeded[0]].label
    return f"{len(column.exceeded)} of {len(course.windows)}, first {first}"


def highest(column: ColumnCourse) -> str:
    """The largest distance against the threshold of its window."""
    if not column.values:
        return ""
    pairs = zip(column.values, column.thresholds, strict=True)
    value, threshold = max(pairs, key=lambda pair: pair[0] / pair[1] if pair[1] else 0.0)
    return f"{value:.3g} {'>=' if value >= threshold else '<'} {threshold:.3g}"


def changes(column: ColumnCourse) -> str:
    """When the level changed, such as `2024-05-01: 0.01 -> 0.43`; empty where it did not."""
    texts = [
        f"{one.label}: {max(0.0, one.before):.2g} -> {max(0.0, one.after):.2g}"
        for one in column.changes[:_SHOWN_CHANGES]
    ]
    more = len(column.changes) - len(texts)
    return "; ".join(texts) + (f"; and {more} more" if more > 0 else "")


def sections(report: DriftReport, draw: Draw) -> list[Section]:
    """Everything beyond columns but the quality of predictions, which comes before the columns."""
    found = []
    if report.multivariate is not None:
        found.append(rows_section(report.multivariate))
    if report.course is not None:
        found.append(course_section(report.course, draw))
    return found
