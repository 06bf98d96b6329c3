"""Many files scored one after the other, into a folder of the same shape."""

import dataclasses
import glob
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.batch.checkpoint import CheckpointFile, Job, describe_job
from mlserve_cli.batch.job import predict_file
from mlserve_cli.batch.options import BatchOptions, BatchReport, Progress
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.tables.formats import FileType
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


def is_many(source: str) -> bool:
    """Whether a name means several files: it is a folder, or a pattern that is no file's name."""
    return Path(source).is_dir() or (glob.has_magic(source) and not Path(source).exists())


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
    that has the shape of the source: `day=1/part.csv` stays `day=1/part.csv`.

    Args:
        source: A folder, whose hidden files and those of unknown formats are left alone, or a
            pattern such as `data/*/part-*.parquet`.
        destination: The folder to write to; it is made if need be.
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
    files = find_tables(str(source))
    folder = Path(destination)
    check_destination(source, folder, files)
    finished = FinishedFiles(folder, resume=options.resume)
    progress_so_far = _Total(sum(path.stat().st_size for path, _ in files), progress)
    total = BatchReport(0, 0, 0, 0.0, 0.0, predictor.engine.value, str(source), str(folder), None)
    for path, name in files:
        with Source(path) as stream:
            job = describe_job(stream, predictor, options)
        known = finished.find(name, job)
        if known is None:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            begun = options.resume and CheckpointFile(target).load() is not None
            how = dataclasses.replace(options, resume=begun)
            part = predict_file(path, target, predictor, how, progress=progress_so_far.add)
            finished.add(Finished(name, job, part.rows, part.skipped))
            total = _sum(total, part.rows, part.skipped, part.resumed_rows)
        else:
            total = _sum(total, known.rows, known.skipped, known.rows + known.skipped)
        progress_so_far.finish(path.stat().st_size)
    finished.remove()
    seconds = clock() - started
    scored = total.rows + total.skipped - total.resumed_rows
    return dataclasses.replace(
        total,
        seconds=seconds,
        rows_per_second=scored / seconds if seconds > 0 else 0.0,
        errors=f"{folder}/*{ERRORS_SUFFIX}" if total.skipped else None,
    )


def find_tables(source: str) -> list[tuple[Path, str]]:
    """The files, and what each is called in the folder of the results.

    Raises:
        InputError: There are none.
    """
    if Path(source).is_dir():
        root, pattern = Path(source), "**/*"
    else:
        parts = Path(source).parts
        wild = next(k for k, part in enumerate(parts) if glob.has_magic(part))
        # The folders before the first wildcard; the last part is a file's name.
        root, pattern = Path(*parts[:wild]), str(Path(*parts[wild:]))
    found = [path for path in root.glob(pattern) if path.is_file()]
    named = sorted((path, path.relative_to(root)) for path in found)
    tables = [
        (path, name)
        for path, name in named
        if FileType.of_name(name.name).format is not None
        and not name.name.endswith(ERRORS_SUFFIX)
        and not any(part.startswith((".", "_")) for part in name.parts)
    ]
    if not tables:
        raise InputError(
            f"{source} holds no table: {len(found)} files were found, none of a known format."
        )
    return [(path, str(name)) for path, name in tables]


def check_destination(source: str | Path, folder: Path, files: list[tuple[Path, str]]) -> None:
    """Makes the folder of the results if need be.

    Raises:
        UsageError: It is a file, or holds the source itself.
    """
    if str(folder) == "-" or (folder.exists() and not folder.is_dir()):
        raise UsageError(
            f"{source} means {len(files)} files, so OUT must be a folder; {folder} is none."
        )
    targets = [(path, folder / name) for path, name in files]
    if any(target.exists() and target.samefile(path) for path, target in targets):
        raise UsageError(
            f"{folder} holds the input itself; it would be overwritten.",
            hint="Name another folder.",
        )
    folder.mkdir(parents=True, exist_ok=True)


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
