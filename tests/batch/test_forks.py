"""Forks score what threads score, and whatever becomes of them is made good."""

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from tests.batch.test_resume import rows

from mlserve_cli.batch import BatchOptions, OnError, Progress, predict_file
from mlserve_cli.batch.forks import Fork
from mlserve_cli.batch.scoring import Piece
from mlserve_cli.errors import InterruptedJobError, SignatureError
from mlserve_cli.inference.predictor import Engine, Prediction
from mlserve_cli.signature import Column, Signature, Task

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Batch

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="forks are made on Linux only")

_SCRIPT = Path(__file__).with_name("scoring_process.py")


class Sum:
    """Predicts a + b, and does something else for certain values of a."""

    engine = Engine.ONNX
    signature = Signature(Task.REGRESSION, (Column("a"), Column("b")), named=True)

    def __init__(self, *special: float) -> None:
        self._special = special

    def predict(self, batch: "Batch", *, probabilities: bool = False) -> Prediction:
        assert isinstance(batch, np.ndarray)
        if np.isin(batch[:, 0], self._special).any():
            self.do_something()
        return Prediction(batch.sum(axis=1))

    def do_something(self) -> None:
        warnings.warn("This value is special.", stacklevel=2)

    def decision_function(self, batch: "Batch") -> Any:
        raise NotImplementedError


class Deadly(Sum):
    """Ends the process that is not the test's."""

    def __init__(self, *special: float) -> None:
        super().__init__(*special)
        self._process = os.getpid()

    def do_something(self) -> None:
        if os.getpid() != self._process:
            os.kill(os.getpid(), signal.SIGKILL)


@pytest.fixture(autouse=True)
def _two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})


