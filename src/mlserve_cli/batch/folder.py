"""Many files scored one after the other, into a folder of the same shape."""

import dataclasses
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.batch.checkpoint import CheckpointFile, Job, describe_job
from mlserve_cli.batch.finding import (
    TableFile,
    check_destination,
    check_remote_destination,
    find_remote_tables,
    find_tables,
)
from mlserve_cli.batch.job import predict_file
from mlserve_cli.batch.options import BatchOptions, BatchReport, Progress
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.errors import UsageError
from mlserve_cli.tables.remote import is_remote, joined
from mlserve_cli.tables.remote_errors import shown_uri
from mlserve_cli.tables.source import Source

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Predictor

# What says which files are finished, for as long as not all of them are.
_FINISHED = ".mlserve-finished.jsonl"


class Finished(msgspec.Struct, frozen=True):
    """A file that is scored.

    Attributes:
        name: What it is called in the folder of the results.
        job: What scored it.
        rows: Rows that were scored.
        skipped: Rows that could not be scored.
    """

    name: str
    job: Job
    rows: int
    skipped: int


def predict_folder(
    source: str | Path,
    destination: str | Path,
    predictor: "Predictor",
    options: BatchOptions | None = None,
    *,
    progress: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.perf_counter,
) -> BatchReport:
    """Scores every table of a folder, or every file that matches a pattern.

    Each file is written whole or not at all, under its own name and in its own format, in a folder
    that has the shape of the source: `day=1/part.csv` stays `day=1/part.csv`. A column that the
    model takes and a file lacks, here `day`, is taken from the path.

    Args:
        source: A folder, whose hidden files and those of unknown formats are left alone, or a
            pattern such as `data/*/part-*.parquet`, or the URI of one of those.
        destination: The folder to write to, which is made if need be, or the URI of one.
        predictor: The model.
        options: What to add and how to read. With `resume` files that are finished are not scored
            again, and one that was interrupted is continued.
        progress: See `predict_file`; it tells of all files together.
        clock: Gives the time in seconds.

    Returns:
        The sum over all files.

    Raises:
        InputError: There are no such files.
        UsageError: The destination is a file, or the source itself.
        MlserveError: As `predict_file`; what is finished stays.
    """
    started = clock()
    options = options or BatchOptions()
    folder = _folder(source, destination, options)
    progress_so_far = _Total(sum(file.size_bytes for file in folder.files), progress)
    shown = shown_uri(str(source)), shown_uri(str(destination))
    total = BatchReport(0, 0, 0, 0.0, 0.0, predictor.engine.value, *shown, None)
    for file in folder.files:
        job = folder.job(file, predictor, options)
        known = None if job is None else folder.finished.find(file.name, job)
        if known is None:
            target = folder.target(file)
            how = dataclasses.replace(options, resume=options.resume and folder.is_begun(file))
            part = predict_file(file.place, target, predictor, how, progress=progress_so_far.add)
            if job is not None:
                folder.finished.add(Finished(file.name, job, part.rows, part.skipped))
            total = _sum(total, part.rows, part.skipped, part.resumed_rows)
        else:
            total = _sum(total, known.rows, known.skipped, known.rows + known.skipped)
        progress_so_far.finish(file.size_bytes)
    folder.finish()
    seconds = clock() - started
    scored = total.rows + total.skipped - total.resumed_rows
    return dataclasses.replace(
        total,
        seconds=seconds,
        rows_per_second=scored / seconds if seconds > 0 else 0.0,
        errors=f"{shown[1].rstrip('/')}/*{ERRORS_SUFFIX}" if total.skipped else None,
    )


class _LocalResults:
    """A folder of results on this machine, which tells which of them are finished."""

    def __init__(self, files: list[TableFile], folder: Path, *, resume: bool) -> None:
        self.files = files
        self._folder = folder
        self.finished = FinishedFiles(folder, resume=resume)

    def job(self, file: TableFile, predictor: "Predictor", options: BatchOptions) -> Job | None:
        """What scores a file, so that another run can tell whether it is the same."""
        with Source(file.place, format_=options.input_format) as stream:
            return describe_job(stream, predictor, options) if stream.is_repeatable else None

    def target(self, file: TableFile) -> Path:
        """Where the results of a file go."""
        target = self._folder / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        return target

    def is_begun(self, file: TableFile) -> bool:
        """Whether an interrupted run can be continued."""
        return CheckpointFile(self._folder / file.name).load() is not None

    def finish(self) -> None:
        """Forgets what was finished when; everything is."""
        self.finished.remove()


