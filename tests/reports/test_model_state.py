"""Drift and quality beside the figures of traffic."""

from rich.console import Console, RenderableType

from mlserve_cli.monitoring.drift_state import DriftState
from mlserve_cli.monitoring.feedback.realised import RealisedQuality
from mlserve_cli.reports.model_state import drift_table, quality_table


def shown(table: RenderableType) -> list[list[str]]:
    console = Console(width=80, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(table)
    return [line.split() for line in capture.get().splitlines()]


def test_the_worst_column_stands_beside_the_state() -> None:
    moved = DriftState("m", "2", "alarm", 3, "[age]", 0.51234, 0.1, 1.7e9)
    _, first, second = shown(drift_table([moved, DriftState("n", "1", "no reference")]))
    assert first[:5] == ["m/2", "alarm", "[age]", "0.5123", "0.1"]
    assert first[5].startswith("2023-11-1")
    assert second == ["n/1", "no", "reference", "-", "-", "-", "-"]


def test_figures_stand_beside_those_at_save() -> None:
    quality = RealisedQuality(
        "m", "2", 1000, 1.7e9, {"mae": 2.0, "r2": 0.5}, {"r2": 0.75}, {"r2": 0.25}
    )
    assert shown(quality_table([quality]))[1:] == [
        ["m/2", "1,000", "r2", "0.5", "0.75", "0.2500"],
        ["mae", "2", "-", "-"],
    ]
