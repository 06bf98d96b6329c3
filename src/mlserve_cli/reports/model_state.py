"""What is known of served models beside their traffic: drift and realised quality."""

from datetime import datetime
from typing import TYPE_CHECKING

from rich.console import RenderableType
from rich.text import Text

from mlserve_cli.reports.plain_table import plain_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.monitoring.drift_state import DriftState
    from mlserve_cli.monitoring.feedback.realised import RealisedQuality

_STYLES = {"ok": "green", "suspected": "yellow", "alarm": "bold red", "failed": "red"}
# Metrics in the order in which they are shown.
_SCORES = ("accuracy", "balanced_accuracy", "f1_macro", "roc_auc", "r2")
_METRICS = (*_SCORES, "log_loss", "brier", "mae", "rmse")


def drift_table(states: "Sequence[DriftState]") -> RenderableType:
    """A table of models: what is known of their drift, and the column that differs most."""
    table = plain_table("drift", "state", "worst column", "effect", "threshold", "evaluated")
    # Names may be long.
    table.columns[2].overflow, table.columns[2].no_wrap = "fold", False
    for state in states:
        table.add_row(
            f"{state.model}/{state.version}",
            Text(state.state, _STYLES.get(state.state, "dim")),
            Text(state.worst or "-"),
            _number(state.effect),
            _number(state.threshold),
            "-" if state.evaluated is None else _moment(state.evaluated),
        )
    return table


def quality_table(qualities: "Sequence[RealisedQuality]") -> RenderableType:
    """A table of models and metrics: how good predictions were, and how good at save."""
    table = plain_table("quality", "labels", "metric", "value", "at save", "fell by")
    for quality in qualities:
        name, labels = f"{quality.model}/{quality.version}", f"{quality.labels:,}"
        for metric in _METRICS:
            if metric in quality.figures:
                table.add_row(
                    name,
                    labels,
                    metric,
                    _number(quality.figures[metric]),
                    _number(quality.stored.get(metric)),
                    _drop(quality.drops.get(metric)),
                )
                name = labels = ""
    return table


def _drop(drop: float | None) -> Text:
    if drop is None:
        return Text("-")
    return Text(f"{drop:.4f}", "red" if drop > 0 else "green")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.4g}"


def _moment(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds).astimezone():%Y-%m-%d %H:%M:%S}"
