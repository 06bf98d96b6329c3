"""What a server did, minute by minute, in a file that outlives it."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Self

import msgspec

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.drift_state import DriftState
from mlserve_cli.monitoring.traffic import MINUTE, Minute, Subject, Totals, Traffic

HISTORY_NAME = "history.sqlite"
_FORMAT = 2
_KEPT_SECONDS = 30 * 86_400
_KEPT_ROWS = 500_000
# Between two looks for what is too old.
_TIDY_SECONDS = 3600
_LOCKED_SECONDS = 2.0
_TABLES = f"""
    BEGIN IMMEDIATE;
    CREATE TABLE IF NOT EXISTS minutes (
        minute INTEGER, model TEXT, version TEXT, traffic BLOB,
        PRIMARY KEY (minute, model, version)
    ) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS servers (server TEXT PRIMARY KEY, changed INTEGER, totals BLOB);
    CREATE TABLE IF NOT EXISTS drift (
        model TEXT, version TEXT, changed INTEGER, state BLOB, PRIMARY KEY (model, version)
    );
    PRAGMA user_version = {_FORMAT};
    COMMIT;
"""


_decode_traffic = msgspec.msgpack.Decoder(Traffic).decode
_decode_totals = msgspec.msgpack.Decoder(list[tuple[Subject, Traffic]]).decode
_decode_drift = msgspec.msgpack.Decoder(DriftState).decode
_encode = msgspec.msgpack.Encoder().encode


class History:
    """Adds to the history of a server. For one thread; other servers may add to the same file.

    Args:
        folder: Where `history.sqlite` is; made where it is not there.
        server: Identifies the server, also where its processes are replaced.

    Raises:
        OSError: The folder cannot be made.
        sqlite3.Error: The file cannot be used.
    """

    def __init__(self, folder: Path, server: str) -> None:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / HISTORY_NAME
        # SQLite gives the files beside it the same mode.
        path.touch(mode=0o600)
        # Autocommit: transactions begin and end where it is said.
        self._database = sqlite3.connect(
            path, timeout=_LOCKED_SECONDS, isolation_level=None, check_same_thread=False
        )
        # A crash of the machine loses the last seconds, never the file.
        self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        _make_tables(self._database)
        self._server = server
        self._before = self._stored_totals()
        self._tidied = 0.0
        self._drift: dict[Subject, DriftState] = {}

    def add(self, totals: Totals, now: float) -> None:
        """Adds what has been done since the last call, also by a process that has died since.

        Args:
            totals: All that the server has done since its start.
            now: Seconds since 1970.

        Raises:
            sqlite3.Error: It cannot be written; the next call adds it.
        """
        done = {}
        for subject, found in totals.items():
            before = self._before.get(subject, Traffic())
            if found != before:
                done[subject] = found.copy()
                done[subject].add(before, -1)
        if not done:
            return
        with self._transaction():
            for subject, traffic in done.items():
                self._add(int(now) // MINUTE * MINUTE, subject, traffic)
            self._database.execute(
                "REPLACE INTO servers VALUES (?, ?, ?)",
                (self._server, int(now), _encode(list(totals.items()))),
            )
        self._before = {subject: traffic.copy() for subject, traffic in totals.items()}
        # The clock may be set back.
        if abs(now - self._tidied) >= _TIDY_SECONDS:
            self._tidied = now
            self._tidy(int(now))

    def add_drift(self, states: Iterable[DriftState], now: float) -> None:
        """Keeps what is known of the drift of models, in the place of what was known before.

        Args:
            states: Of those that are watched.
            now: Seconds since 1970.

        Raises:
            sqlite3.Error: It cannot be written; the next call adds it.
        """
        new = {Subject(state.model, state.version): state for state in states}
        changed = [
            (*key, int(now), _encode(s)) for key, s in new.items() if self._drift.get(key) != s
        ]
        if changed:
            with self._transaction():
                self._database.executemany("REPLACE INTO drift VALUES (?, ?, ?, ?)", changed)
        self._drift = new

    def close(self) -> None:
        """Lets the file go."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[None]:
        self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise

    def _add(self, minute: int, subject: Subject, traffic: Traffic) -> None:
        key = (minute, *subject)
        stored = self._database.execute(
            "SELECT traffic FROM minutes WHERE (minute, model, version) = (?, ?, ?)", key
        ).fetchone()
        if stored is not None:
            traffic.add(_decode_traffic(stored[0]))
        self._database.execute("REPLACE INTO minutes VALUES (?, ?, ?, ?)", (*key, _encode(traffic)))

    def _stored_totals(self) -> dict[Subject, Traffic]:
        found = self._database.execute(
            "SELECT totals FROM servers WHERE server = ?", (self._server,)
        ).fetchone()
        return dict(_decode_totals(found[0])) if found else {}

    def _tidy(self, now: int) -> None:
        self._database.execute(
            "DELETE FROM minutes WHERE minute < max(?, coalesce((SELECT minute FROM minutes "
            "ORDER BY minute DESC LIMIT 1 OFFSET ?), 0))",
            (now - _KEPT_SECONDS, _KEPT_ROWS),
        )
        for table in ("servers", "drift"):
            self._database.execute(
                f"DELETE FROM {table} WHERE changed < ?",  # noqa: S608
                (now - _KEPT_SECONDS,),
            )


def read_history(folder: str | Path, since: float = 0.0) -> list[Minute]:
    """What servers did, in the order of time.

    Args:
        folder: Of the records.
        since: Leaves out minutes that were over by then, in seconds since 1970.

    Raises:
        InputError: There is no history, or it cannot be read.
    """
    with _reading(Path(folder)) as database:
        if database is None:
            return []
        rows = database.execute(
            "SELECT * FROM minutes WHERE minute > ? ORDER BY minute", (since - MINUTE,)
        )
        return [
            Minute(minute, Subject(model, version), _decode_traffic(traffic))
            for minute, model, version, traffic in rows
        ]


def read_drift(folder: str | Path) -> list[DriftState]:
    """What was known last of the drift of models, by name and version.

    Args:
        folder: Of the records.

    Raises:
        InputError: There is no history, or it cannot be read.
    """
    with _reading(Path(folder)) as database:
        # Older servers did not keep it.
        if database is None or _format_of(database) < _FORMAT:
            return []
        rows = database.execute("SELECT state FROM drift ORDER BY model, length(version), version")
        return [_decode_drift(state) for (state,) in rows]


@contextlib.contextmanager
def _reading(folder: Path) -> Iterator[sqlite3.Connection | None]:
    """The database of a folder; None where it is just being made."""
    path = folder / HISTORY_NAME
    if not path.is_file():
        raise InputError(
            f"There is no history in {folder}.",
            hint="A server keeps one: mlserve serve. Name its folder: --records DIR",
        )
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_LOCKED_SECONDS)) as database:
            database.execute("PRAGMA query_only = ON")
            found = _format_of(database)
            _refuse_later(path, found)
            yield database if found else None
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def _refuse_later(path: Path, found: int) -> None:
    if found > _FORMAT:
        raise InputError(
            f"{path} has format {found}; this mlserve reads up to {_FORMAT}.",
            hint="Upgrade with: pip install --upgrade mlserve-cli",
        )


def _make_tables(database: sqlite3.Connection) -> None:
    found = _format_of(database)
    if found > _FORMAT:
        raise sqlite3.DatabaseError(f"it has the later format {found}")
    if found < _FORMAT:
        database.executescript(_TABLES)


def _format_of(database: sqlite3.Connection) -> int:
    found: int = database.execute("PRAGMA user_version").fetchone()[0]
    return found
