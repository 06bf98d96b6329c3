"""Entries as columns."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from operator import attrgetter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlserve_cli.monitoring.records.columns import Column, column_of, texts
from mlserve_cli.signature import Layout

if TYPE_CHECKING:
    from mlserve_cli.monitoring.records.entry import Entry, Part
    from mlserve_cli.monitoring.records.layout import RecordLayout

_MICROSECONDS = 1_000_000


class _Calls(NamedTuple):
    """Entries, one field after the other; see `Entry`.

    There may be a thousand. Loops of Python over them would keep other threads waiting.
    """

    time: "tuple[float | NDArray[np.float64], ...]"
    parts: "tuple[Sequence[Part], ...]"
    rows: tuple[int, ...]
    kept: tuple[int, ...]
    labels: tuple[NDArray[Any] | None, ...]
    probabilities: tuple[NDArray[Any] | None, ...]
    seconds: tuple[list[float], ...]
    counts: tuple[list[int] | None, ...]
    request_ids: tuple[list[bytes] | None, ...]


_fields_of = attrgetter(*_Calls._fields)


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
    calls = _Calls(*zip(*map(_fields_of, entries), strict=True))
    times = np.array(list(itertools.chain.from_iterable(map(_each, calls.time, calls.rows))))
    picked = _in_order(_picked(calls), times)
    roles = layout.roles
    values = itertools.chain(
        _inputs(layout, calls),
        _columns(calls.labels, calls.rows, len(roles.outputs)),
        _columns(calls.probabilities, calls.rows, len(roles.probabilities)),
    )
    columns = []
    for column, kind in zip(values, layout.kinds.values(), strict=False):
        columns.append(column_of(column if picked is None else column[picked], kind))
        pause()
    columns += _context(layout, calls, times, picked)
    pause()
    return dict(zip(layout.kinds, columns, strict=True))


def _picked(calls: _Calls) -> NDArray[np.intp] | None:
    """Which of all rows are kept; None for all."""
    if calls.kept == calls.rows:
        return None
    starts = np.cumsum([0, *calls.rows])
    return np.concatenate(
        [
            start + np.arange(kept) * rows // kept
            for start, rows, kept in zip(starts, calls.rows, calls.kept, strict=False)
        ]
    )


def _in_order(
    picked: NDArray[np.intp] | None, times: NDArray[np.float64]
) -> NDArray[np.intp] | None:
    """The same rows as they were scored, one after the other."""
    known = times if picked is None else times[picked]
    if np.all(known[:-1] <= known[1:]):
        return picked
    order = np.argsort(known, kind="stable")
    return order if picked is None else picked[order]


def _inputs(layout: "RecordLayout", calls: _Calls) -> Iterator[NDArray[Any]]:
    signature = layout.roles.signature
    parts: list[Any] = list(itertools.chain.from_iterable(calls.parts))
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
    found: "Sequence[NDArray[Any] | None]", rows: Sequence[int], width: int
) -> Iterator[NDArray[Any]]:
    """The columns of arrays of shape `(rows,)` or `(rows, width)`; missing where None."""
    if not width:
        return
    known = [values for values in found if values is not None]
    if len(known) < len(found):
        known = [
            np.full((count, width), None, np.object_)
            if values is None
            else values.reshape(count, -1)[:, :width]
            for values, count in zip(found, rows, strict=True)
        ]
    yield from np.ascontiguousarray(np.concatenate(known).reshape(sum(rows), -1)[:, :width].T)


def _counts(calls: _Calls) -> NDArray[np.intp]:
    """Rows of each request."""
    if not any(calls.counts):
        return np.ones(sum(calls.rows), np.intp)
    counts = (counts or [1] * rows for counts, rows in zip(calls.counts, calls.rows, strict=True))
    return np.array(list(itertools.chain.from_iterable(counts)), np.intp)


def _each(time: "float | NDArray[np.float64]", rows: int) -> list[float]:
    """When each row was scored."""
    return time.tolist() if isinstance(time, np.ndarray) else [time] * rows


def _names(ids: list[bytes], request: NDArray[np.intp]) -> Column:
    """What the requests of rows are called."""
    if not any(ids):
        return Column([b""] * len(request), np.zeros(len(request), np.bool_))
    return texts(ids[place] or None for place in request.tolist())


def _context(
    layout: "RecordLayout",
    calls: _Calls,
    times: NDArray[np.float64],
    picked: NDArray[np.intp] | None,
) -> list[Column]:
    flat = _counts(calls)
    rows = int(flat.sum())
    chosen = np.arange(rows) if picked is None else picked
    # Which request each row belongs to, and where that begins.
    request = np.repeat(np.arange(len(flat)), flat)[chosen]
    starts = np.cumsum(flat) - flat
    seconds = np.array(list(itertools.chain.from_iterable(calls.seconds)))
    ids: list[bytes] = []
    # Most clients give no names.
    if any(calls.request_ids):
        for names, durations in zip(calls.request_ids, calls.seconds, strict=True):
            ids += names or [b""] * len(durations)
    roles, count = layout.roles, len(chosen)
    return [
        Column((times[chosen] * _MICROSECONDS).astype(np.int64)),
        Column(seconds[request]),
        _names(ids, request),
        Column((chosen - starts[request] + 1).astype(np.int64)),
        Column([roles.model.encode()] * count),
        Column(np.full(count, roles.version, np.int64)),
    ]
