"""What a server did, minute by minute, in a file that outlives it."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Self

import msgspec

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.histogram import Histogram

HISTORY_NAME = "history.sqlite"
MINUTE = 60
_FORMAT = 1
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
    PRAGMA user_version = {_FORMAT};
    COMMIT;
"""


class Subject(NamedTuple):
    """Who answered: a version of a model.

    Attributes:
        model: Its name; empty for requests that no model answered.
        version: Its version as a text.
    """

    model: str
    version: str


@dataclass(slots=True)
class Traffic:
    """What was asked and answered in some time.

    Attributes:
        requests: How many were answered.
        rows: How many rows were scored.
        client_errors: How many requests were refused (status 4xx).
        server_errors: How many failed by the server's fault (status 5xx).
        seconds: Sum of their durations.
        buckets: How many durations fell into which bucket of `histogram.FINE_SECONDS`.
    """

    requests: int = 0
    rows: int = 0
    client_errors: int = 0
    server_errors: int = 0
    seconds: float = 0.0
    buckets: dict[int, int] = field(default_factory=dict)

    @property
    def errors(self) -> int:
        """Requests that were not answered well."""
        return self.client_errors + self.server_errors

    @property
    def latency(self) -> Histogram:
        """The durations."""
        histogram = Histogram(total=self.seconds)
        for bucket, count in self.buckets.items():
            histogram.counts[bucket] = count
        return histogram

    def add(self, other: "Traffic", sign: int = 1) -> None:
        """Adds other traffic, or with -1 takes it off again."""
        self.requests += sign * other.requests
        self.rows += sign * other.rows
        self.client_errors += sign * other.client_errors
        self.server_errors += sign * other.server_errors
        self.seconds += sign * other.seconds
        for bucket, count in other.buckets.items():
            self.buckets[bucket] = self.buckets.get(bucket, 0) + sign * count
            if not self.buckets[bucket]:
                del self.buckets[bucket]

    def copy(self) -> "Traffic":
        """The same, to be changed."""
        found = Traffic()
        found.add(self)
        return found


class Minute(NamedTuple):
    """What one version of a model did in a minute.

    Attributes:
        start: When it began, in seconds since 1970.
        subject: The model and its version.
        traffic: What it did.
    """

    start: int
    subject: Subject
    traffic: Traffic


Totals = Mapping[Subject, Traffic]

_decode_traffic = msgspec.msgpack.Decoder(Traffic).decode
_decode_totals = msgspec.msgpack.Decoder(list[tuple[Subject, Traffic]]).decode
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
        # Autocommit: transactions begin and end where it is said.
        self._database = sqlite3.connect(
            path, timeout=_LOCKED_SECONDS, isolation_level=None, check_same_thread=False
        )
        # A crash of the machine loses the last seconds, never the file.
        self._database.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;")
        if _format_of(self._database) != _FORMAT:
            self._database.executescript(_TABLES)
        self._server = server
        self._before = self._stored_totals()
        self._tidied = 0.0

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
        if now - self._tidied >= _TIDY_SECONDS:
            self._tidied = now
            self._tidy(int(now))

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
        self._database.execute("DELETE FROM servers WHERE changed < ?", (now - _KEPT_SECONDS,))


def read_history(folder: str | Path, since: float = 0.0) -> list[Minute]:
    """What servers did, in the order of time.

    Args:
        folder: Of the records.
        since: Leaves out minutes that were over by then, in seconds since 1970.

    Raises:
        InputError: There is no history, or it cannot be read.
    """
    path = Path(folder) / HISTORY_NAME
    if not path.is_file():
        raise InputError(
            f"There is no history in {folder}.",
            hint="A server keeps one: mlserve serve. Name its folder: --records DIR",
        )
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=_LOCKED_SECONDS)) as database:
            database.execute("PRAGMA query_only = ON")
            found = _format_of(database)
            if found > _FORMAT:
                raise InputError(
                    f"{path} has format {found}; this mlserve reads up to {_FORMAT}.",
                    hint="Upgrade with: pip install --upgrade mlserve-cli",
                )
            if not found:
                # It is just being made.
                return []
            rows = database.execute(
                "SELECT * FROM minutes WHERE minute > ? ORDER BY minute", (since - MINUTE,)
            )
            return [
                Minute(minute, Subject(model, version), _decode_traffic(traffic))
                for minute, model, version, traffic in rows
            ]
    except (sqlite3.Error, msgspec.DecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def together(traffics: Iterable[Traffic]) -> Traffic:
    """All of it in one."""
    found = Traffic()
    for traffic in traffics:
        found.add(traffic)
    return found


def _format_of(database: sqlite3.Connection) -> int:
    found: int = database.execute("PRAGMA user_version").fetchone()[0]
    return found
