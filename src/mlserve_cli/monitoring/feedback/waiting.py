"""Predictions that wait for their labels: recorded rows of requests that have a name."""

import contextlib
import sqlite3
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mlserve_cli.monitoring.feedback.database import (
    Described,
    encode_described,
    open_to_write,
    transaction,
)
from mlserve_cli.monitoring.judged import label_text
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

    def add(self, roles: Roles, stored: Mapping[str, float], batch: pa.RecordBatch) -> None:
        """Takes those rows of records whose requests have a name.

        Args:
            roles: Which column is what.
            stored: Figures of the model when it was saved, by name.
            batch: The rows.

        Raises:
            OSError: The folder cannot be made.
            sqlite3.Error: They cannot be written.
        """
        ids = batch.column(roles.context["request_id"])
        if ids.null_count == len(ids):
            return
        rows = list(_rows(roles, batch))
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


def _rows(roles: Roles, batch: pa.RecordBatch) -> "list[tuple[Any, ...]]":
    """Id, row, prediction, probabilities and time of the rows that have an id."""
    context = roles.context
    named = batch.filter(batch.column(context["request_id"]).is_valid())
    predicted = named.column(roles.outputs[0]).to_pylist()
    if roles.signature.task is Task.CLASSIFICATION:
        predicted = [None if label is None else label_text(label) for label in predicted]
    columns = [named.column(name) for name in roles.probabilities]
    probabilities: list[bytes | None] = [None] * len(predicted)
    if 0 < len(columns) <= MOST_CLASSES and not any(column.null_count for column in columns):
        table = np.array([column.to_pylist() for column in columns], np.float64).T
        probabilities = [row.tobytes() for row in np.ascontiguousarray(table)]
    micros = named.column(context["time"]).cast(pa.int64()).to_pylist()
    return [
        (request_id, row, label, shares, moment / 1e6)
        for request_id, row, label, shares, moment in zip(
            named.column(context["request_id"]).to_pylist(),
            named.column(context["row"]).to_pylist(),
            predicted,
            probabilities,
            micros,
            strict=True,
        )
        # Nobody asked what the model predicts.
        if label is not None
    ]
