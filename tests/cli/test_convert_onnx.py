"""`mlserve convert-onnx` as its users meet it, with models that mean no good."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import joblib
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)

MODULE = """
import ctypes, os, pathlib, signal, time
from sklearn.linear_model import LogisticRegression

class Crashing(LogisticRegression):
    def predict(self, X):
        ctypes.string_at(0)

class Dying(LogisticRegression):
    def predict(self, X):
        os.kill(os.getpid(), signal.SIGKILL)

class Hanging(LogisticRegression):
    def predict(self, X):
        pathlib.Path("pid").write_text(str(os.getpid()))
        time.sleep(600)
"""


@pytest.fixture
def mlserve(fresh_mlserve: Any) -> Any:
    """A process that has imported nothing, which converts in a child."""
    return fresh_mlserve


@pytest.fixture
def iris(tmp_path: Path) -> Any:
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(IRIS, SPECIES)
    joblib.dump(model, tmp_path / "iris.joblib")
    IRIS.to_csv(tmp_path / "iris.csv", index=False)
    return model


@pytest.fixture
def harmful(tmp_path: Path, clean_environment: dict[str, str]) -> None:
    """Files of models that end or stop the process that scores with them."""
    (tmp_path / "harmful.py").write_text(MODULE)
    program = (
        "import harmful, joblib, sys\n"
        "from sklearn.datasets import load_iris\n"
        "for name in ('Crashing', 'Dying', 'Hanging'):\n"
        "    model = getattr(harmful, name)().fit(*load_iris(return_X_y=True))\n"
        "    joblib.dump(model, f'{name}.joblib')\n"
    )
    command = [sys.executable, "-W", "ignore", "-c", program]
    subprocess.run(command, cwd=tmp_path, env=clean_environment, check=True)


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if "__pyc" not in str(path)}


@pytest.mark.parametrize(("name", "number"), [("Crashing", "SIGSEGV"), ("Dying", "SIGKILL")])
def test_a_model_that_kills_its_process_is_one_error_and_leaves_nothing(
    mlserve: Any, harmful: None, tmp_path: Path, name: str, number: str
) -> None:
    before = names(tmp_path)
    trust = ("--trust", f"harmful.{name}")
    finished = mlserve("convert-onnx", f"{name}.joblib", "out.onnx", *trust)
    assert finished.exit_code == 6
    assert f"was killed by {number}" in finished.stderr
    assert "while trying what the model takes" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert finished.stdout == ""
    assert names(tmp_path) == before


def test_saving_as_onnx_survives_such_a_model_too(
    mlserve: Any, harmful: None, tmp_path: Path
) -> None:
    trust = ("--trust", "harmful.Crashing")
    finished = mlserve("save", "Crashing.joblib", "--name", "bad", "--format", "onnx", *trust)
    assert finished.exit_code == 6
    assert "SIGSEGV, while saving Crashing.joblib as ONNX" in finished.stderr
    assert "No models in models" in mlserve("inspect").stderr


def test_a_model_that_hangs_is_ended_in_time(mlserve: Any, harmful: None, tmp_path: Path) -> None:
    before = names(tmp_path)
    options = ("--trust", "harmful.Hanging", "--timeout", "3")
    finished = mlserve("convert-onnx", "Hanging.joblib", "out.onnx", *options)
    assert finished.exit_code == 6
    assert "The conversion was ended after 3 seconds, while" in finished.stderr
    assert "--timeout SECONDS" in finished.stderr
    assert names(tmp_path) - before <= {"pid"}


def test_an_interrupt_ends_the_work_as_well(
    harmful: None, tmp_path: Path, clean_environment: dict[str, str]
) -> None:
    command = Path(sys.executable).with_name("mlserve")
    process = subprocess.Popen(
        [command, "convert-onnx", "Hanging.joblib", "out.onnx", "--trust", "harmful.Hanging"],
        cwd=tmp_path,
        env=clean_environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (tmp_path / "pid").exists() or not (tmp_path / "pid").read_text():
        time.sleep(0.05)
        assert process.poll() is None
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, "Interrupted.\n")
    # Its parent has waited for it.
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_what_was_tried_is_shown(mlserve: Any, iris: Any) -> None:
    finished = mlserve("convert-onnx", "iris.joblib", "out.onnx", "--data", "iris.csv")
    assert finished.exit_code == 0, finished.stderr
    lines = finished.stdout.splitlines()
    assert lines[0] == "Wrote out.onnx"
    heading = next(line for line in lines if line.startswith("precision"))
    assert heading.split() == [
        *("precision", "agrees", "labels", "differ", "numbers", "by", "1", "row", "1,000", "rows"),
    ]
    assert any(line.startswith("float64, taken  yes") for line in lines)
    assert any(line.startswith("float32") for line in lines)


def test_the_report_is_json_on_request(mlserve: Any, iris: Any, tmp_path: Path) -> None:
    finished = mlserve("convert-onnx", "iris.joblib", "out.onnx", "--json")
    report = json.loads(finished.stdout)
    assert report["size_bytes"] == (tmp_path / "out.onnx").stat().st_size
    variants = {one["precision"]: one for one in report["onnx"]["variants"]}
    assert variants["float64"]["chosen"]
    assert set(variants["float32"]["seconds"]) == {"1", "1000"}


def test_a_model_that_does_not_agree_is_a_finding(mlserve: Any, iris: Any, tmp_path: Path) -> None:
    before = names(tmp_path)
    options = ("--precision", "float32", "--tolerance", "0", "--json")
    finished = mlserve("convert-onnx", "iris.joblib", "out.onnx", *options)
    assert finished.exit_code == 1
    assert "The first step that differs is" in finished.stderr
    report = json.loads(finished.stdout)
    assert report["path"] is None
    assert report["onnx"]["parity"]["max_difference"] > 0
    assert report["onnx"]["parity"]["cause"] == "standardscaler"
    assert names(tmp_path) == before
    kept = mlserve("convert-onnx", "iris.joblib", "out.onnx", *options, "--allow-mismatch")
    assert kept.exit_code == 0
    assert json.loads(kept.stdout)["path"] == "out.onnx"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["iris.joblib"], 2, "no OUT was given"),
        (["iris.joblib", "nowhere/out.onnx"], 2, "there is no folder nowhere"),
        (["iris.joblib", "."], 2, "OUT is the folder"),
        (["iris.joblib", "o.onnx", "--precision", "float16"], 2, "expected auto, float32"),
        (["iris.joblib", "o.onnx", "--opset", "7"], 2, "Opset 7"),
        (["iris.joblib", "o.onnx", "--opset", "new"], 2, "new"),
        (["iris.joblib", "o.onnx", "--outputs", "lable"], 2, "it has: label, probabilities"),
        (["iris.joblib", "o.onnx", "--tolerance", "nan"], 2, "The tolerance is nan"),
        (["iris.joblib", "o.onnx", "--tolerance", "-1"], 2, "-1"),
        (["iris.joblib", "o.onnx", "--data", "no.csv"], 4, "no.csv"),
        (["iris.joblib", "o.onnx", "--data", "iris.joblib"], 2, "no table format"),
        (["nothing"], 3, "nothing"),
    ],
    ids=lambda value: "-".join(value[1:]) if isinstance(value, list) else None,
)
def test_a_mistake_is_one_message_and_its_exit_code(
    mlserve: Any, iris: Any, tmp_path: Path, arguments: list[str], exit_code: int, message: str
) -> None:
    before = names(tmp_path)
    finished = mlserve("convert-onnx", *arguments)
    assert (finished.exit_code, finished.stdout) == (exit_code, ""), finished
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr, finished.stderr
    assert names(tmp_path) == before
