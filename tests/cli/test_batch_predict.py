"""What `mlserve batch-predict` makes of its options and of what is known of the model."""

from pathlib import Path

import joblib
import numpy as np
import pytest
from sklearn.linear_model import LinearRegression
from typer.testing import CliRunner

from mlserve_cli import batch
from mlserve_cli.batch import BatchOptions, BatchReport, threads
from mlserve_cli.cli.app import app
from mlserve_cli.serialization import engine_choice
from mlserve_cli.serialization.engine_choice import FastestCall

_COMMAND = ["batch-predict", "in.csv", "out.csv", "-m", "model.joblib"]


@pytest.fixture
def options(in_tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[BatchOptions]:
    """The options of the jobs that were run."""
    # The command sets it for its own process, which is that of other tests here.
    monkeypatch.setenv("ARROW_DEFAULT_MEMORY_POOL", "system")
    joblib.dump(LinearRegression().fit(np.eye(2), [0.0, 1.0]), "model.joblib")
    Path("in.csv").write_text("a,b\n1,2\n")
    noted: list[BatchOptions] = []
    predict = batch.predict_file

    def note(
        source: str, destination: str, model: object, how: BatchOptions, **more: object
    ) -> BatchReport:
        noted.append(how)
        return predict(source, destination, model, how, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(batch, "predict_file", note)
    return noted


def run(*more: str) -> str:
    finished = CliRunner().invoke(app, [*_COMMAND, *more])
    assert finished.exit_code == 0, finished.stderr
    return finished.stderr


def measured(monkeypatch: pytest.MonkeyPatch, call: FastestCall | None) -> None:
    monkeypatch.setattr(engine_choice, "fastest_call", lambda *_: call)


def test_calls_have_the_rows_that_were_measured_to_be_fastest_unless_asked_otherwise(
    options: list[BatchOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(monkeypatch, FastestCall(7, 1e-6))
    assert "Scored with sklearn, 7 rows a call: " in run()
    assert "Scored with sklearn, 3 rows a call: " in run("--batch-rows", "3")
    measured(monkeypatch, FastestCall(None, 1e-6))
    assert "Scored with sklearn: " in run()
    measured(monkeypatch, None)
    assert "Scored with sklearn: " in run()
    assert [how.batch_rows for how in options] == [7, 3, None, None]


def test_forks_are_for_models_that_take_less_time_than_reading(
    options: list[BatchOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    for call in (None, FastestCall(None, 1e-7), FastestCall(None, 1e-5)):
        measured(monkeypatch, call)
        run()
    assert [how.forks for how in options] == [True, True, False]


def test_slow_models_have_large_blocks_and_fast_ones_copies_of_the_process(
    options: list[BatchOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for rows, seconds in ((None, 1e-7), (None, 1e-5), (1000, 1e-5), (None, 1e-3)):
        measured(monkeypatch, FastestCall(rows, seconds))
        run()
        found.append((options[-1].block_bytes / 2**20, options[-1].forks))
    assert found == [(1, True), (1.5, False), (1, False), (1, False)]
    measured(monkeypatch, None)
    run()
    assert (options[-1].block_bytes / 2**20, options[-1].forks) == (1, True)


def test_blocks_are_scored_by_as_many_as_there_are_processors_unless_asked_otherwise(
    options: list[BatchOptions], monkeypatch: pytest.MonkeyPatch
) -> None:
    for processors in (1, 3, 64):
        monkeypatch.setattr(threads, "usable_processors", lambda found=processors: found)
        run()
    run("--threads", "7")
    assert [how.threads for how in options] == [1, 3, 4, 7]


def test_threads_are_none_of_a_cluster(in_tmp_path: Path) -> None:
    finished = CliRunner().invoke(app, [*_COMMAND, "--threads", "2", "--dask", "local"])
    assert finished.exit_code == 2
    assert "--threads is for this machine" in str(finished.exception) + finished.stderr
