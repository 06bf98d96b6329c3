"""Predictions recorded, and the history kept, while a server answers.

On the event loop a call of a model costs a reference to what it read and said, or a copy of its
only row; a thread does the rest. Nothing here fails or delays a request.
"""

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.errors import UsageError
from mlserve_cli.monitoring.families import Family, Kind
from mlserve_cli.monitoring.feedback.database import FEEDBACK_NAME, open_to_write
from mlserve_cli.monitoring.history import History
from mlserve_cli.monitoring.records.buffer import RecordBuffer
from mlserve_cli.monitoring.records.entry import Entry
from mlserve_cli.monitoring.records.single import SingleForm
from mlserve_cli.monitoring.registry import Reading
from mlserve_cli.serving.pace import Pace
from mlserve_cli.serving.quality_watch import QualityWatch
from mlserve_cli.serving.traffic import traffic_of

if TYPE_CHECKING:
    from typing import Any

    from numpy.typing import NDArray

    from mlserve_cli.monitoring.drift_state import DriftState
    from mlserve_cli.monitoring.records.entry import Part
    from mlserve_cli.monitoring.records.writer import RecordWriter
    from mlserve_cli.monitoring.registry import Registry
    from mlserve_cli.serving.arrivals import Arrival
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.scoring import Scored
    from mlserve_cli.serving.single_rows import Asker
    from mlserve_cli.serving.waiting import Waiting

_LOGGER = logging.getLogger("mlserve")
DEFAULT_FOLDER = Path(".mlserve/records")
DEFAULT_ROWS_PER_SECOND = 1000.0
DEFAULT_MAX_BYTES = 1 << 30
# A server that is killed loses the rows of that time and of one writing.
_FLUSH_SECONDS = 0.5
# As long as a flush may rest; where many rows are recorded, it has no time for more.
_REST_SECONDS = 0.2
# Every so many flushes the history, which is by the minute, is brought up to date.
_HISTORY_FLUSHES = 4
# How long a server that stops waits for its last rows to be written.
_STOP_SECONDS = 5.0
# Memory of a row's objects beside its values.
_ROW_BYTES = 100

RECORDS = Family(
    "mlserve_records_total",
    "Rows of predictions that were written to records.",
    Kind.COUNTER,
    ("model", "version"),
)
DROPPED_RECORDS = Family(
    "mlserve_records_dropped_total",
    "Rows that were to be recorded but were not: the thread that writes was too slow (buffer), or "
    "they could not be written (disk).",
    Kind.COUNTER,
    ("reason",),
)


@dataclass(frozen=True, slots=True)
class RecordOptions:
    """What is kept of predictions.

    Attributes:
        folder: Where records and history are.
        rows_per_second: Rows recorded at the most, over all workers; 0 keeps the history only.
        redacted: Inputs that are left out.
        max_bytes: Of the records of all models; the oldest go first.
    """

    folder: Path = DEFAULT_FOLDER
    rows_per_second: float = DEFAULT_ROWS_PER_SECOND
    redacted: tuple[str, ...] = ()
    max_bytes: int = DEFAULT_MAX_BYTES


