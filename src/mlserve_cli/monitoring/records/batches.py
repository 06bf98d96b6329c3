"""Entries as columns."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.monitoring.records.columns import Column, column_of, texts
from mlserve_cli.signature import Layout

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.entry import Entry
    from mlserve_cli.monitoring.records.layout import RecordLayout

_MICROSECONDS = 1_000_000


def record_columns(
    layout: "RecordLayout",
    entries: "Sequence[Entry]",
    pause: Callable[[], None] = lambda: None,
) -> dict[str, Column]:
    """The kept rows of entries of one model, as the columns of its layout.

    Args:
        layout: Which columns there are.
        entries: At least one.
        pause: Called after each step.

    Raises:
        ValueError: A value is none of its column's kind.
        TypeError: The same.
        OverflowError: An integer is too large.
    """
    picked = _picked(entries)
    values = itertools.chain(
        _inputs(layout, entries),
        _columns([entry.labels for entry in entries], entries, len(layout.roles.outputs)),
        _columns([e.probabilities for e in entries], entries, len(layout.roles.probabilities)),
    )
    columns = []
    for column, kind in zip(values, layout.kinds.values(), strict=False):
        columns.append(column_of(column if picked is None else column[picked], kind))
        pause()
    columns += _context(layout, entries, picked)
    pause()
    return dict(zip(layout.kinds, columns, strict=True))


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
    known = [values for values in found if values is not None]
    if len(known) == len(found):
        rows = sum(entry.rows for entry in entries)
        yield from np.ascontiguousarray(np.concatenate(known).reshape(rows, -1)[:, :width].T)
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


def _names(ids: list[bytes], request: NDArray[np.intp]) -> Column:
    """What the requests of rows are called."""
    if not any(ids):
        return Column([b""] * len(request), np.zeros(len(request), np.bool_))
    return texts(ids[place] or None for place in request.tolist())


def _context(
    layout: "RecordLayout", entries: "Sequence[Entry]", picked: NDArray[np.intp] | None
) -> list[Column]:
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
        Column((times[chosen] * _MICROSECONDS).astype(np.int64)),
        Column(seconds[request]),
        _names(ids, request),
        Column((chosen - starts[request] + 1).astype(np.int64)),
        Column([roles.model.encode()] * count),
        Column(np.full(count, roles.version, np.int64)),
    ]
