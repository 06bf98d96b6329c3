"""`mlserve metrics --labels`: from requests to an exit code."""

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import joblib
import pandas as pd
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

FLOWERS, SPECIES = load_iris(return_X_y=True, as_frame=True)


@pytest.fixture
def folder(mlserve: Any, tmp_path: Path, clean_environment: dict[str, str]) -> Path:
    """`iris` saved with its data, asked by a client, and the truth in truth.csv."""
    joblib.dump(LogisticRegression(max_iter=500).fit(FLOWERS, SPECIES), tmp_path / "iris.joblib")
    FLOWERS.assign(kind=SPECIES, id=range(150)).to_csv(tmp_path / "all.csv", index=False)
    FLOWERS.assign(kind=SPECIES).to_csv(tmp_path / "data.csv", index=False)
    saved = mlserve("save", "iris.joblib", "--data", "data.csv", "--target", "kind")
    assert saved.exit_code == 0, saved.stderr
    process = subprocess.Popen(
        [Path(sys.executable).with_name("mlserve"), "serve", "--port", "0"],
        env=clean_environment,
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    address = process.stdout.readline().split()[-1]
    with httpx.Client(base_url=address, timeout=30) as client:
        for place in range(0, 150, 5):
            body = {"features": FLOWERS.iloc[place].tolist()}
            client.post("/predict", json=body, headers={"x-request-id": f"r{place}"})
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    truth = pd.DataFrame({"request_id": [f"r{k}" for k in range(0, 150, 5)]})
    truth.assign(kind=SPECIES[::5].tolist()).to_csv(tmp_path / "truth.csv", index=False)
    truth.assign(kind=0).to_csv(tmp_path / "other.csv", index=False)
    return tmp_path


def test_quality_is_told_and_a_fall_ends_in_one(mlserve: Any, folder: Path) -> None:
    good = mlserve("metrics", "--labels", "truth.csv", "--max-drop", "0.05")
    assert good.exit_code == 0, good.stderr
    assert "iris/1, classification, 30 rows with a known truth" in good.stdout
    assert "at save" in good.stdout
    bad = mlserve("metrics", "--labels", "other.csv", "--max-drop", "0.05")
    assert bad.exit_code == 1
    assert "accuracy fell by" in bad.stdout
    told = mlserve("metrics", "--labels", "other.csv", "--json")
    assert told.exit_code == 0
    (report,) = json.loads(told.stdout)["reports"]
    assert (report["model"], report["rows"]) == ("iris", 30)
    assert report["figures"][0]["name"] == "accuracy"
    assert report["figures"][0]["drop"] > 0.5
    assert report["unknown"] == []
    misspelt = pd.DataFrame({"request_id": ["r0", "r5"], "kind": ["Setosa", "0"]})
    misspelt.to_csv(folder / "misspelt.csv", index=False)
    warned = mlserve("metrics", "--labels", "misspelt.csv")
    assert "classes that the model does not know: 'Setosa'" in warned.stdout
    scored = mlserve("batch-predict", "all.csv", "out.csv", "--output", "both")
    assert scored.exit_code == 0, scored.stderr
    (folder / "ids.csv").write_text(FLOWERS.assign(id=range(150), y=SPECIES)[["id", "y"]].to_csv())
    options = ("--predictions", "out.csv", "--labels", "ids.csv", "--on", "id", "--target", "y")
    assert mlserve("metrics", *options, "-m", "iris", "--max-drop", "0").exit_code == 0
    unknown = mlserve("metrics", *options, "--max-drop", "0")
    assert unknown.exit_code == 2
    assert "It is not known how good the model was" in unknown.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        (["--labels", "no.csv"], 4, "There are no records of any model"),
        (["--on", "id"], 2, "--on is about quality"),
        (["--max-drop", "1"], 2, "--max-drop is about quality"),
        (["--labels", "t.csv", "--watch"], 2, "--watch does not go with it"),
        (["--labels", "t.csv", "--predictions", "no.csv"], 4, "no.csv does not exist"),
        (["--labels", "t.csv", "-m", "a/b"], 2, "expected NAME or NAME/VERSION"),
    ],
)
def test_mistakes_are_one_clear_error(
    mlserve: Any, arguments: list[str], exit_code: int, message: str
) -> None:
    finished = mlserve("metrics", *arguments)
    assert (finished.exit_code, finished.stdout) == (exit_code, "")
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr
