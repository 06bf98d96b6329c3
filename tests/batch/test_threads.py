"""How many blocks are scored at the same time."""

import os
from pathlib import Path

import pytest

from mlserve_cli.batch import threads
from mlserve_cli.batch.threads import usable_processors


@pytest.mark.parametrize(
    ("allowed", "quota", "expected"),
    [
        (8, "max 100000\n", 8),
        (8, "250000 100000\n", 3),
        (8, "50000 100000\n", 1),
        (2, "400000 100000\n", 2),
        (8, None, 8),
        (8, "what is this", 8),
    ],
)
def test_as_many_as_a_container_may_keep_busy(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, allowed: int, quota: str | None, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(allowed)), raising=False)
    monkeypatch.setattr(threads, "_QUOTA", tmp_path / "cpu.max")
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert usable_processors() == expected
