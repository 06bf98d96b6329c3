"""The commands as their users meet them: real processes in an empty directory."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pexpect
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer

IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def iris(tmp_path: Path) -> Any:
    """A classifier in model.joblib and its data with labels in iris.csv."""
    names = np.array(["setosa", "versicolor", "virginica"])[SPECIES]
    model = LogisticRegression(max_iter=500).fit(IRIS, names)
    joblib.dump(model, tmp_path / "model.joblib")
    IRIS.assign(species=names).to_csv(tmp_path / "iris.csv", index=False)
    return model


def read_rows(path: Path) -> Any:
    return list(csv.DictReader(path.read_text().splitlines()))


def test_from_a_model_file_to_scored_rows(mlserve: Any, iris: Any, tmp_path: Path) -> None:
    options = ["--name", "iris", "--data", "iris.csv", "--target", "species"]
    saved = mlserve("save", "model.joblib", *options)
    assert saved.exit_code == 0, saved.stderr
    assert "Saved iris version 1 in models/iris/1" in saved.stdout
    assert "same predictions on 150 rows" in saved.stdout
    assert "accuracy 0.97" in saved.stdout
    scored = mlserve("batch-predict", "iris.csv", "out.csv", "--output", "both")
    assert scored.exit_code == 0, scored.stderr
    assert scored.stdout == ""
    assert "150 rows in" in scored.stderr
    rows = read_rows(tmp_path / "out.csv")
    assert [row["prediction"] for row in rows] == iris.predict(IRIS).tolist()
    expected = iris.predict_proba(IRIS)[:, 2]
    assert [float(row["probability_virginica"]) for row in rows] == expected.tolist()


def test_results_can_be_had_as_json(mlserve: Any, iris: Any) -> None:
    saved = json.loads(mlserve("save", "model.joblib", "--data", "iris.csv", "--json").stdout)
    assert (saved["name"], saved["version"], saved["path"]) == ("model", 1, "models/model/1")
    inspected = json.loads(mlserve("inspect", "model", "--json").stdout)
    assert inspected["manifest"]["signature"]["classes"] == ["setosa", "versicolor", "virginica"]
    (listed,) = json.loads(mlserve("inspect", "--json").stdout)
    assert (listed["name"], listed["versions"]) == ("model", [1])
    scored = json.loads(mlserve("batch-predict", "iris.csv", "out.csv", "--json").stdout)
    assert scored["rows"] == 150
    assert scored["rows_per_second"] > 0


def test_inspect_shows_a_saved_model(mlserve: Any, iris: Any) -> None:
    mlserve("save", "model.joblib", "--data", "iris.csv", "--tag", "owner=me")
    shown = mlserve("inspect", "model").stdout
    for part in ("model version 1", "classification", "setosa, versicolor, virginica"):
        assert part in shown
    for part in ("LogisticRegression", "sepal length (cm)", "float64", "refused", "owner=me"):
        assert part in shown


def test_inspect_lists_what_a_bare_file_would_load_and_loads_nothing(
    mlserve: Any, tmp_path: Path
) -> None:
    joblib.dump(FunctionTransformer(os.system), tmp_path / "hostile.joblib")
    shown = mlserve("inspect", "hostile.joblib")
    assert shown.exit_code == 0
    assert "posix.system" in shown.stdout
    assert "refused" in shown.stdout
    assert "FunctionTransformer" in shown.stdout


def test_inspect_of_an_empty_place_says_how_to_begin(mlserve: Any) -> None:
    shown = mlserve("inspect")
    assert shown.exit_code == 0
    assert "mlserve save SOURCE" in shown.stderr


def test_a_pipe_works_on_both_ends(mlserve: Any, iris: Any, tmp_path: Path) -> None:
    text = (tmp_path / "iris.csv").read_text()
    scored = mlserve("batch-predict", "-", "-", "--model", "model.joblib", stdin=text)
    assert scored.exit_code == 0, scored.stderr
    assert scored.stdout.splitlines()[0] == text.splitlines()[0] + ",prediction"
    assert len(scored.stdout.splitlines()) == 151


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["save"], 2, "Missing argument 'SOURCE'"),
        (["sav"], 2, "No such command"),
        (["save", "nothing.joblib"], 3, "There is no model at nothing.joblib"),
        (["save", "iris.csv"], 3, "iris.csv"),
        (["save", "empty.joblib"], 3, "empty.joblib is empty"),
        (["save", "cut.joblib"], 3, "cut.joblib"),
        (["save", "model.joblib", "--name", "a/b"], 2, "cannot be the name of a model"),
        (["save", "model.joblib", "--tag", "x"], 2, "KEY=VALUE"),
        (["save", "model.joblib", "--target", "species"], 2, "--data FILE"),
        (["save", "model.joblib", "--data", "nothing.csv"], 4, "nothing.csv"),
        (["save", "model.joblib", "--data", "iris.csv", "--target", "spec"], 4, "no column 'spec'"),
        (["save", "model.joblib", "--format", "zip"], 2, "zip"),
        (["inspect", "nothing"], 3, "No model 'nothing'"),
        (["inspect", "iris.csv"], 3, "iris.csv"),
        (["batch-predict", "iris.csv", "out.csv"], 3, "mlserve save SOURCE"),
        (["batch-predict", "no.csv", "out.csv", "-m", "model.joblib"], 4, "no.csv"),
        (["batch-predict", "iris.csv", "iris.csv", "-m", "model.joblib"], 2, "iris.csv"),
        (["batch-predict", "text.csv", "out.csv", "-m", "model.joblib"], 4, "'wide'"),
        (["batch-predict", "iris.csv", "-", "-m", "model.joblib", "--json"], 2, "stdout"),
        (["batch-predict", "iris.csv", "o", "-m", "model.joblib", "--engine", "onnx"], 2, "ONNX"),
    ],
)
def test_a_mistake_is_one_message_and_its_exit_code(
    mlserve: Any, iris: Any, tmp_path: Path, arguments: list[str], exit_code: int, message: str
) -> None:
    whole = (tmp_path / "model.joblib").read_bytes()
    (tmp_path / "cut.joblib").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "empty.joblib").touch()
    text = (tmp_path / "iris.csv").read_text()
    (tmp_path / "text.csv").write_text(text.replace("6.1", "wide", 1))
    before = sorted(tmp_path.rglob("*"))
    finished = mlserve(*arguments)
    assert (finished.exit_code, finished.stdout) == (exit_code, ""), finished
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
    left = [path for path in sorted(tmp_path.rglob("*")) if path not in before]
    assert [path for path in left if path.is_file()] == []


def test_the_offending_cell_is_named(mlserve: Any, iris: Any, tmp_path: Path) -> None:
    lines = (tmp_path / "iris.csv").read_text().splitlines()
    lines[7] = lines[7].replace(lines[7].split(",")[1], "wide", 1)
    (tmp_path / "text.csv").write_text("\n".join(lines))
    finished = mlserve("batch-predict", "text.csv", "out.csv", "-m", "model.joblib")
    for part in ("text.csv", "row 7", "line 8", "sepal width (cm)", "'wide'", "number"):
        assert part in finished.stderr


def test_a_refused_type_is_shown_with_what_trusting_means(mlserve: Any, tmp_path: Path) -> None:
    payload = FunctionTransformer(os.system, kw_args={"unused": "touch pwned"})
    joblib.dump(payload, tmp_path / "hostile.joblib")
    finished = mlserve("save", "hostile.joblib")
    assert finished.exit_code == 3
    assert "--trust posix.system" in finished.stderr
    assert "run while the model loads" in finished.stderr
    assert not (tmp_path / "pwned").exists()


def test_the_model_and_repository_may_come_from_the_environment(
    mlserve: Any, iris: Any, tmp_path: Path
) -> None:
    (tmp_path / "elsewhere").mkdir()
    assert mlserve("save", "model.joblib", MLSERVE_MODELS="elsewhere/store").exit_code == 0
    for variables in (
        {"MLSERVE_MODEL": "model.joblib"},
        {"MODEL_PATH": "model.joblib"},
        {"MLSERVE_MODELS": "elsewhere/store"},
    ):
        finished = mlserve("batch-predict", "iris.csv", "out.csv", **variables)
        assert finished.exit_code == 0, finished.stderr


CUSTOM = """
from sklearn.base import BaseEstimator, RegressorMixin

