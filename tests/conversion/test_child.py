"""Work in a child process that ends badly, started from a process of its own as a command is."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from mlserve_cli.conversion.memory import available_bytes, resident_bytes

SCRIPT = """
import ctypes, os, signal, sys, time, warnings
from mlserve_cli.conversion.child import Limits, in_child
from mlserve_cli.errors import MlserveError, ParityError, SignatureError

class Odd(Exception):
    def __init__(self, number, text):
        super().__init__(f"{number} {text}")

def hang(tell):
    while True:
        time.sleep(0.01)
        tell("going round")

def deaf(tell):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    tell("not listening")
    while True:
        pass

def eat(tell):
    tell("eating")
    kept = []
    while True:
        kept.append(bytearray(10_000_000))
        time.sleep(0.005)

def crash(tell):
    tell("crashing")
    ctypes.string_at(0)

def die(tell):
    tell("dying")
    os.kill(os.getpid(), signal.SIGKILL)

def leave(tell):
    tell("leaving")
    os._exit(3)

def mute(tell):
    tell("closing its mouth")
    os.closerange(3, 100)
    time.sleep(60)

def answer(tell):
    print("printed")
    warnings.warn("look out")
    tell("adding")
    return [1, 2]

def refuse(tell):
    raise SignatureError("not so", row=3, column="a", hint="but so")

def differ(tell):
    raise ParityError("differs", conversion="kept")

def miss(tell):
    open("/nowhere/at all")

def stumble(tell):
    raise Odd(7, "times")

def start(tell):
    import subprocess
    started = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    tell(f"started {started.pid}")
    time.sleep(60)

def clean(tell):
    open("partial", "w").close()
    try:
        tell(f"wrote as {os.getpid()}")
        time.sleep(60)
    finally:
        os.unlink("partial")

if sys.argv[1] == "here":
    import numpy

def here(tell):
    tell(str(os.getpid() == parent))
    return "done"

parent = os.getpid()
limits = Limits(seconds=float(sys.argv[2]), memory_bytes=200_000_000)
warnings.showwarning = lambda message, *_, **__: print("warned:", message)
try:
    with in_child(globals()[sys.argv[1]], "The work", limits) as child:
        print("value:", child.result(lambda step: print("step:", step, flush=True)))
except MlserveError as error:
    state = {k: v for k, v in error.__dict__.items() if k not in ("__notes__", "message")}
    print(f"{type(error).__name__}: {error.message} {state}")
except Exception as error:
    print(f"{type(error).__name__}: {error}", "Traceback" in str(error.__notes__))
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Start:
    def begin(work: str, seconds: float = 30.0) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-c", SCRIPT, work, str(seconds)],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    return begin


@pytest.mark.parametrize(
    ("work", "message"),
    [
        ("eat", "was ended while eating: it took 0.2 GB of memory, and may take 0.2 GB."),
        ("crash", "was killed by SIGSEGV, while crashing."),
        ("die", "killed by SIGKILL, as the system does where memory runs out, while dying."),
        ("leave", "ended with exit code 3, while leaving."),
    ],
)
def test_a_child_that_ends_badly_is_one_error_with_its_step(
    start: Start, work: str, message: str
) -> None:
    output, _ = start(work).communicate(timeout=60)
    last = output.splitlines()[-1]
    assert last.startswith("EngineError: The work ")
    assert message in last


@pytest.mark.parametrize(
    ("work", "step"),
    [("hang", "going round"), ("deaf", "not listening"), ("mute", "closing its mouth")],
)
def test_a_child_that_hangs_is_ended_in_time(start: Start, work: str, step: str) -> None:
    output, _ = start(work, seconds=1).communicate(timeout=60)
    assert f"EngineError: The work was ended after 1 seconds, while {step}." in output


def test_an_answer_comes_with_steps_and_warnings(start: Start) -> None:
    output, errors = start("answer").communicate(timeout=60)
    assert output.splitlines() == ["warned: look out", "step: adding", "value: [1, 2]"]
    # Results go to standard output, so whatever the work prints must not.
    assert errors == "printed\n"


@pytest.mark.parametrize(
    ("work", "expected"),
    [
        ("refuse", "SignatureError: not so {'hint': 'but so', 'row': 3, 'column': 'a'}"),
        ("miss", "FileNotFoundError: [Errno 2] No such file or directory: '/nowhere/at all' True"),
        # What cannot be pickled keeps its name and its words.
        ("stumble", "RuntimeError: Odd: 7 times True"),
    ],
)
def test_errors_are_raised_again_in_the_parent(start: Start, work: str, expected: str) -> None:
    output, _ = start(work).communicate(timeout=60)
    assert output.splitlines()[-1] == expected


def test_a_process_that_may_have_threads_is_not_copied(start: Start) -> None:
    output, _ = start("here").communicate(timeout=60)
    assert output.splitlines() == ["step: True", "value: done"]


def test_what_an_error_carries_comes_along(start: Start) -> None:
    output, _ = start("differ").communicate(timeout=60)
    assert output.startswith("ParityError: differs {")
    assert "'conversion': 'kept'" in output


def test_an_interrupted_parent_ends_all_that_its_child_started(start: Start) -> None:
    process = start("start")
    assert process.stdout is not None
    grandchild = int(process.stdout.readline().split()[-1])
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert _is_gone(grandchild)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux kills with the parent")
def test_a_killed_parent_leaves_no_child(start: Start) -> None:
    process = start("clean")
    assert process.stdout is not None
    child = int(process.stdout.readline().split()[-1])
    process.kill()
    process.communicate(timeout=60)
    assert _is_gone(child)


def test_a_child_that_is_ended_cleans_up(start: Start, tmp_path: Path) -> None:
    process = start("clean", seconds=2)
    assert process.stdout is not None
    process.stdout.readline()
    assert (tmp_path / "partial").exists()
    process.communicate(timeout=60)
    assert not (tmp_path / "partial").exists()


def _is_gone(process: int, *, seconds: float = 10) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        try:
            os.kill(process, 0)
        except ProcessLookupError:
            return True
        # A container without an init process keeps the dead as zombies.
        state = Path(f"/proc/{process}/stat")
        if state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_memory_is_bounded_by_the_container(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    assert available_bytes(tmp_path) is None
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9000 kB\nMemAvailable:    8000 kB\n")
    assert available_bytes(tmp_path) == 8_192_000
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.current").write_text("3000000\n")
    (group / "memory.max").write_text("max\n")
    assert available_bytes(tmp_path) == 8_192_000
    (group / "memory.max").write_text("5000000\n")
    assert available_bytes(tmp_path) == 2_000_000
    (group / "memory.stat").write_text("anon 1\ninactive_file 500000\n")
    assert available_bytes(tmp_path) == 2_500_000


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
def test_resident_memory_is_that_of_the_process() -> None:
    before = resident_bytes(os.getpid())
    held = b"x" * 50_000_000
    after = resident_bytes(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before > len(held) * 0.9
    assert resident_bytes(2**30) is None
