"""What `mlserve drift-check` tells beyond columns one by one: real processes and files."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

COMMAND = Path(sys.executable).with_name("mlserve")
PREDICTIONS = ("--predictions", "prediction,probability_0", "--predictions", "probability_1")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """ref, same and new: the last one with another correlation and with wrong predictions."""
    r = np.random.default_rng(0)
    for name, correlation, wrong in (("ref", 0.8, 0.0), ("same", 0.8, 0.0), ("new", -0.8, 0.3)):
        values = r.normal(size=(1_500, 2))
        values[:, 1] = correlation * values[:, 0] + 0.6 * values[:, 1]
        share = 1 / (1 + np.exp(-2 * values[:, 0]))
        truth = (r.random(1_500) < share) ^ (r.random(1_500) < wrong)
        frame = pd.DataFrame(values, columns=["a", "b"]).assign(
            when=pd.date_range("2024-05-01", periods=1_500, freq="10min"),
            prediction=(share > 0.5).astype(int),
            probability_0=1 - share,
            probability_1=share,
            truth=truth.astype(int),
        )
        np.save(tmp_path / f"{name}.npy", values)
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        frame.to_parquet(tmp_path / f"{name}.parquet")
        frame.to_feather(tmp_path / f"{name}.arrow")
        frame.to_json(tmp_path / f"{name}.jsonl", orient="records", lines=True, date_format="iso")
    return tmp_path


@pytest.mark.parametrize("suffix", ["npy", "csv", "parquet"])
def test_whole_rows_decide_where_columns_see_nothing(mlserve: Any, data: Path, suffix: str) -> None:
    files = f"ref.{suffix}", f"new.{suffix}"
    columns = () if suffix == "npy" else ("--columns", "a,b")
    assert mlserve("drift-check", *files, *columns).exit_code == 0
    found = mlserve("drift-check", *files, *columns, "--multivariate")
    assert (found.exit_code, found.stderr) == (1, "")
    assert "No drift in 2 columns. Whole rows drifted." in found.stdout
    assert re.search(r"^Told apart by .* the AUC loses", found.stdout, re.MULTILINE)
    quiet = mlserve("drift-check", files[0], f"same.{suffix}", *columns, "--multivariate")
    assert (quiet.exit_code, quiet.stderr) == (0, "")


@pytest.mark.parametrize("suffix", ["jsonl", "arrow"])
def test_predictions_come_first_with_their_quality(mlserve: Any, data: Path, suffix: str) -> None:
    asked = (*PREDICTIONS, "--target", "truth", "--columns", "a")
    found = mlserve("drift-check", f"ref.{suffix}", f"new.{suffix}", *asked)
    assert found.exit_code == 1
    assert found.stdout.splitlines()[2] == "Predictions"
    assert re.search(r"^accuracy +worse ", found.stdout, re.MULTILINE), found.stdout
    assert "No drift in 4 columns. The predictions got worse (accuracy" in found.stdout
    assert mlserve("drift-check", f"ref.{suffix}", f"same.{suffix}", *asked).exit_code == 0


def test_without_the_truth_quality_is_estimated(mlserve: Any, data: Path) -> None:
    for name in ("ref", "new"):
        frame = pd.read_csv(data / f"{name}.csv")
        frame.drop(columns="truth").to_csv(data / f"{name}.csv", index=False)
    found = mlserve("drift-check", "ref.csv", "new.csv", *PREDICTIONS, "--json")
    assert found.exit_code == 0
    performance = json.loads(found.stdout)["performance"]
    assert performance["target"] is None
    assert "calibrated" in performance["assumption"]
    assert [one["name"] for one in performance["figures"]] == ["accuracy", "f1_macro", "roc_auc"]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "arrow", "parquet"])
def test_windows_of_time_are_followed(mlserve: Any, data: Path, suffix: str) -> None:
    files = f"ref.{suffix}", f"same.{suffix}"
    found = mlserve("drift-check", *files, "--time", "when", "--window", "1d", "--json")
    assert found.exit_code == 0
    course = json.loads(found.stdout)["course"]
    assert course["time"] == "when"
    assert [one["label"] for one in course["windows"]][:2] == ["2024-05-01", "2024-05-02"]
    assert [one["rows"] for one in course["windows"]] == [144] * 10 + [60]
    assert "when" not in [one["name"] for one in course["columns"]]


def test_all_of_it_is_in_every_form_of_the_report(mlserve: Any, data: Path) -> None:
    asked = (
        *PREDICTIONS,
        "--target",
        "truth",
        "--multivariate",
        "--time",
        "when",
        "--window",
        "6h",
    )
    files = ("--html", "r.html", "--markdown", "r.md")
    ran = mlserve("drift-check", "ref.csv", "new.csv", *asked, *files)
    assert ran.exit_code == 1, ran.stderr
    for text in (
        ran.stdout,
        (data / "r.html").read_text("utf-8"),
        (data / "r.md").read_text("utf-8"),
    ):
        for part in (
            "Quality of predictions, by truth: worse",
            "Whole rows: drift",
            "42 windows of 6h by when",
        ):
            assert part in text


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        ("--window 0", 2, "'0' is neither a number of rows nor a span"),
        ("--window 1d", 2, "Windows of 1d need a column with times"),
        ("--window 1", 2, "more than 500 windows of 1"),
        ("--time when", 2, "whose size is not given"),
        ("--time a --window 1d", 2, "'a' of same.csv holds values of type double, expected times"),
        ("--time nope --window 5", 2, "same.csv has no column 'nope'"),
        ("--predictions nope", 2, "ref.csv has no column 'nope' that predictions"),
        ("--target truth", 2, "and none are named"),
        ("--predictions a,b --target truth", 2, "Only one column can hold the predicted"),
        ("--columns a --multivariate", 2, "two columns at least"),
    ],
)
def test_what_cannot_be_answered_is_refused(
    mlserve: Any, data: Path, options: str, code: int, message: str
) -> None:
    ran = mlserve("drift-check", "ref.csv", "same.csv", *options.split())
    assert (ran.exit_code, ran.stdout) == (code, "")
    assert message in ran.stderr
    assert "Traceback" not in ran.stderr


def test_a_profile_has_no_rows(mlserve: Any, data: Path) -> None:
    mlserve("drift-check", "ref.npy", "same.npy", "--save-profile", "ref.drift")
    refused = mlserve("drift-check", "ref.drift", "same.npy", "--multivariate")
    assert refused.exit_code == 2
    assert "needs the reference row by row" in refused.stderr
    assert mlserve("drift-check", "ref.drift", "same.npy", "--window", "100").exit_code == 0


@pytest.mark.parametrize(
    ("options", "waits"),
    [
        (["--window", "100"], False),
        (["--predictions", "x0", "--target", "x1"], False),
        (["--multivariate"], True),
    ],
    ids=["window", "predictions", "multivariate"],
)
def test_only_whole_rows_wait_for_scikit_learn(data: Path, options: list[str], waits: bool) -> None:
    command = [sys.executable, "-X", "importtime", str(COMMAND), "drift-check"]
    finished = subprocess.run(
        [*command, "ref.npy", "same.npy", *options],
        cwd=data,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode in (0, 1), finished.stderr
    imported = set(re.findall(r"^import time: .*\| +(\w+)", finished.stderr, re.MULTILINE))
    assert bool(imported & {"sklearn"}) == waits
    assert waits or not imported & {"pandas", "pyarrow", "scipy"}