class _RemoteResults(_LocalResults):
    """A folder of results elsewhere. A run that is interrupted is not continued."""

    def __init__(self, files: list[TableFile], folder: str) -> None:
        self.files = files
        self._uri = folder

    def job(self, file: TableFile, predictor: "Predictor", options: BatchOptions) -> None:
        """Nobody asks for it."""

    def target(self, file: TableFile) -> str:  # type: ignore[override]
        """Where the results of a file go."""
        return joined(self._uri, file.name)

    def is_begun(self, file: TableFile) -> bool:
        """Nothing that was begun is left."""
        return not file

    def finish(self) -> None:
        """There is nothing to forget."""


def _folder(source: str | Path, destination: str | Path, options: BatchOptions) -> _LocalResults:
    """The files, and where their results go.

    Raises:
        InputError: There are no such files.
        UsageError: The destination cannot be a folder of results.
    """
    elsewhere = isinstance(destination, str) and is_remote(destination)
    if elsewhere and options.resume:
        raise UsageError(
            f"{shown_uri(str(destination))} does not tell what is finished, so nothing can be "
            "continued there.",
            hint="Leave out --resume, or write to a local folder and copy it afterwards.",
        )
    if isinstance(source, str) and is_remote(source):
        files = find_remote_tables(source, options)
    else:
        paths = find_tables(str(source), options)
        files = [TableFile(str(path), name, path.stat().st_size) for path, name in paths]
        if not elsewhere:
            check_destination(source, Path(destination), paths)
    if not elsewhere:
        Path(destination).mkdir(parents=True, exist_ok=True)
        return _LocalResults(files, Path(destination), resume=options.resume)
    check_remote_destination(files, str(destination))
    return _RemoteResults(files, str(destination))


def _sum(total: BatchReport, rows: int, skipped: int, resumed: int) -> BatchReport:
    return dataclasses.replace(
        total,
        rows=total.rows + rows,
        skipped=total.skipped + skipped,
        resumed_rows=total.resumed_rows + resumed,
    )


class FinishedFiles:
    """Which files of a folder are finished.

    Args:
        folder: The folder of the results.
        resume: Whether what earlier runs finished counts.
    """

    def __init__(self, folder: Path, *, resume: bool) -> None:
        self._path = folder / _FINISHED
        self._known: dict[str, Finished] = {}
        if not resume:
            self.remove()
            return
        try:
            lines = self._path.read_bytes().splitlines()
        except FileNotFoundError:
            return
        for line in lines:
            try:
                entry = msgspec.json.decode(line, type=Finished)
            # The last line may have been cut off.
            except msgspec.MsgspecError:
                continue
            if (folder / entry.name).is_file():
                self._known[entry.name] = entry

    def find(self, name: str, job: Job) -> Finished | None:
        """What is known of a file, if it was finished by the same job."""
        entry = self._known.get(name)
        return entry if entry is not None and entry.job == job else None

    def add(self, entry: Finished) -> None:
        """Remembers a file; its output is on disk already."""
        with self._path.open("ab") as file:
            file.write(b"\n" + msgspec.json.encode(entry))
            file.flush()
            os.fsync(file.fileno())

    def remove(self) -> None:
        """Forgets everything."""
        self._path.unlink(missing_ok=True)


class _Total:
    """Progress over all files."""

    def __init__(self, total_bytes: int, tell: Callable[[Progress], None] | None) -> None:
        self._total_bytes = total_bytes
        self._tell = tell
        self._bytes = 0
        self._rows = 0
        self._current = 0

    def add(self, now: Progress) -> None:
        """Tells how far the current file is."""
        self._current = now.rows
        if self._tell is not None:
            done = self._bytes + now.bytes_read
            self._tell(Progress(done, self._total_bytes, self._rows + now.rows))

    def finish(self, size_bytes: int) -> None:
        """Goes on to the next file."""
        self._bytes += size_bytes
        self._rows += self._current
        self._current = 0
