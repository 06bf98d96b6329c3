"""Lines that are written while nobody waits for them, and readers who do not read."""

import contextlib
import os
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlserve_cli.serving.log_writer import LogWriter


@contextlib.contextmanager
def pipe_for_stderr() -> Iterator[int]:
    """What is written to stderr within can be read from here."""
    reading, writing = os.pipe()
    before = sys.stderr
    with os.fdopen(reading, "rb"), os.fdopen(writing, "w") as stream:
        # Not by a fixture: pytest captures anew for each phase of a test.
        sys.stderr = stream
        try:
            yield reading
        finally:
            sys.stderr = before


def test_every_line_is_written_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "log").open("w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        writer = LogWriter[int](str)
        writer.put(-1)
        with writer.in_background():
            for number in range(10_000):
                writer.put(number)
        writer.put(10_000)
    lines = (tmp_path / "log").read_text().splitlines()
    assert lines == [str(number) for number in range(-1, 10_001)]
    assert writer.dropped == 0


def test_nobody_waits_for_a_reader_who_does_not_read() -> None:
    writer = LogWriter[str](lambda line: line, most_waiting=100)
    line = "x" * 1000
    with pipe_for_stderr() as pipe, writer.in_background():
        # More than a pipe holds.
        while not writer.dropped:
            writer.put(line)
            time.sleep(0.0001)
        dropped = writer.dropped
        for _ in range(1000):
            writer.put(line)
        assert writer.dropped == dropped + 1000
        # Once somebody reads, it goes on.
        while len(writer):
            assert set(os.read(pipe, 65_536)) == set(b"x\n")
        writer.put(line)
        assert writer.dropped == dropped + 1000


def test_lines_of_several_writers_are_not_mixed() -> None:
    read: list[bytes] = []
    writers = [LogWriter[str](lambda line: line) for _ in range(2)]
    with pipe_for_stderr() as pipe:

        def keep_reading() -> None:
            while not read or not read[-1].endswith(b"end\n"):
                read.append(os.read(pipe, 65_536))

        reader = threading.Thread(target=keep_reading)
        reader.start()
        with writers[0].in_background(), writers[1].in_background():
            for number in range(3000):
                for letter, writer in zip("ab", writers, strict=True):
                    writer.put(f"{letter * 100}{number}")
        writers[0].put("end")
        reader.join(30)
    lines = b"".join(read).decode().splitlines()[:-1]
    for letter in "ab":
        own = [line for line in lines if line.startswith(letter)]
        assert own == [f"{letter * 100}{number}" for number in range(3000)]


def test_a_line_that_cannot_be_made_does_not_end_the_writing() -> None:
    writer = LogWriter[int](lambda number: str(1 // number))
    with pipe_for_stderr() as pipe:
        with writer.in_background():
            for number in (1, 0, 1):
                writer.put(number)
        assert os.read(pipe, 100) == b"1\n1\n"
    assert writer.dropped == 1


def test_a_reader_who_is_gone_is_no_reason_to_stop(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        os.close(reading)
        writer = LogWriter[str](str)
        with writer.in_background():
            writer.put("nobody reads this")
