"""How good predictions were, on a terminal of the usual width."""

import numpy as np
from rich.console import Console

from mlserve_cli.monitoring.judged import Judged
from mlserve_cli.monitoring.quality_report import quality_report
from mlserve_cli.reports.quality import quality_view
from mlserve_cli.signature import Task

NOON = 1_700_006_400.0


def shown(judged: Judged, max_drop: float | None = None) -> str:
    console = Console(width=80, markup=False, highlight=False)
    with console.capture() as capture:
        console.print(quality_view(quality_report(judged), max_drop))
    return capture.get()


def test_a_classification_shows_figures_classes_calibration_and_time() -> None:
    truth = ["[red]", "blue"] * 10
    probabilities = np.tile([0.875, 0.125], (20, 1))
    times = np.arange(NOON, NOON + 20_000, 1000.0)
    judged = Judged(
        Task.CLASSIFICATION,
        truth,
        ["[red]"] * 20,
        probabilities,
        ("[red]", "blue"),
        times,
        model="colours",
        version=3,
        stored={"accuracy": 0.75, "log_loss": 0.5},
        unmatched=4,
    )
    text = shown(judged, 0.1)
    assert "…" not in text
    assert "colours/3, classification, 20 rows with a known truth; 4 without a pred" in text
    assert "0.75  +0.2500" in text
    assert "[red]  " in text
    assert "0.8 to 0.9" in text
    assert "calibration error 0.3750" in text
    assert "2023-11-15 05:00" in text


def test_a_regression_has_no_classes() -> None:
    text = shown(Judged(Task.REGRESSION, [1.0, 2.0, 3.0], [1.0, 2.0, 4.0]))
    assert text.startswith("regression, 3 rows with a known truth\n")
    assert "rmse" in text
    assert "at save" not in text
    assert "precision" not in text


def test_only_the_largest_of_many_classes_are_shown() -> None:
    labels = [f"c{k}" for k in range(30) for _ in range(k + 1)]
    text = shown(Judged(Task.CLASSIFICATION, labels, labels))
    assert "and 10 more" in text
    assert "c29 " in text
    assert "c9 " not in text
