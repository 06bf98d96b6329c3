"""Predictions that wait for their labels: recorded rows of requests that have a name."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from mlserve_cli.monitoring.feedback.database import (
    Described,
    encode_described,
    open_to_write,
    transaction,
)
from mlserve_cli.monitoring.judged import label_text
from mlserve_cli.monitoring.records.columns import Column
from mlserve_cli.monitoring.records.layout import Roles
from mlserve_cli.signature import Task

# Some 200 MB. Of more, the oldest go; `mlserve metrics --labels` finds them in the records.
_MOST_WAITING = 2_000_000
_MOST_LABELLED = 200_000
_KEPT_SECONDS = 30 * 86_400
_TIDY_SECONDS = 60.0
# Old rows that go at a time, so that nobody waits for long.
_MOST_REMOVED = 100_000
# Of more classes no probabilities are kept, and nothing that is measured by them.
MOST_CLASSES = 64


class WaitingPredictions:
    """Adds predictions of one process; several may add to one file. For one thread.

    Args:
        folder: Of the records.
        now: Gives the seconds since 1970.
        most_waiting: Rows that are kept.
    """

    def __init__(
        self,
        folder: Path,
        now: Callable[[], float] = time.time,
        most_waiting: int = _MOST_WAITING,
    ) -> None:
        self._folder = folder
        self._now = now
        self._most_waiting = most_waiting
        self._database: sqlite3.Connection | None = None
        self._models: dict[tuple[str, int], int] = {}
        self._tidied = 0.0

    def add(self, roles: Roles, stored: Mapping[str, float], columns: Mapping[str, Column]) -> None:
        """Takes those rows of records whose requests have a name.

        Args:
            roles: Which column is what.
            stored: Figures of the model when it was saved, by name.
            columns: The rows, by the names of their columns.

        Raises:
            OSError: The folder cannot be made.
            sqlite3.Error: They cannot be written.
        """
        named = _named(columns[roles.context["request_id"]])
        if not named:
            return
        rows = _rows(roles, columns, named)
        try:
            database = self._opened()
            with transaction(database):
                key = self._model(database, roles, stored)
                database.executemany(
                    "REPLACE INTO waiting (request_id, row, model, predicted, probabilities, time) "
                    "VALUES (?, ?, ?, ?, ?, ?)",
                    ((request_id, row, key, *rest) for request_id, row, *rest in rows),
                )
            self._tidy(database)
        except sqlite3.Error:
            # Somebody may have put another file in its place.
            self.close()
            raise

    def close(self) -> None:
        """Lets the file go."""
        if self._database is not None:
            with contextlib.suppress(sqlite3.Error):
                self._database.close()
        self._database = None
        self._models.clear()

    def _opened(self) -> sqlite3.Connection:
        if self._database is None:
            self._database = open_to_write(self._folder)
        return self._database

    def _model(
        self, database: sqlite3.Connection, roles: Roles, stored: Mapping[str, float]
    ) -> int:
        known = self._models.get((roles.model, roles.version))
        if known is not None:
            return known
        name = (roles.model, str(roles.version))
        signature = roles.signature
        described = Described(
            signature.task, signature.classes or (), len(roles.outputs), dict(stored)
        )
        database.execute(
            "INSERT INTO models (name, version, described) VALUES (?, ?, ?) "
            "ON CONFLICT (name, version) DO UPDATE SET described = excluded.described",
            (*name, encode_described(described)),
        )
        found: int = database.execute(
            "SELECT id FROM models WHERE (name, version) = (?, ?)", name
        ).fetchone()[0]
        self._models[roles.model, roles.version] = found
        return found

    def _tidy(self, database: sqlite3.Connection) -> None:
        now = self._now()
        if abs(now - self._tidied) < _TIDY_SECONDS:
            return
        self._tidied = now
        for table, most in (("waiting", self._most_waiting), ("labelled", _MOST_LABELLED)):
            # Their numbers rise with time.
            database.execute(
                f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?",  # noqa: S608
                (most,),
            )
            database.execute(
                f"DELETE FROM {table} WHERE time < ? AND id IN "  # noqa: S608
                f"(SELECT id FROM {table} ORDER BY id LIMIT ?)",
                (now - _KEPT_SECONDS, _MOST_REMOVED),
            )


def _named(ids: Column) -> list[int]:
    """Places of the rows that have an id."""
    if ids.valid is None:
        return list(range(len(ids.values)))
    found: list[int] = np.flatnonzero(ids.valid).tolist()
    return found


def _rows(
    roles: Roles, columns: Mapping[str, Column], named: Sequence[int]
) -> "list[tuple[Any, ...]]":
    """Id, row, prediction, probabilities and time of some rows."""
    context = roles.context
    predicted = columns[roles.outputs[0]].objects(named)
    if roles.signature.task is Task.CLASSIFICATION:
        predicted = [None if label is None else label_text(label) for label in predicted]
    shares = [columns[name] for name in roles.probabilities]
    probabilities: list[bytes | None] = [None] * len(predicted)
    if 0 < len(shares) <= MOST_CLASSES and all(column.valid is None for column in shares):
        table = np.array([column.objects(named) for column in shares], np.float64).T
        probabilities = [row.tobytes() for row in np.ascontiguousarray(table)]
    return [
        (request_id, row, label, share, micros / 1e6)
        for request_id, row, label, share, micros in zip(
            columns[context["request_id"]].objects(named),
            columns[context["row"]].objects(named),
            predicted,
            probabilities,
            columns[context["time"]].objects(named),
            strict=True,
        )
        # Nobody asked what the model predicts.
        if label is not None
    ]
