"""How good predictions were, on a terminal."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mlserve_cli.reports.plain_table import plain_table
from mlserve_cli.signature import Task

if TYPE_CHECKING:
    from mlserve_cli.monitoring.quality_report import Figure, QualityReport

# Lines of classes and of times; --json has them all.
_SHOWN_CLASSES = 20
_SHOWN_PERIODS = 24
_HOUR = 3600


def quality_view(report: "QualityReport", max_drop: float | None = None) -> RenderableType:
    """Tables of figures, classes, calibration and time.

    Args:
        report: How good predictions were.
        max_drop: How far a figure may have fallen; None where that does not matter.
    """
    model = f"{report.model}/{report.version}, " if report.model else ""
    missing = f"; {report.unmatched:,} without a prediction" if report.unmatched else ""
    heading = f"{model}{report.task}, {report.rows:,} rows with a known truth{missing}"
    parts: list[RenderableType] = [Text(heading), "", _figures(report, max_drop)]
    if report.classes:
        parts += ["", _classes(report)]
    if report.calibration_error is not None:
        parts += ["", _calibration(report)]
    if len(report.periods) > 1:
        parts += ["", _periods(report)]
    return Group(*parts)


def _figures(report: "QualityReport", max_drop: float | None) -> Table:
    has_stored = any(figure.stored is not None for figure in report.figures)
    more = ("at save", "fell by") if has_stored else ()
    table = plain_table("metric", "value", "95 % interval", *more)
    for figure in report.figures:
        interval = f"{figure.low:.4g} to {figure.high:.4g}"
        cells: list[RenderableType] = [figure.name, f"{figure.value:.4g}", interval]
        if has_stored:
            cells += [
                "" if figure.stored is None else f"{figure.stored:.4g}",
                _drop(figure, max_drop),
            ]
        table.add_row(*cells)
    return table


def _drop(figure: "Figure", max_drop: float | None) -> Text:
    if figure.drop is None:
        return Text("")
    is_far = max_drop is not None and figure.drop > max_drop
    return Text(f"{figure.drop:+.4f}", "bold red" if is_far else "")


def _classes(report: "QualityReport") -> Table:
    table = plain_table("class", "rows", "precision", "recall", "f1")
    by_rows = sorted(report.classes, key=lambda one: -one.rows)
    for one in by_rows[:_SHOWN_CLASSES]:
        figures = (one.precision, one.recall, one.f1)
        table.add_row(one.label, f"{one.rows:,}", *(f"{value:.4f}" for value in figures))
    hidden = len(by_rows) - _SHOWN_CLASSES
    if hidden > 0:
        table.add_row(Text(f"and {hidden} more", "dim"))
    return table


def _calibration(report: "QualityReport") -> RenderableType:
    table = plain_table("probability of the prediction", "rows", "mean", "right")
    for one in report.calibration:
        bounds = f"{one.low:.1f} to {one.high:.1f}"
        table.add_row(bounds, f"{one.rows:,}", f"{one.probability:.3f}", f"{one.accuracy:.3f}")
    error = Text(f"calibration error {report.calibration_error:.4f}")
    return Group(table, error)


def _periods(report: "QualityReport") -> Table:
    shown = report.periods[-_SHOWN_PERIODS:]
    wanted = (
        ("accuracy", "balanced_accuracy", "f1_macro", "log_loss")
        if report.task is Task.CLASSIFICATION
        else ("r2", "mae", "rmse")
    )
    names = [name for name in wanted if any(name in period.figures for period in shown)]
    is_hourly = any(period.time % (24 * _HOUR) for period in report.periods)
    style = "%Y-%m-%d %H:00" if is_hourly else "%Y-%m-%d"
    table = plain_table("time (UTC)", "rows", *names)
    for period in shown:
        figures = [period.figures.get(name) for name in names]
        table.add_row(
            datetime.fromtimestamp(period.time, UTC).strftime(style),
            f"{period.rows:,}",
            *("" if value is None else f"{value:.4g}" for value in figures),
        )
    return table
