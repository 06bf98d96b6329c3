"""A new user: the wheel in a fresh virtual environment, and an empty folder."""

import csv
import os
import re
import subprocess
import sys
import tomllib
import venv
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import sessions

ROOT = Path(__file__).parent.parent
INSTALL_TIMEOUT_SECONDS = 900
COMMAND_TIMEOUT_SECONDS = 120

# One group: one process builds and installs for all of them.
pytestmark = [pytest.mark.install, pytest.mark.slow, pytest.mark.xdist_group("installed")]


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    (built,) = folder.iterdir()
    return built


@pytest.fixture(scope="session")
def bin_folder(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the commands of the fresh environment are. Its path has a space in it."""
    folder = tmp_path_factory.mktemp("new user") / "venv"
    venv.create(folder, with_pip=True)
    pip_install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    # What is imported gets compiled then; most files never are.
    subprocess.run(
        [*pip_install, "--no-compile", "--constraint", str(ROOT / "constraints.txt"), str(wheel)],
        stdin=subprocess.DEVNULL,
        timeout=INSTALL_TIMEOUT_SECONDS,
        check=True,
    )
    return folder / "bin"


@pytest.fixture
def installed(
    bin_folder: Path, tmp_path: Path, clean_environment: dict[str, str]
) -> Callable[..., str]:
    """Runs the installed command in an empty folder and gives what it printed."""
    path = os.pathsep.join([str(bin_folder), os.defpath])

    def run(*arguments: str) -> str:
        finished = subprocess.run(
            [bin_folder / "mlserve", *arguments],
            cwd=tmp_path,
            env=clean_environment | {"PATH": path},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=COMMAND_TIMEOUT_SECONDS,
            check=False,
        )
        assert finished.returncode == 0, finished.stderr
        assert "Traceback" not in finished.stdout + finished.stderr
        assert "warning" not in finished.stderr.lower()
        return finished.stdout

    return run


def test_the_wheel_holds_the_package_with_its_data_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.split("/")[0].split("-")[0] for name in names} == {"mlserve_cli"}
    assert {"mlserve_cli/py.typed", "mlserve_cli/demo/penguins.csv"} <= set(names)
    assert not [name for name in names if "cache" in name]


def test_help_and_version_answer(installed: Callable[..., str]) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert installed("--version") == f"mlserve {project['version']}\n"
    assert "batch-predict" in installed("--help")


def test_the_demo_predicts_real_data_well_and_leaves_nothing(
    installed: Callable[..., str], tmp_path: Path
) -> None:
    printed = installed("demo")
    for command in ("mlserve save", "mlserve inspect", "mlserve batch-predict"):
        assert f"$ {command} " in printed
    found = re.search(r"(\d+) of (\d+) penguins", printed)
    assert found is not None
    right, rows = int(found[1]), int(found[2])
    assert rows > 100
    assert 0.9 < right / rows <= 1
    assert not list(tmp_path.iterdir())


def test_the_demo_can_leave_its_files(installed: Callable[..., str], tmp_path: Path) -> None:
    printed = installed("demo", "--keep", "files")
    assert "files" in printed.splitlines()[-1]
    with (tmp_path / "files" / "scored.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    agreed = sum(row["species"] == row["prediction"] for row in rows)
    assert f"{agreed} of {len(rows)} penguins" in printed
    assert (tmp_path / "files" / "models" / "penguins" / "1" / "manifest.json").is_file()


def test_the_sessions_runs(bin_folder: Path, tmp_path: Path) -> None:
    steps = sessions.read_steps((ROOT / "README.md").read_text(encoding="utf-8"))
    for step in steps:
        outcome = sessions.run(step, tmp_path, bin_folder)
        assert "Traceback" not in outcome.output
        assert sessions.agrees(step, outcome), f"{step.command}\n{outcome.output}"