class Recording:
    """Takes notes of what one process predicts, and has a thread write them.

    Args:
        options: What is kept.
        metrics: Of the server; they tell how many rows were recorded, and feed the history.
        models: Gives those that are served.
        clock: Gives the time in seconds.
        name_of: Gives what a request is called.

    Raises:
        UsageError: No model has a column that is to be left out.
    """

    def __init__(
        self,
        options: RecordOptions,
        metrics: "Registry",
        models: "Callable[[], Iterable[LoadedModel]]",
        clock: Callable[[], float],
        name_of: "Callable[[Arrival], bytes]",
    ) -> None:
        _check_redacted(options.redacted, models())
        self.options = options
        self._metrics = metrics
        self._clock = clock
        self._name_of = name_of
        self._buffer = RecordBuffer(options.rows_per_second)
        # By name and version.
        self._forms: dict[tuple[str, int], SingleForm] = {}
        self._writer: RecordWriter | None = None
        self._history: History | None = None
        self._has_failed = False
        # What the watch of drift says, where there is one.
        self.drift_states: Callable[[], list[DriftState]] = list
        self._stopping = threading.Event()
        self._pace = Pace(self._stopping)
        # The same for all workers, since it is made before they are forked.
        self._server = os.urandom(8).hex()
        self._quality = QualityWatch(options.folder, metrics, models)
        metrics.collect_from(self._readings, RECORDS, DROPPED_RECORDS)

    def share(self, workers: int) -> None:
        """Each of so many workers records its share of the rows."""
        self._buffer.rows_per_second = self.options.rows_per_second / workers

    def note_single_rows(
        self,
        model: "LoadedModel",
        numbers: bytes,
        scored: "Scored",
        askers: "Sequence[Asker]",
    ) -> None:
        """Notes requests of one row each, before they are answered.

        Args:
            model: Who was asked.
            numbers: The rows, as `Rows.data`.
            scored: What it said about them.
            askers: Who waits.
        """
        now, count = self._clock(), len(askers)
        kept = self._buffer.admit(count, now)
        if kept:
            labels, first = scored.labels, askers[0]
            is_packed = count == 1 and not first.request_id
            if is_packed and labels is not None and not labels.dtype.hasobject:
                seconds_taken = now - first.started
                self._note_alone(model, numbers, labels, scored.probabilities, seconds_taken)
                return
            said = (labels, scored.probabilities)
            seconds = [now - asker.started for asker in askers]
            ids = [asker.request_id for asker in askers]
            names = ids if any(ids) else None
            entry = Entry(model, time.time(), [numbers], count, kept, *said, seconds, None, names)
            self._put(entry)

    def note(self, model: "LoadedModel", waiting: "Sequence[Waiting]", scored: "Scored") -> None:
        """Notes requests that were scored together, before they are answered.

        Args:
            model: Who was asked.
            waiting: Who waits.
            scored: What it said about their rows.
        """
        try:
            self._note(model, waiting, scored)
        # They wait for an answer, which is there.
        except Exception:
            _LOGGER.exception("unexpected error while recording")

    @contextlib.contextmanager
    def in_background(self, *, keeps_history: bool) -> Iterator[None]:
        """Writes in a thread; in the end waits a moment until all is written.

        Args:
            keeps_history: Whether this process keeps the history; one of the server's does.
        """
        self._stopping.clear()
        thread = threading.Thread(
            target=self._run, args=(keeps_history,), name="mlserve-records", daemon=True
        )
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            thread.join(_STOP_SECONDS)

    def keep_history(self, pause: Callable[[], None] = lambda: None) -> None:
        """Brings the history up to date; what cannot be written now is tried again.

        Args:
            pause: Called between short steps of work.
        """
        import sqlite3

        folder = self.options.folder
        try:
            if self._history is None:
                self._history = History(folder, self._server)
            traffic = traffic_of(self._metrics)
            pause()
            self._history.add(traffic, time.time())
            pause()
            self._history.add_drift(self.drift_states(), time.time())
            pause()
        except (OSError, sqlite3.Error) as error:
            if not self._has_failed:
                reason = error.strerror if isinstance(error, OSError) else None
                _LOGGER.warning("The history is not kept in %s: %s", folder, reason or error)
            self._has_failed = True
        else:
            self._has_failed = False

    def finish(self) -> None:
        """Leaves whole files, with all that was done; called when no other process serves."""
        import sqlite3

        self.keep_history()
        self._close()
        # Whoever is the last to close such a file takes up what stands beside it.
        with contextlib.suppress(OSError, sqlite3.Error):
            if (self.options.folder / FEEDBACK_NAME).is_file():
                open_to_write(self.options.folder).close()

    def _close(self) -> None:
        if self._history is not None:
            self._history.close()
            self._history = None
        if self._writer is not None:
            self._writer.close()

    def _note(self, model: "LoadedModel", waiting: "Sequence[Waiting]", scored: "Scored") -> None:
        now = self._clock()
        counts = [one.call.rows.count for one in waiting]
        rows = sum(counts)
        kept = self._buffer.admit(rows, now)
        if kept:
            parts = [one.call.rows.data for one in waiting]
            seconds = [now - one.since for one in waiting]
            ids = [b"" if one.arrival is None else self._name_of(one.arrival) for one in waiting]
            said = (scored.labels, scored.probabilities)
            self._put(Entry(model, time.time(), parts, rows, kept, *said, seconds, counts, ids))

    def _note_alone(
        self,
        model: "LoadedModel",
        row: bytes,
        labels: "NDArray[Any]",
        probabilities: "NDArray[Any] | None",
        seconds: float,
    ) -> None:
        key = (model.name, model.version)
        form = self._forms.get(key)
        if form is None or not form.fits(len(row), labels, probabilities):
            form = self._forms[key] = SingleForm(len(row), labels, probabilities)
        packed = form.pack(time.time(), seconds, row, labels, probabilities)
        self._buffer.put_single(model, form, packed)

    def _put(self, entry: Entry) -> None:
        size_bytes = sum(map(_size_bytes, entry.parts)) + entry.rows * _ROW_BYTES
        self._buffer.put(entry, size_bytes)

    def _run(self, keeps_history: bool) -> None:
        flushes = 0
        is_last = False
        while not is_last:
            is_last = self._stopping.wait(_FLUSH_SECONDS if flushes else 0)
            flushes += 1
            # The thread must live as long as the server.
            try:
                pause = self._pace.begin(_REST_SECONDS)
                self._flush(pause)
                if keeps_history and (is_last or flushes % _HISTORY_FLUSHES == 1):
                    pause()
                    self.keep_history(pause)
                    self._quality.look()
            except Exception:
                _LOGGER.exception("unexpected error while recording")
        self._close()

    def _flush(self, pause: Callable[[], None]) -> None:
        if self._writer is None:
            if self.options.rows_per_second <= 0:
                return
            # A server that starts does not wait for these.
            from mlserve_cli.monitoring.feedback.waiting import WaitingPredictions
            from mlserve_cli.monitoring.records.retention import Retention
            from mlserve_cli.monitoring.records.writer import RecordWriter

            options = self.options
            retention = Retention(options.max_bytes)
            self._writer = RecordWriter(
                options.folder,
                self._buffer,
                options.redacted,
                retention,
                waiting=WaitingPredictions(options.folder),
            )
        self._writer.flush(pause)

    def _readings(self) -> Iterator[Reading]:
        yield Reading(DROPPED_RECORDS, ("buffer",), self._buffer.dropped)
        writer = self._writer
        if writer is not None:
            yield Reading(DROPPED_RECORDS, ("disk",), writer.dropped)
            for labels, rows in list(writer.written.items()):
                yield Reading(RECORDS, labels, rows)


def _size_bytes(part: "Part") -> int:
    """About the memory that the values of a request take."""
    if isinstance(part, bytes):
        return len(part)
    return sum(_column_bytes(values) for values in part.values())


def _column_bytes(values: "np.ndarray[tuple[int, ...], np.dtype[np.generic]]") -> int:
    if values.dtype != np.object_:
        return values.nbytes
    return sum(_ROW_BYTES + (len(value) if isinstance(value, str) else 0) for value in values)


def _check_redacted(redacted: Collection[str], models: "Iterable[LoadedModel]") -> None:
    names = {name for model in models for name in model.signature.names}
    unknown = sorted(set(redacted) - names)
    if unknown:
        raise UsageError(
            f"No model has the column {unknown[0]!r}, which records are to leave out; the columns "
            f"are: {', '.join(sorted(names))}.",
            hint="Give it as the model calls it: --redact COLUMN",
        )
