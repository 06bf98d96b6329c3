"""Rates that hold, and bounds on what waits."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.monitoring.records.batches import record_columns
from mlserve_cli.monitoring.records.buffer import RecordBuffer
from mlserve_cli.monitoring.records.entry import Entry
from mlserve_cli.monitoring.records.layout import layout_of
from mlserve_cli.monitoring.records.single import SingleForm
from mlserve_cli.signature import Column, Signature, Task


@dataclass(frozen=True, eq=False)
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


CLASSES = Recorded(
    "c",
    3,
    Signature(
        Task.CLASSIFICATION,
        (Column("x"), Column("y")),
        classes=("a", "b"),
        probabilities=True,
    ),
)


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.floats()), min_size=1, max_size=30))
def test_rows_that_were_packed_are_recorded_as_all_others(
    rows: list[tuple[bool, bool, float]],
) -> None:
    """Single rows of two models, packed and not, come out in order and as they were."""
    mixed, plain = RecordBuffer(), RecordBuffer()
    forms: dict[str, SingleForm] = {}
    for place, (is_packed, is_class, value) in enumerate(rows):
        time, seconds = 1e9 + place, place / 8
        model = CLASSES if is_class else MODEL
        row = np.full(len(model.signature.columns), value).tobytes()
        labels = np.array([place % 2]) if is_class else np.array([[place]], np.float32)
        shares = np.array([[0.25, 0.75]]) if is_class else None
        entry = Entry(model, time, [row], 1, 1, labels, shares, [seconds])
        plain.put(entry, 8)
        if is_packed:
            form = forms.setdefault(model.name, SingleForm(len(row), labels, shares))
            assert form.fits(len(row), labels, shares)
            mixed.put_single(model, form, form.pack(time, seconds, row, labels, shares))
        else:
            mixed.put(entry, 8)
    assert recorded(mixed.take()) == recorded(plain.take())


def test_rows_that_were_packed_are_few_entries_however_they_came() -> None:
    buffer = RecordBuffer()
    labels = np.zeros(1)
    form = SingleForm(8, labels, None)
    for place in range(100):
        buffer.put_single(MODEL, form, form.pack(place, 0.1, b"\0" * 8, labels, None))
        buffer.put_single(CLASSES, form, form.pack(place, 0.1, b"\0" * 8, labels, None))
        buffer.put(entry(), 8)
    assert sorted(found.rows for found in buffer.take()) == [1] * 100 + [100] * 2


def test_rows_of_another_kind_do_not_fit() -> None:
    labels, shares = np.array([1]), np.array([[0.5, 0.5]])
    form = SingleForm(16, labels, shares)
    assert form.fits(16, labels, shares)
    assert not form.fits(24, labels, shares)
    assert not form.fits(16, labels.astype(float), shares)
    assert not form.fits(16, labels, None)
    assert not form.fits(16, labels, np.array([[0.2, 0.3, 0.5]]))
    assert not form.fits(16, labels, shares.astype(np.float32))


def recorded(entries: list[Entry]) -> list[Any]:
    """All rows of all columns of each model, in order."""
    found: list[Any] = []
    for model in (MODEL, CLASSES):
        own = [entry for entry in entries if entry.model is model]
        columns = record_columns(layout_of(model), own).values() if own else ()
        told = [column.objects(range(len(column.values))) for column in columns]
        found.append([repr(row) for row in zip(*told, strict=True)])
    return found
