"""Schemathesis, which makes up requests from a description, finds no answer that breaks ours."""

import subprocess
import sys
from pathlib import Path

import pytest
from tests.serving.conftest import Serve, Server, Trained

COMMAND = (
    *("--checks", "all", "--max-examples", "20", "--seed", "1", "--no-color"),
    *("--suppress-health-check", "all", "--generation-database", "none"),
)
# That a tensor's data fit its shape, and columns each other, no schema can tell.
LOOSE = "^(/v2/models/.*/infer|/invocations)$"


def run(server: Server, folder: Path, *options: str) -> None:
    program = str(Path(sys.executable).with_name("schemathesis"))
    finished = subprocess.run(
        [program, "run", f"{server.address}/openapi.json", *COMMAND, *options],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout[-8000:] + finished.stderr[-2000:]


@pytest.mark.slow
def test_good_requests_are_answered_and_bad_ones_refused(server: Server, tmp_path: Path) -> None:
    run(server, tmp_path, "--exclude-path-regex", LOOSE)


@pytest.mark.slow
def test_whatever_is_asked_no_answer_breaks_the_description(
    serve: Serve, trained: Trained, tmp_path: Path
) -> None:
    with serve(trained.root, "pets") as running:
        exclude = ("--exclude-checks", "positive_data_acceptance,negative_data_rejection")
        run(running, tmp_path, "--include-path-regex", LOOSE, *exclude)
