"""What all tests share: the real command in a clean environment, and hypothesis profiles."""

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
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

# More would wait for memory and the disk.
_MOST_WORKERS = 4


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: a third of the time, a test waits for a server."""
    return min(_MOST_WORKERS, (os.cpu_count() or 1) + 1)


# Workers that each start a thread per core would wait for each other; and which of several equally
# near neighbours scikit-learn takes depends on how many threads it has. Read when it is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What is started in the background of a script, or to outlive its terminal, ignores these signals,
# and so would all that tests start.
for _number, _handler in (
    (signal.SIGINT, signal.default_int_handler),
    (signal.SIGHUP, signal.SIG_DFL),
    (signal.SIGTERM, signal.SIG_DFL),
    (signal.SIGCHLD, signal.SIG_DFL),
):
    if signal.getsignal(_number) is signal.SIG_IGN:
        signal.signal(_number, _handler)

TIMEOUT_SECONDS = 120
# Variables that count when a command looks at them, not before.
_READ_LATE = ("COLUMNS", "MODEL_PATH")
COMMAND = str(Path(sys.executable).with_name("mlserve"))


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
def fresh_mlserve(tmp_path: Path, clean_environment: dict[str, str]) -> Mlserve:
    """The installed command, run as a process in an empty directory, `tmp_path`."""

    def run(*arguments: str | Path, stdin: str | bytes = b"", **environment: str) -> Finished:
        finished = subprocess.run(
            [COMMAND, *arguments],
            cwd=tmp_path,
            env=clean_environment | environment,
            input=stdin.encode() if isinstance(stdin, str) else stdin,
            capture_output=True,
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
        return Finished(finished.returncode, finished.stdout.decode(), finished.stderr.decode())

    return run


class ReadyProcess:
    """A process with all libraries imported, of which each command gets a copy."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._channel.settimeout(TIMEOUT_SECONDS)
        program = str(Path(__file__).with_name("ready_process.py"))
        # Like the command's own streams, these are no terminal and cannot be sought in.
        self._process = subprocess.Popen(
            [sys.executable, program, str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        theirs.close()

    def run(self, command: dict[str, object], stdin: bytes) -> Finished:
        """Runs a command to its end."""
        pipes = [os.pipe() for _ in range(3)]
        (child_in, to_child), (from_child, child_out), (from_child_too, child_err) = pipes
        message = json.dumps(command).encode()
        socket.send_fds(self._channel, [message], [child_in, child_out, child_err])
        for stream in (child_in, child_out, child_err):
            os.close(stream)
        with ThreadPoolExecutor(3) as pool:
            pool.submit(_write, to_child, stdin)
            outputs = [pool.submit(_read, one) for one in (from_child, from_child_too)]
            process = int(self._channel.recv(100))
            try:
                code = int(self._channel.recv(100))
            except TimeoutError:
                os.kill(process, signal.SIGKILL)
                raise
            return Finished(code, *(one.result().decode() for one in outputs))

    def end(self) -> None:
        """Ends the process."""
        self._channel.close()
        self._process.communicate(timeout=TIMEOUT_SECONDS)


def _write(stream: int, content: bytes) -> None:
    with contextlib.suppress(BrokenPipeError), open(stream, "wb", buffering=0) as file:
        left = memoryview(content)
        while left:
            left = left[file.write(left) :]


def _read(stream: int) -> bytes:
    with open(stream, "rb") as file:
        return file.read()


@pytest.fixture(scope="session")
def ready_process() -> "Iterator[ReadyProcess]":
    """Starts with the first command of a session."""
    process = ReadyProcess()
    yield process
    process.end()


@pytest.fixture
def mlserve(
    tmp_path: Path,
    clean_environment: dict[str, str],
    fresh_mlserve: Mlserve,
    ready_process: ReadyProcess,
) -> Mlserve:
    """The command, run as a process in an empty directory, `tmp_path`, with libraries imported.

    What looks at how a program starts needs `fresh_mlserve`, and so do conversions, which run in
    a child of the command only where nothing has been imported.
    """

    def run(*arguments: str | Path, stdin: str | bytes = b"", **environment: str) -> Finished:
        # Other variables are read by Python, or by libraries as they are imported.
        if not all(name in _READ_LATE or name.startswith("MLSERVE_") for name in environment):
            return fresh_mlserve(*arguments, stdin=stdin, **environment)
        command: dict[str, object] = {
            "arguments": [COMMAND, *map(str, arguments)],
            "folder": str(tmp_path),
            "environment": clean_environment | environment,
        }
        return ready_process.run(command, stdin.encode() if isinstance(stdin, str) else stdin)

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
