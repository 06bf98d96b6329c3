"""What one process leaves is whole for the others, or not there."""

import os
import signal
import time

from mlserve_cli.serving.sheet import SharedSheet


def test_nothing_was_left_at_first() -> None:
    sheet = SharedSheet()
    assert sheet.read() == b""
    assert sheet.remembered() is None
    sheet.close()


def test_the_last_content_counts_also_where_it_is_shorter() -> None:
    sheet = SharedSheet()
    for content in (b"long" * 1000, b"short", b""):
        sheet.write(content)
        assert sheet.read() == content
    sheet.remember({"windows": [1, 2]})
    assert sheet.remembered() == {"windows": [1, 2]}
    sheet.close()


def test_readers_of_other_processes_never_see_half_of_it() -> None:
    sheet = SharedSheet()
    writer = os.fork()
    if writer == 0:
        while True:
            for digit in b"0123456789":
                sheet.write(bytes([digit]) * 50_000)
    try:
        deadline = time.monotonic() + 60
        seen: set[bytes] = set()
        while len(seen) < 5 and time.monotonic() < deadline:
            seen.add(sheet.read())
    finally:
        os.kill(writer, signal.SIGKILL)
        os.waitpid(writer, 0)
    assert len(seen) >= 5
    assert all(len(set(content)) <= 1 for content in seen)
    assert sheet.read() == b"" or len(sheet.read()) == 50_000
    sheet.close()
