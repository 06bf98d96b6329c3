"""One model watched: rows in, state and gauges out."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from tests.serving.conftest import FakePredictor

from mlserve_cli.drift.alarms import WatchState
from mlserve_cli.drift.budget import WatchOptions
from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.serving.drift_tap import Served
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.serving.model_drift import ModelDrift

OPTIONS = WatchOptions(rows=300)


class Watched:
    """A model of two numbers, its reference, and rows for it."""

    def __init__(self, fake: type[FakePredictor], reference: Callable[[], Path] | None) -> None:
        self.now = 0.0
        self.generator = np.random.default_rng(0)
        model = LoadedModel("m", 1, fake(), reference=reference)
        self.drift = ModelDrift(model, OPTIONS, self.now)

    def serve(self, windows: int, shift: float = 0.0, spread: float = 1.0) -> WatchState:
        for _ in range(windows):
            first, second = self.generator.normal(size=(2, OPTIONS.rows)) * spread
            self.add(first + shift, second)
        return self.drift.state

    def add(self, first: "np.ndarray[tuple[int], np.dtype[np.float64]]", second: object) -> None:
        columns = [first, np.asarray(second)]
        self.now += 5.0
        self.drift.add(Served(columns, [columns[0] + columns[1]]))
        self.drift.evaluate(self.now, lambda: None)


@pytest.fixture
def reference(tmp_path: Path) -> Callable[[], Path]:
    path = tmp_path / "reference.parquet"
    rows = np.random.default_rng(1).normal(size=(12_000, 2))
    # The names that a data frame makes up; the model has none and goes by position.
    pd.DataFrame(rows, columns=["0", "1"]).to_parquet(path)
    return lambda: path


def test_inputs_and_predictions_are_watched(
    fake: type[FakePredictor], reference: Callable[[], Path]
) -> None:
    watched = Watched(fake, reference)

    assert watched.serve(6) is WatchState.OK
    assert {report.name for report, _ in watched.drift.columns()} == {"x0", "x1", "prediction"}

    assert watched.serve(3, shift=1.5) is WatchState.ALARM
    states = {report.name: state for report, state in watched.drift.columns()}
    assert states == {
        "x0": WatchState.ALARM,
        "x1": WatchState.OK,
        "prediction": WatchState.ALARM,
    }
    assert watched.drift.since is not None
    assert watched.serve(6) is WatchState.OK
    assert watched.drift.since is None


def test_alarms_are_told_once_and_so_is_their_end(
    fake: type[FakePredictor],
    reference: Callable[[], Path],
    caplog: pytest.LogCaptureFixture,
) -> None:
    watched = Watched(fake, reference)
    caplog.set_level(logging.INFO, "mlserve")

    watched.serve(3, shift=1.5)
    watched.serve(6)

    said = [record.getMessage() for record in caplog.records]
    assert len(said) == 2
    assert said[0].startswith("drift in m, version 1: x0: median")
    assert said[1] == "no more drift in m, version 1: x0"
    assert [record.levelname for record in caplog.records] == ["WARNING", "INFO"]


def test_predictions_of_unusual_rows_do_not_become_the_measure(
    fake: type[FakePredictor], reference: Callable[[], Path]
) -> None:
    watched = Watched(fake, reference)

    # The same row again and again, as a load test sends it.
    watched.serve(8, spread=0.0)
    assert watched.drift.describe()["learns_outputs"] is True

    watched.serve(10)
    assert watched.drift.describe()["learns_outputs"] is False
    assert watched.drift.state is WatchState.OK


def test_a_large_request_is_taken_in_part(
    fake: type[FakePredictor], reference: Callable[[], Path]
) -> None:
    watched = Watched(fake, reference)
    rows = watched.generator.normal(size=(2, 100_000))

    watched.add(rows[0], rows[1])

    assert watched.drift.describe()["windows"] == 2
    assert watched.drift.state is WatchState.OK


def test_gauges_are_those_of_the_worst_columns(
    fake: type[FakePredictor], reference: Callable[[], Path]
) -> None:
    watched = Watched(fake, reference)
    watched.serve(3, shift=1.5)

    found = {(r.family.name, *r.labels): r.value for r in watched.drift.readings()}

    assert found["mlserve_drift_state", "m", "1", "x0"] == 2
    assert found["mlserve_drift_state", "m", "1", "x1"] == 0
    assert found["mlserve_drift_window_rows", "m", "1"] == OPTIONS.rows
    assert found["mlserve_drift_windows_total", "m", "1"] == 3
    assert found["mlserve_drift_alarms", "m", "1"] == 1
    worst = found["mlserve_drift_statistic", "m", "1", "x0"]
    assert found["mlserve_drift_worst_ratio", "m", "1"] == pytest.approx(worst / 0.1)


def test_a_reference_that_cannot_be_read_ends_the_watch_of_the_model(
    fake: type[FakePredictor], caplog: pytest.LogCaptureFixture
) -> None:
    def broken() -> Path:
        raise CorruptArtifactError("/secret/reference.parquet is not what was saved.")

    watched = Watched(fake, broken)

    assert watched.serve(3) is WatchState.FAILED
    assert "is not what was saved" in caplog.text
    assert "secret" not in str(watched.drift.describe())
    assert watched.drift.readings() == []


def test_without_a_reference_nothing_is_watched(fake: type[FakePredictor]) -> None:
    watched = Watched(fake, None)

    assert watched.serve(6) is WatchState.NO_REFERENCE
    assert watched.drift.describe()["columns"] == []
