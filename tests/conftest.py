"""What all tests share: the real command in a clean environment, and hypothesis profiles."""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import pytest
from hypothesis import HealthCheck, settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser

# Data generation is slow on a busy machine, and that is no reason to fail.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "ci", parent=settings.get_profile("local"), derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "local")

TIMEOUT_SECONDS = 120


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


class Mlserve(Protocol):
    """Runs `mlserve` with these arguments in the test's own directory."""

    def __call__(
        self, *arguments: str | Path, stdin: str | bytes = b"", **environment: str
    ) -> Finished: ...


@pytest.fixture
def clean_environment() -> dict[str, str]:
    """Environment variables of a new user with a wide terminal that knows no colours."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("MLSERVE_", "PYTHON", "_MLSERVE")) and name != "MODEL_PATH"
    }
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)])
    return kept | {"PATH": path, "COLUMNS": "100", "NO_COLOR": "1", "TERM": "dumb"}


@pytest.fixture
def mlserve(tmp_path: Path, clean_environment: dict[str, str]) -> Mlserve:
    """The installed command, run as a process in an empty directory, `tmp_path`."""
    command = Path(sys.executable).with_name("mlserve")

    def run(*arguments: str | Path, stdin: str | bytes = b"", **environment: str) -> Finished:
        finished = subprocess.run(
            [command, *arguments],
            cwd=tmp_path,
            env=clean_environment | environment,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Finished(finished.returncode, finished.stdout.decode(), finished.stderr.decode())

    return run


@pytest.fixture
def in_tmp_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes the test's own directory the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """A real browser, Debian's; tests that ask for it are marked `browser`."""
    found = shutil.which("chromium")
    if found is None:
        pytest.skip("chromium is not installed")
    # For one module only: its event loop would be in the way of tests that start their own.
    with pytest.importorskip("playwright.sync_api").sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