class Constant(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_, self.n_features_in_ = sum(y) / len(y), len(X[0])
        return self

    def predict(self, X):
        return [self.mean_] * len(X)

model = Constant().fit([[1], [2]], [1.0, 2.0])
"""


def test_a_trusted_type_is_found_in_the_current_folder(mlserve: Any, tmp_path: Path) -> None:
    (tmp_path / "train.py").write_text(CUSTOM)
    (tmp_path / "in.csv").write_text("x\n1\n2\n")
    refused = mlserve("save", "train.py:model")
    assert refused.exit_code == 3
    assert "--trust train.Constant" in refused.stderr
    assert mlserve("save", "train.py:model", "--trust", "train.Constant").exit_code == 0
    assert mlserve("batch-predict", "in.csv", "out.csv").exit_code == 3
    scored = mlserve("batch-predict", "in.csv", "out.csv", "--trust", "train.Constant")
    assert scored.exit_code == 0, scored.stderr
    assert (tmp_path / "out.csv").read_text() == "x,prediction\n1,1.5\n2,1.5\n"


def test_what_an_estimator_says_about_the_data_is_one_line(
    mlserve: Any, iris: Any, tmp_path: Path
) -> None:
    mlserve("save", "model.joblib")
    manifest = tmp_path / "models" / "model" / "1" / "manifest.json"
    text = manifest.read_text()
    version = json.loads(text)["libraries"]["scikit-learn"]
    manifest.write_text(text.replace(f'"scikit-learn": "{version}"', '"scikit-learn": "1.0"'))
    scored = mlserve("batch-predict", "iris.csv", "out.csv")
    assert scored.exit_code == 0
    assert scored.stderr.startswith("warning: model/1 was saved with scikit-learn 1.0; ")
    assert scored.stderr.count("\n") == 3


def test_names_are_printed_as_they_are(mlserve: Any, tmp_path: Path) -> None:
    names = ["length [cm]", "end [/bold]", "größe", "a,b"]
    model = LogisticRegression(max_iter=500).fit(IRIS.set_axis(names, axis=1), SPECIES)
    joblib.dump(model, tmp_path / "odd [red].joblib")
    assert mlserve("save", "odd [red].joblib", "--name", "odd", "--models", "[dim]").exit_code == 0
    for model_name, columns in (("odd", ""), ("odd", "no number"), ("odd [red].joblib", "80")):
        shown = mlserve("inspect", model_name, "--models", "[dim]", COLUMNS=columns)
        assert shown.exit_code == 0, shown.stderr
        assert all(name in shown.stdout for name in names)
    plain = mlserve("inspect", "odd", "--models", "[dim]", PYTHONIOENCODING="ascii")
    assert r"gr\xf6\xdfe" in plain.stdout
    exact = mlserve("inspect", "odd", "--models", "[dim]", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(exact.stdout)["signature"]["columns"][2]["name"] == "größe"


def test_names_with_commas_are_chosen_in_quotes(mlserve: Any, iris: Any, tmp_path: Path) -> None:
    IRIS.set_axis(["a,b", "c", "d", "e"], axis=1).to_csv(tmp_path / "odd.csv", index=False)
    arguments = ["odd.csv", "out.csv", "-m", "model.joblib", "--columns", '"a,b",c,d,e']
    assert mlserve("batch-predict", *arguments).exit_code == 0
    rows = read_rows(tmp_path / "out.csv")
    assert [row["prediction"] for row in rows] == iris.predict(IRIS).tolist()


def test_a_tampered_file_is_named(mlserve: Any, iris: Any, tmp_path: Path) -> None:
    mlserve("save", "model.joblib", "--format", "joblib")
    path = tmp_path / "models" / "model" / "1" / "model.joblib"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    for command in (["inspect", "model"], ["batch-predict", "iris.csv", "out.csv"]):
        finished = mlserve(*command)
        assert finished.exit_code == 3
        assert "models/model/1/model.joblib is not the file that was saved" in finished.stderr


@pytest.mark.parametrize(
    ("number", "times"),
    [(signal.SIGINT, 1), (signal.SIGTERM, 1), (signal.SIGHUP, 1), (signal.SIGTERM, 20)],
)
def test_an_interrupted_run_leaves_nothing(
    clean_environment: dict[str, str], iris: Any, tmp_path: Path, number: int, times: int
) -> None:
    command = [str(Path(sys.executable).with_name("mlserve")), "batch-predict", "-", "out.csv"]
    process = subprocess.Popen(
        [*command, "-m", "model.joblib"],
        cwd=tmp_path,
        env=clean_environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    lines = (tmp_path / "iris.csv").read_bytes().splitlines(keepends=True)
    process.stdin.write(lines[0] + b"".join(lines[1:]) * 2000)
    process.stdin.flush()
    deadline = time.monotonic() + 60
    while len(list(tmp_path.iterdir())) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(list(tmp_path.iterdir())) == 3
    for _ in range(times):
        process.send_signal(number)
        time.sleep(0.001)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert b"Traceback" not in stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["iris.csv", "model.joblib"]


def test_a_reader_that_leaves_early_is_no_error_message(
    clean_environment: dict[str, str], iris: Any, tmp_path: Path
) -> None:
    IRIS.loc[np.tile(IRIS.index, 500)].to_csv(tmp_path / "many.csv", index=False)
    finished = subprocess.run(
        "mlserve batch-predict many.csv - -m model.joblib | head -2",
        shell=True,
        cwd=tmp_path,
        env=clean_environment,
        capture_output=True,
        check=True,
    )
    assert finished.stdout.count(b"\n") == 2
    assert finished.stderr == b""


def test_a_terminal_shows_progress_and_a_summary(
    clean_environment: dict[str, str], iris: Any, tmp_path: Path
) -> None:
    pd.concat([IRIS] * 3000).to_csv(tmp_path / "many.csv", index=False)
    terminal = pexpect.spawn(
        str(Path(sys.executable).with_name("mlserve")),
        ["batch-predict", "many.csv", "out.csv", "-m", "model.joblib"],
        cwd=str(tmp_path),
        env=clean_environment | {"TERM": "xterm-256color"},
        dimensions=(24, 100),
    )
    terminal.expect("Loading the model", timeout=30)
    terminal.expect("Scoring", timeout=60)
    terminal.expect("450,000 rows in", timeout=60)
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0


def test_the_demo_is_a_session_that_ends_well(mlserve: Any, tmp_path: Path) -> None:
    finished = mlserve("demo", "--keep", "demo")
    assert finished.exit_code == 0, finished.stderr
    for part in ("$ mlserve save", "$ mlserve inspect", "$ mlserve batch-predict", "true species"):
        assert part in finished.stdout
    assert "1 of 8 columns drifted" in finished.stdout
    assert "penguins/1" in finished.stdout.partition("$ mlserve metrics")[2]
    for part in ("$ mlserve serve", "Listening on", '{"predictions":["', "ended with exit code 0"):
        assert part in finished.stdout
    rows = read_rows(tmp_path / "demo" / "scored.csv")
    assert len(rows) == 120
    assert np.mean([row["species"] == row["prediction"] for row in rows]) > 0.9
    again = mlserve("demo", "--keep", "demo")
    assert again.exit_code == 2
    assert "not an empty folder" in again.stderr
