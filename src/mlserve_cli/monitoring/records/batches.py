"""Entries as columns of Arrow."""

import itertools
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mlserve_cli.monitoring.records import arrays
from mlserve_cli.signature import Layout

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.entry import Entry
    from mlserve_cli.monitoring.records.layout import RecordLayout

_MICROSECONDS = 1_000_000


def record_batch(layout: "RecordLayout", entries: "Sequence[Entry]") -> pa.RecordBatch:
    """The kept rows of entries of one model.

    Args:
        layout: Which columns there are.
        entries: At least one.
    """
    picked = _picked(entries)
    schema = layout.schema
    values = itertools.chain(
        _inputs(layout, entries),
        _columns([entry.labels for entry in entries], entries, len(layout.roles.outputs)),
        _columns([e.probabilities for e in entries], entries, len(layout.roles.probabilities)),
    )
    columns = [
        arrays.arrow_array(column if picked is None else column[picked], field.type)
        for column, field in zip(values, schema, strict=False)
    ]
    columns += _context(layout, entries, picked)
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _picked(entries: "Sequence[Entry]") -> NDArray[np.intp] | None:
    """Which of all rows are kept; None for all."""
    if all(entry.kept == entry.rows for entry in entries):
        return None
    starts = np.cumsum([0, *(entry.rows for entry in entries)])
    return np.concatenate(
        [
            start + np.arange(entry.kept) * entry.rows // entry.kept
            for start, entry in zip(starts, entries, strict=False)
        ]
    )


def _inputs(layout: "RecordLayout", entries: "Sequence[Entry]") -> Iterator[NDArray[Any]]:
    signature = layout.roles.signature
    parts: list[Any] = list(itertools.chain.from_iterable(entry.parts for entry in entries))
    if signature.layout is Layout.MATRIX:
        matrix = np.frombuffer(b"".join(parts), np.float64).reshape(-1, len(signature.columns))
        yield from np.ascontiguousarray(matrix[:, list(layout.positions)].T)
        return
    for place in layout.positions:
        name = signature.names[place]
        yield _joined([part[name] for part in parts])


def _joined(parts: Sequence[NDArray[Any]]) -> NDArray[Any]:
    """One array of several; integers among floats stay exact."""
    if {part.dtype.kind for part in parts} == {"i", "f"}:
        parts = [
            np.array([None if value != value else int(value) for value in part.tolist()], object)  # noqa: PLR0124
            for part in parts
        ]
    return np.concatenate(parts)


def _columns(
    found: "list[NDArray[Any] | None]", entries: "Sequence[Entry]", width: int
) -> Iterator[NDArray[Any]]:
    """The columns of arrays of shape `(rows,)` or `(rows, width)`; missing where None."""
    if not width:
        return
    shaped = [
        np.full((entry.rows, width), None, np.object_)
        if values is None
        else values.reshape(entry.rows, -1)[:, :width]
        for values, entry in zip(found, entries, strict=True)
    ]
    yield from np.ascontiguousarray(np.concatenate(shaped).T)


def _counts(entries: "Sequence[Entry]") -> NDArray[np.intp]:
    """Rows of each request."""
    if all(entry.counts is None for entry in entries):
        return np.ones(sum(entry.rows for entry in entries), np.intp)
    counts = (entry.counts or [1] * entry.rows for entry in entries)
    return np.array(list(itertools.chain.from_iterable(counts)), np.intp)


def _names(ids: list[bytes], request: NDArray[np.intp]) -> pa.Array:
    """What the requests of rows are called."""
    if not any(ids):
        return pa.nulls(len(request), pa.string())
    return arrays.texts([ids[place] or None for place in request.tolist()])


def _context(
    layout: "RecordLayout", entries: "Sequence[Entry]", picked: NDArray[np.intp] | None
) -> list[pa.Array]:
    flat = _counts(entries)
    rows = int(flat.sum())
    chosen = np.arange(rows) if picked is None else picked
    # Which request each row belongs to, and where that begins.
    request = np.repeat(np.arange(len(flat)), flat)[chosen]
    starts = np.cumsum(flat) - flat
    times = np.repeat([entry.time for entry in entries], [entry.rows for entry in entries])
    seconds = np.array(list(itertools.chain.from_iterable(entry.seconds for entry in entries)))
    ids: list[bytes] = []
    # Most clients give no names.
    if any(entry.request_ids for entry in entries):
        for entry in entries:
            ids += entry.request_ids or [b""] * len(entry.seconds)
    roles, count = layout.roles, len(chosen)
    return [
        arrays.numbers((times[chosen] * _MICROSECONDS).astype(np.int64), arrays.TIME),
        arrays.numbers(seconds[request], pa.float64()),
        _names(ids, request),
        arrays.numbers((chosen - starts[request] + 1).astype(np.int64), pa.int64()),
        arrays.repeated(roles.model, count),
        arrays.numbers(np.full(count, roles.version, np.int64), pa.int64()),
    ]
