"""The file with predictions that wait for their labels, and with those that have them."""

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import field
from pathlib import Path

import msgspec

from mlserve_cli.signature import Label, Task

FEEDBACK_NAME = "feedback.sqlite"
FORMAT = 1
# How long a call waits for another process that writes.
_LOCKED_SECONDS = 2.0
# What a prediction is found by. A row of a later request of the same name takes its place.
_KEY = "UNIQUE (request_id, row, model)"
_PREDICTION = (
    "request_id TEXT, row INTEGER, model INTEGER, predicted, probabilities BLOB, time REAL"
)
_TABLES = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS models (
        id INTEGER PRIMARY KEY, name TEXT, version TEXT, described BLOB, UNIQUE (name, version)
    );
    CREATE TABLE IF NOT EXISTS waiting (id INTEGER PRIMARY KEY, {_PREDICTION}, {_KEY});
    CREATE TABLE IF NOT EXISTS labelled (
        id INTEGER PRIMARY KEY, {_PREDICTION}, truth, labelled REAL, {_KEY}
    );
    CREATE INDEX IF NOT EXISTS labelled_by_model ON labelled (model, id);
    PRAGMA user_version = {FORMAT};
    COMMIT;
"""


class Described(msgspec.Struct, frozen=True):
    """What must be known of a model to judge its predictions.

    Attributes:
        task: What it predicts.
        classes: Its classes in the order of the probabilities.
        outputs: How many values it predicts for a row.
        stored: Its figures when it was saved, by name.
    """

    task: Task
    classes: tuple[Label, ...] = ()
    outputs: int = 1
    stored: Mapping[str, float] = field(default_factory=dict)


encode_described = msgspec.json.Encoder().encode
decode_described = msgspec.json.Decoder(Described).decode


def open_to_write(folder: Path) -> sqlite3.Connection:
    """The database of a folder; made where it is not there.

    Raises:
        OSError: The folder cannot be made.
        sqlite3.Error: The file cannot be used.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = folder / FEEDBACK_NAME
    # What people asked a model is nobody else's business. A file that is there is not opened: to
    # close it again would end the locks that other threads hold on it.
    with contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    # Autocommit: transactions begin and end where it is said.
    database = sqlite3.connect(
        path, timeout=_LOCKED_SECONDS, isolation_level=None, check_same_thread=False
    )
    try:
        _prepare(database)
    except BaseException:
        database.close()
        raise
    return database


def _prepare(database: sqlite3.Connection) -> None:
    # A crash of the machine loses the last seconds, never the file.
    database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
    found = format_of(database)
    if found > FORMAT:
        raise sqlite3.DatabaseError(f"it has the later format {found}")
    if found < FORMAT:
        database.executescript(_TABLES)


def open_to_read(folder: Path) -> sqlite3.Connection | None:
    """The database of a folder; None where there is none, or where it is just being made.

    Raises:
        sqlite3.Error: The file cannot be used.
    """
    path = folder / FEEDBACK_NAME
    if not path.is_file():
        return None
    database = sqlite3.connect(path, timeout=_LOCKED_SECONDS, isolation_level=None)
    try:
        database.execute("PRAGMA query_only = ON")
        if format_of(database):
            return database
    except BaseException:
        database.close()
        raise
    database.close()
    return None


@contextlib.contextmanager
def transaction(database: sqlite3.Connection) -> Iterator[None]:
    """Everything that is written inside, or nothing of it.

    Raises:
        sqlite3.Error: Another process has written for too long, or the file cannot be used.
    """
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


def format_of(database: sqlite3.Connection) -> int:
    """Which format the tables have; 0 without tables."""
    found: int = database.execute("PRAGMA user_version").fetchone()[0]
    return found


def labels_mark(folder: Path) -> object:
    """Something that changes with every label; None where there are none.

    Raises:
        sqlite3.Error: The labels cannot be read.
    """
    database = open_to_read(folder)
    if database is None:
        return None
    with contextlib.closing(database):
        mark: tuple[int, float] = database.execute(
            "SELECT max(id), (SELECT labelled FROM labelled ORDER BY id DESC LIMIT 1) FROM labelled"
        ).fetchone()
        return mark
