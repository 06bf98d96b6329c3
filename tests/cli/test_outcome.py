"""How a command ends whose failure nobody foresaw."""

import subprocess
import sys

import pytest

SCRIPT = """
import sys, warnings
import typer
from mlserve_cli.cli.outcome import OutcomeGroup

app = typer.Typer(cls=OutcomeGroup)

@app.command()
def fail():
    raise LookupError("no such thing")

@app.command()
def warn():
    for _ in range(3):
        warnings.warn("look out")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")

app(sys.argv[1:])
"""


def run(command: str, environment: dict[str, str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", SCRIPT, command],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_bug_is_one_message_and_never_looks_like_a_finding(
    clean_environment: dict[str, str],
) -> None:
    finished = run("fail", clean_environment)
    assert finished.returncode == 6
    assert finished.stderr.startswith("error: mlserve did not expect this: LookupError: no such")
    assert "MLSERVE_DEBUG=1" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_a_bug_shows_its_traceback_on_request(clean_environment: dict[str, str]) -> None:
    finished = run("fail", clean_environment | {"MLSERVE_DEBUG": "1"})
    assert "Traceback" in finished.stderr


@pytest.mark.parametrize("command", ["nothing", "--nothing"])
def test_wrong_usage_is_left_to_typer(command: str, clean_environment: dict[str, str]) -> None:
    assert run(command, clean_environment).returncode == 2


def test_a_warning_is_shown_once(clean_environment: dict[str, str]) -> None:
    finished = run("warn", clean_environment)
    assert finished.returncode == 0
    assert finished.stderr == "warning: look out\n"
