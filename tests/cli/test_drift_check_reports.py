"""The reports of `mlserve drift-check` as their users get them: real processes and files."""

import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pexpect
import pytest

from mlserve_cli.drift import drift_check


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """old.csv and new.csv, of which the second column drifts."""
    generator = np.random.default_rng(0)
    for name, shift in (("old", 0.0), ("new", 2.0)):
        rows = generator.normal((0, shift), size=(500, 2))
        np.savetxt(
            tmp_path / f"{name}.csv", rows, delimiter=",", header="still,moving", comments=""
        )
    return tmp_path


def test_files_are_written_beside_what_is_printed(mlserve: Any, data: Path) -> None:
    ran = mlserve("drift-check", "old.csv", "new.csv", "--html", "r.html", "--markdown", "r.md")
    assert ran.exit_code == 1, ran.stderr
    assert ran.stdout.splitlines()[3].split()[:2] == ["moving", "drift"]
    assert "1 of 2 columns drifted." in ran.stdout
    assert "<h1>" in (data / "r.html").read_text("utf-8")
    assert "| `moving` | 🔴 drift |" in (data / "r.md").read_text("utf-8")
    assert len(list(data.iterdir())) == 4


def test_a_report_may_go_to_standard_output(mlserve: Any, data: Path) -> None:
    ran = mlserve("drift-check", "old.csv", "new.csv", "--markdown", "-")
    assert ran.exit_code == 1
    assert ran.stdout.startswith("### 🔴 Drift: 1 of 2 columns drifted.\n")
    assert ran.stdout.endswith("</details>\n")


def test_json_is_the_report_as_a_dictionary(mlserve: Any, data: Path) -> None:
    ran = mlserve("drift-check", "old.csv", "new.csv", "--json", "--html", "r.html")
    found = drift_check(data / "old.csv", data / "new.csv").to_dict()
    expected = json.loads(json.dumps(found | {"reference": "old.csv", "current": "new.csv"}))
    assert json.loads(ran.stdout) == expected
    assert (data / "r.html").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--html", "no/r.html"], "no/r.html cannot be written: the folder"),
        (["--html", "new.csv"], "new.csv is an input of the check"),
        (["--markdown", "."], ". is a directory"),
        (["--html", "r", "--markdown", "r"], "Both reports would be written to r."),
        (["--html", "-", "--json"], "Only one form of the report fits on standard output."),
    ],
    ids=["folder", "input", "directory", "same", "standard output"],
)
def test_files_that_cannot_be_written_are_refused(
    mlserve: Any, data: Path, options: list[str], message: str
) -> None:
    before = (data / "new.csv").read_bytes()
    ran = mlserve("drift-check", "old.csv", "new.csv", *options)
    assert ran.exit_code == 2
    assert f"error: {message}" in ran.stderr
    assert ran.stdout == ""
    assert (data / "new.csv").read_bytes() == before
    assert len(list(data.iterdir())) == 2


def test_a_check_that_fails_leaves_no_file(mlserve: Any, data: Path) -> None:
    ran = mlserve("drift-check", "old.csv", "nothing.csv", "--html", "r.html")
    assert ran.exit_code == 4
    assert len(list(data.iterdir())) == 2


def test_a_terminal_of_80_columns_shows_a_table(
    data: Path, clean_environment: dict[str, str]
) -> None:
    command = str(Path(sys.executable).with_name("mlserve"))
    environment = clean_environment | {"TERM": "xterm"}
    del environment["COLUMNS"]
    child = pexpect.spawn(
        command,
        ["drift-check", "old.csv", "new.csv"],
        cwd=str(data),
        env=environment,
        dimensions=(40, 80),
        encoding="utf-8",
        timeout=60,
    )
    text = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", child.read())
    child.wait()
    assert child.exitstatus == 1
    lines = text.splitlines()
    assert 60 < max(map(len, lines)) <= 80
    assert "▁" in text
    assert any(line.startswith("drift") and "moving" in line for line in lines)
