"""Writes what waits in a buffer to files."""

import logging
import os
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import msgspec

from mlserve_cli.monitoring.records.batches import record_columns
from mlserve_cli.monitoring.records.growing import GrowingFile
from mlserve_cli.monitoring.records.layout import ROLES_KEY, RecordLayout, layout_of
from mlserve_cli.monitoring.records.retention import SUFFIX, Retention, tidy

if TYPE_CHECKING:
    from mlserve_cli.monitoring.feedback.waiting import WaitingPredictions
    from mlserve_cli.monitoring.records.buffer import RecordBuffer
    from mlserve_cli.monitoring.records.columns import Column
    from mlserve_cli.monitoring.records.entry import Entry, RecordedModel

_LOGGER = logging.getLogger("mlserve")
# How often old records are looked for.
_TIDY_SECONDS = 60.0
_FREED_ENTRIES = 50


class _Key(NamedTuple):
    """What has the same columns. Models are not kept here, since they may be large."""

    name: str
    version: int
    signature: int


class _Open(NamedTuple):
    """A file that grows. Its layout has the signature, which keeps the key from being reused."""

    layout: RecordLayout
    file: GrowingFile


class RecordWriter:
    """Writes the records of one process; several may write to one folder. For one thread.

    What cannot be written is dropped and counted.

    Args:
        folder: Of the records of all models; made where it is not there.
        buffer: What waits.
        redacted: Inputs that are left out.
        retention: How much is kept.
        now: Gives the seconds since 1970.
        waiting: Takes the rows that labels may come for; None where nobody does.
    """

    def __init__(
        self,
        folder: Path,
        buffer: "RecordBuffer",
        redacted: Collection[str] = (),
        retention: Retention | None = None,
        now: Callable[[], float] = time.time,
        waiting: "WaitingPredictions | None" = None,
    ) -> None:
        self.folder = folder
        self._waiting = waiting
        self.dropped = 0
        # Rows by name and version of the model.
        self.written: Counter[tuple[str, str]] = Counter()
        self._buffer = buffer
        self._redacted = frozenset(redacted)
        self._retention = retention or Retention()
        self._now = now
        self._open: dict[_Key, _Open] = {}
        # Unlike the number of the process, no other writer has it, on no machine.
        self._name = os.urandom(4).hex()
        self._count = 0
        self._tidied = 0.0
        self._failing: set[_Key] = set()
        self._is_waiting_broken = False

    def flush(self, pause: Callable[[], None] = lambda: None) -> None:
        """Writes everything that waits; afterwards the files have it.

        Args:
            pause: Called between short steps of work.
        """
        waiting: dict[_Key, list[Entry]] = {}
        for _, together in groupby(self._buffer.take(), lambda entry: id(entry.model)):
            entries = list(together)
            waiting.setdefault(_key(entries[0].model), []).extend(entries)
        pause()
        for key, entries in waiting.items():
            rows = sum(entry.kept for entry in entries)
            try:
                self._add(key, entries, pause)
            # The next rows may be better, and whoever asked has been answered.
            except Exception as error:
                self.dropped += rows
                self._note_failure(key, error)
            else:
                self.written[key.name, str(key.version)] += rows
                self._failing.discard(key)
        self._close_full_files()

    def close(self) -> None:
        """Lets the predictions that wait for labels go; `flush` goes on with them."""
        if self._waiting is not None:
            self._waiting.close()

    def _add(self, key: "_Key", entries: "list[Entry]", pause: Callable[[], None]) -> None:
        model, rows = entries[0].model, sum(entry.kept for entry in entries)
        found = self._open.get(key) or self._opened(key, model)
        columns = record_columns(found.layout, entries, pause)
        # To free many objects at once would keep other threads waiting.
        while entries:
            del entries[-_FREED_ENTRIES:]
            pause()
        # A file that cannot be written takes no more rows: then the next ones begin another.
        self._open.pop(key, None)
        found.file.add(columns, rows, pause)
        self._open[key] = found
        pause()
        if self._waiting is not None:
            self._let_wait(self._waiting, found.layout, model, columns)

    def _opened(self, key: "_Key", model: "RecordedModel") -> _Open:
        layout = layout_of(model, self._redacted)
        metadata = {ROLES_KEY: msgspec.json.encode(layout.roles)}
        file = GrowingFile(self._new_path(key), layout.kinds, metadata, self._now())
        return _Open(layout, file)

    def _let_wait(
        self,
        waiting: "WaitingPredictions",
        layout: RecordLayout,
        model: "RecordedModel",
        columns: "dict[str, Column]",
    ) -> None:
        try:
            waiting.add(layout.roles, model.metrics, columns)
        # They are recorded all the same.
        except (OSError, sqlite3.Error) as error:
            if not self._is_waiting_broken:
                _LOGGER.warning("Predictions do not wait for labels in %s: %s", self.folder, error)
            self._is_waiting_broken = True
        else:
            self._is_waiting_broken = False

    def _new_path(self, key: "_Key") -> Path:
        self._count += 1
        begin = datetime.fromtimestamp(self._now(), UTC).strftime("%Y%m%dT%H%M%S")
        name = f"{begin}-{self._name}-{self._count:06}{SUFFIX}"
        return records_of(self.folder, key.name, key.version) / name

    def _close_full_files(self) -> None:
        now = self._now()
        for key in [key for key, found in self._open.items() if found.file.is_full(now)]:
            del self._open[key]
        # The clock may be set back.
        if abs(now - self._tidied) >= _TIDY_SECONDS:
            self._tidied = now
            tidy(self.folder, self._retention, now)

    def _note_failure(self, key: _Key, error: Exception) -> None:
        if key in self._failing:
            return
        self._failing.add(key)
        if isinstance(error, OSError):
            _LOGGER.warning(
                "Predictions are not recorded in %s: %s", self.folder, error.strerror or error
            )
        else:
            _LOGGER.error("Predictions are not recorded", exc_info=error)


def _key(model: "RecordedModel") -> _Key:
    return _Key(model.name, model.version, id(model.signature))


def records_of(folder: Path, model: str, version: int) -> Path:
    """Where the records of a version are.

    Args:
        folder: Of all records.
        model: Its name; signs that a folder's name cannot have are written as in an address.
        version: Its version.
    """
    name = model.replace("%", "%25").replace("/", "%2F")
    # What begins with a dot is hidden, or leads elsewhere.
    name = f"%2E{name[1:]}" if name.startswith(".") else name
    return folder / name / str(version)