@pytest.fixture
def scored_by_forks(monkeypatch: pytest.MonkeyPatch) -> list[Piece]:
    """What forks have scored."""
    pieces: list[Piece] = []
    score = Fork.score

    def noted(self: Fork, place: int, data: bytes) -> Piece | None:
        piece = score(self, place, data)
        if piece is not None:
            pieces.append(piece)
        return piece

    monkeypatch.setattr(Fork, "score", noted)
    return pieces


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The forks that were made."""
    processes: list[int] = []
    fork = os.fork

    def noted() -> int:
        process = fork()
        processes.append(process)
        return process

    monkeypatch.setattr(os, "fork", noted)
    return processes


def outputs_of(
    tmp_path: Path, source: Path, suffix: str, model: Sum | None = None, **options: Any
) -> Iterator[dict[str, bytes]]:
    """The files that a job writes with threads, and with forks."""
    for name, forks in (("threads", False), ("forks", True)):
        folder = tmp_path / name
        folder.mkdir()
        how = BatchOptions(block_bytes=1000, forks=forks, **options)
        predict_file(source, folder / f"out{suffix}", model or Sum(), how)
        yield {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("on_error", OnError)
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".jsonl"])
def test_forks_give_the_bytes_that_threads_give(
    tmp_path: Path,
    scored_by_forks: list[Piece],
    suffix: str,
    on_error: OnError,
    threads: int,
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3000, faulty=50 if on_error is OnError.SKIP else 0))
    of_threads, of_forks = outputs_of(tmp_path, source, suffix, on_error=on_error, threads=threads)
    assert of_forks == of_threads
    assert len(scored_by_forks) > 5
    if on_error is OnError.SKIP:
        assert sum(len(piece.rejected) for piece in scored_by_forks) > 5


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1"])
def test_objects_of_json_and_other_encodings_are_given_to_forks_as_well(
    tmp_path: Path, scored_by_forks: list[Piece], encoding: str
) -> None:
    source = tmp_path / "in.csv"
    source.write_text("a,b,t\n" + "".join(f"{k},1,né\n" for k in range(2000)), encoding=encoding)
    of_threads, of_forks = outputs_of(tmp_path, source, ".csv", encoding=encoding)
    assert of_forks == of_threads
    assert len(scored_by_forks) > 5
    lines = tmp_path / "in.jsonl"
    lines.write_text("".join(f'{{"a": {k}, "t": "é", "b": 1e3}}\n' for k in range(2000)))
    for name in ("threads", "forks"):
        how = BatchOptions(block_bytes=1000, forks=name == "forks")
        predict_file(lines, tmp_path / f"{name}.jsonl", Sum(), how)
    assert (tmp_path / "threads.jsonl").read_bytes() == (tmp_path / "forks.jsonl").read_bytes()
    assert len(scored_by_forks) > 10


def test_the_first_faulty_row_is_named_as_by_threads(tmp_path: Path, processes: list[int]) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3000, faulty=1700))
    for forks in (False, True):
        options = BatchOptions(block_bytes=1000, forks=forks)
        with pytest.raises(SignatureError, match=r"row 5 .line 7 of the file., column 'b'"):
            predict_file(source, tmp_path / "out.csv", Sum(), options)
    assert len(processes) == 1


def test_a_fork_that_dies_is_made_good(tmp_path: Path, scored_by_forks: list[Piece]) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3000))
    of_threads, of_forks = outputs_of(tmp_path, source, ".csv", Deadly(*range(0, 3000, 20)))
    assert of_forks == of_threads
    # Each block has a deadly row, so that the first one that a fork is given is its last.
    assert not scored_by_forks


def test_a_fork_that_is_killed_is_made_good(tmp_path: Path, processes: list[int]) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(20_000))
    predict_file(source, tmp_path / "whole.csv", Sum(), BatchOptions(block_bytes=1000))
    drawn = random.Random(3)
    for _ in range(10):
        at_rows = drawn.randrange(20_000)

        def kill(now: Progress, at_rows: int = at_rows) -> None:
            if now.rows > at_rows and processes:
                os.kill(processes.pop(), signal.SIGKILL)

        options = BatchOptions(block_bytes=1000, forks=True)
        predict_file(source, tmp_path / "out.csv", Sum(), options, progress=kill)
        assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_warning_is_shown_here(tmp_path: Path, scored_by_forks: list[Piece]) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3000))
    options = BatchOptions(block_bytes=1000, forks=True)
    with warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        # Each block has such a value, but for the last one perhaps.
        predict_file(source, tmp_path / "out.csv", Sum(*range(0, 3000, 20)), options)
    assert {str(one.message) for one in shown} == {"This value is special."}
    assert len(scored_by_forks) <= 1


def open_pipes() -> list[str]:
    """The pipes of this process; other tests may have left sockets and threads."""
    ends = [str(path.resolve()) for path in Path("/proc/self/fd").iterdir()]
    return sorted(end for end in ends if "pipe:" in end)


def test_nothing_is_left_of_forks(tmp_path: Path, processes: list[int]) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3000))
    before = open_pipes()
    predict_file(source, tmp_path / "out.csv", Sum(), BatchOptions(block_bytes=1000, forks=True))
    assert open_pipes() == before
    assert len(processes) == 1
    with pytest.raises(ProcessLookupError):
        os.kill(processes[0], 0)


def test_no_process_is_no_reason_to_give_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = []

    def refuse() -> int:
        refused.append(True)
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", refuse)
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3000))
    before = open_pipes()
    of_threads, of_forks = outputs_of(tmp_path, source, ".csv")
    assert of_forks == of_threads
    assert refused
    assert open_pipes() == before


def test_who_ignores_the_ends_of_children_is_no_error(tmp_path: Path) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(rows(100_000))
    command = f"trap '' CHLD; exec {sys.executable} {_SCRIPT} {source} {destination}"
    finished = subprocess.run(["sh", "-c", command], capture_output=True, check=True, timeout=60)
    assert finished.stderr == b""
    assert destination.exists()


@pytest.mark.parametrize("forks", [False, True])
def test_a_job_goes_on_with_forks_or_without(tmp_path: Path, forks: bool) -> None:
    source, destination = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(rows(3000))
    predict_file(source, tmp_path / "whole.csv", Sum(), BatchOptions(block_bytes=1000))

    def interrupt(now: Progress) -> None:
        if now.rows > 1000:
            raise InterruptedJobError("Stopped.")

    options = BatchOptions(block_bytes=1000, forks=not forks)
    with pytest.raises(InterruptedJobError):
        predict_file(source, destination, Sum(), options, progress=interrupt)
    options = BatchOptions(block_bytes=1000, forks=forks, resume=True)
    report = predict_file(source, destination, Sum(), options)
    assert report.resumed_rows > 1000
    assert destination.read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_fork_that_is_stopped_is_made_good(tmp_path: Path, processes: list[int]) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(20_000))
    predict_file(source, tmp_path / "whole.csv", Sum(), BatchOptions(block_bytes=1000))
    stopped: list[int] = []

    def stop(_: Progress) -> None:
        if not stopped:
            stopped.append(processes[0])
            os.kill(processes[0], signal.SIGSTOP)

    options = BatchOptions(block_bytes=1000, forks=True)
    predict_file(source, tmp_path / "out.csv", Sum(), options, progress=stop)
    assert stopped
    assert (tmp_path / "out.csv").read_bytes() == (tmp_path / "whole.csv").read_bytes()


def test_a_fork_that_hangs_does_not_keep_a_job_that_ends(
    tmp_path: Path, processes: list[int]
) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(20_000))

    def interrupt(_: Progress) -> None:
        os.kill(processes[0], signal.SIGSTOP)
        # It is given blocks that it does not score.
        time.sleep(0.2)
        raise InterruptedJobError("Stopped.")

    options = BatchOptions(block_bytes=1000, forks=True)
    with pytest.raises(InterruptedJobError):
        predict_file(source, tmp_path / "out.csv", Sum(), options, progress=interrupt)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_forks_end_with_their_process(tmp_path: Path, number: signal.Signals) -> None:
    source = tmp_path / "in.csv"
    source.write_bytes(rows(3000))
    command = [sys.executable, str(_SCRIPT), str(source), str(tmp_path / "out.csv"), "slow"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, start_new_session=True) as process:
        assert process.stderr is not None
        assert process.stderr.readline() == b"started\n"
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        assert len(children) == 1
        # As a terminal sends it: to all processes of the command.
        if number is signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        process.stderr.read()
    deadline = time.monotonic() + 10
    while is_alive(children[0]) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not is_alive(children[0])


def is_alive(process: str) -> bool:
    """Whether a process is there, and not only what is left of it."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{process}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
