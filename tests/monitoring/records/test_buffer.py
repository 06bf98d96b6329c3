"""Rates that hold, and bounds on what waits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.monitoring.records.buffer import RecordBuffer
from mlserve_cli.monitoring.records.entry import Entry
from mlserve_cli.signature import Column, Signature, Task


@dataclass(frozen=True)
class Recorded:
    """A model as records know it."""

    name: str
    version: int
    signature: Signature
    metrics: Mapping[str, float] = field(default_factory=dict)


MODEL = Recorded("m", 1, Signature(Task.REGRESSION, (Column("x"),)))


def entry() -> Entry:
    return Entry(MODEL, 0.0, [b"\0" * 8], 1, 1, np.zeros(1), None, [0.1])


@given(
    st.floats(0.1, 1000),
    st.lists(st.tuples(st.floats(0, 5), st.integers(1, 3000)), min_size=1, max_size=50),
)
def test_no_more_rows_than_the_rate_and_those_of_two_seconds(
    rate: float, arrivals: list[tuple[float, int]]
) -> None:
    buffer = RecordBuffer(rate)
    now = kept = 0.0
    for pause, rows in arrivals:
        now += pause
        found = buffer.admit(rows, now)
        assert 0 <= found <= rows
        kept += found
    assert kept <= rate * now + 2 * max(1.0, rate) + 1e-6


def test_a_busy_server_records_as_many_rows_as_the_rate_says() -> None:
    buffer = RecordBuffer(100)
    kept = sum(buffer.admit(7, k / 1000) for k in range(60_000))
    assert kept == pytest.approx(60 * 100, rel=0.03)


def test_a_quiet_server_records_all_rows() -> None:
    buffer = RecordBuffer(100)
    assert all(buffer.admit(5, k / 20) == 5 for k in range(2000))


@pytest.mark.parametrize(("rate", "kept"), [(math.inf, 10), (0, 0), (0.5, 1), (4, 4)])
def test_rates_at_their_bounds(rate: float, kept: int) -> None:
    buffer = RecordBuffer(rate)
    assert buffer.admit(10, 5.0) == kept
    assert buffer.admit(10, 5.0) == (10 if rate == math.inf else 0)


def test_rows_that_find_too_much_waiting_are_dropped_and_counted() -> None:
    buffer = RecordBuffer(max_waiting_bytes=1000)
    for _ in range(20):
        if buffer.admit(1, 0.0):
            buffer.put(entry(), 100)
    assert len(buffer.take()) == 11
    assert buffer.dropped == 9
    assert buffer.admit(1, 0.0) == 1
    assert buffer.take() == []
