"""What runs on a worker: one file or one shard of a file, scored by the local engine."""

import dataclasses
import os
import shutil
import uuid
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from mlserve_cli.batch.checkpoint import Job, describe_job
from mlserve_cli.batch.cluster.outcome import Failure, Fault, Outcome
from mlserve_cli.batch.cluster.parts import Part, errors_of, finished_part, note_of
from mlserve_cli.batch.columns import added_names
from mlserve_cli.batch.encoders import open_encoder
from mlserve_cli.batch.job import predict_file
from mlserve_cli.batch.options import BatchOptions
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.batch.partitions import opened_table
from mlserve_cli.batch.scoring import BlockScorer
from mlserve_cli.batch.threads import one_thread_per_worker, single_threaded
from mlserve_cli.errors import InputError, MlserveError, UsageError
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.remote import is_remote
from mlserve_cli.tables.remote_errors import shown_uri
from mlserve_cli.tables.sink import Sink, sync_folder

if TYPE_CHECKING:
    from mlserve_cli.inference.predictor import Predictor


@dataclass(frozen=True, slots=True)
class FileTask:
    """A file to score.

    Attributes:
        source: The file, absolute.
        target: Where its result goes, absolute.
        shown: What the user calls the file.
        attempts: A folder for unfinished results; without it, nothing is published.
        options: What to add and how to read.
    """

    source: Path
    target: Path
    shown: str
    attempts: Path
    options: BatchOptions

    @property
    def size_bytes(self) -> int:
        """How much there is to read."""
        return self.source.stat().st_size

    @property
    def places(self) -> tuple[Path, ...]:
        """What the worker must see."""
        return self.source, self.attempts

    def run(self, predictor: "Predictor") -> Outcome:
        """Scores the file; a second run of the same task leaves the same result."""
        with _attempt(self.attempts) as folder:
            part = folder / self.target.name
            report = predict_file(self.source, part, predictor, self.options)
            # What links lead to is replaced, as in a local run.
            target = Path(os.path.realpath(self.target))
            errors = Path(os.path.realpath(f"{self.target}{ERRORS_SUFFIX}"))
            if report.skipped:
                Path(f"{part}{ERRORS_SUFFIX}").replace(errors)
            else:
                errors.unlink(missing_ok=True)
            part.replace(target)
            sync_folder(target.parent)
        return Outcome(report.rows, report.skipped)


@dataclass(frozen=True, slots=True)
class RemoteTask:
    """A file to score into a store.

    Attributes:
        source: Its URI, or its path, absolute.
        target: The URI of its result.
        size_bytes: How much there is to read.
        options: What to add and how to read.
    """

    source: str
    target: str
    size_bytes: int
    options: BatchOptions

    @property
    def shown(self) -> str:
        """What the user calls the file."""
        return shown_uri(self.source)

    @property
    def places(self) -> tuple[Path, ...]:
        """What the worker must see."""
        return () if is_remote(self.source) else (Path(self.source),)

    def run(self, predictor: "Predictor") -> Outcome:
        """Scores the file; its result is there whole or not at all."""
        report = predict_file(self.source, self.target, predictor, self.options)
        return Outcome(report.rows, report.skipped)


@dataclass(frozen=True, slots=True)
class ShardTask:
    """Some blocks of a file to score.

    Attributes:
        source: The file, absolute.
        destination: What the whole result is called; its suffix says the format.
        shown: What the user calls the file.
        attempts: A folder for unfinished parts; without it, nothing is published.
        part: Where the part goes; its note goes beside it.
        start: Where a block of the local run begins; None for the first row.
        stop: Where another one begins; None for the end of the file.
        job: What the job is, to notice an input that has changed.
        options: What to add and how to read.
    """

    source: Path
    destination: str
    shown: str
    attempts: Path
    part: Path
    start: int | None
    stop: int | None
    job: Job
    options: BatchOptions

    @property
    def size_bytes(self) -> int:
        """How much there is to read."""
        stop = self.source.stat().st_size if self.stop is None else self.stop
        return stop - (self.start or 0)

    @property
    def places(self) -> tuple[Path, ...]:
        """What the worker must see."""
        return self.source, self.attempts

    def run(self, predictor: "Predictor") -> Outcome:
        """Scores the shard; a second run of the same task leaves the same part."""
        known = finished_part(self.part)
        # Dask runs a task again whose worker died with the answer, though the part is there.
        if known is not None and (known.job, known.stop) == (self.job, self.stop):
            return Outcome(known.rows, known.skipped, known.lines)
        with _attempt(self.attempts) as folder:
            output, errors = folder / "output", folder / "errors"
            with Sink(output) as sink, Sink(errors) as rejected, single_threaded():
                one_thread_per_worker()
                found = self._score(predictor, sink, rejected)
            if not isinstance(found, Part):
                return found
            note = folder / "note"
            with Sink(note) as file:
                file.write(msgspec.json.encode(found))
            errors.replace(errors_of(self.part))
            output.replace(self.part)
            # The note comes last: a part without one is not finished.
            note.replace(note_of(self.part))
            sync_folder(self.part.parent)
        return Outcome(found.rows, found.skipped, found.lines)

    def _score(self, predictor: "Predictor", sink: Sink, rejected: Sink) -> Part | Outcome:
        rows = lines = skipped = 0
        end = self.start or 0
        with opened_table(self.source, predictor, self.options) as (stream, table, taking):
            if describe_job(stream, taking, self.options).input != self.job.input:
                raise InputError(f"{self.shown} has changed while it was being scored.")
            names = added_names(predictor.signature, self.options, table.columns)
            encoder = open_encoder(
                table, self.destination, names, predictor.signature, self.options
            )
            scorer = BlockScorer(taking, self.options, encoder, len(names))
            try:
                for block in table.blocks(self.start):
                    piece = scorer.score(block)
                    for payload in piece.payloads:
                        sink.write(encoder.emit(payload))
                    for row in piece.rejected:
                        rejected.write(row.line(rows, lines))
                    rows, lines = rows + piece.rows, lines + piece.lines
                    skipped += len(piece.rejected)
                    end = piece.end
                    if end == self.stop:
                        break
            except RowFaultError as fault:
                return Outcome(failure=_after(fault, rows, lines))
        sizes = sink.bytes_written, rejected.bytes_written
        return Part(self.job, self.start or 0, end, rows - skipped, skipped, lines, *sizes)


def _after(fault: RowFaultError, rows: int, lines: int) -> Fault:
    found = None if fault.lines is None else fault.lines + lines
    return Fault(fault.row + rows, found, fault.problem, fault.column, fault.kind, fault.hint)


Task: TypeAlias = FileTask | RemoteTask | ShardTask


def run_task(task: Task, plugin: str) -> Outcome:
    """Runs a task on the worker that calls this.

    Errors of ours come back as part of the outcome, since they would only come again. Others are
    raised, and Dask tries the task again, perhaps elsewhere.

    Args:
        task: What to score.
        plugin: Name of the plugin that has the model.
    """
    from distributed import get_worker

    worker: Any = get_worker()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", UserWarning)
        try:
            predictor = worker.plugins[plugin].predictor()
            _check_places(task, worker.address)
            outcome = task.run(predictor)
        except MlserveError as error:
            failure = Failure.of(error)
            message = failure.message.replace(str(task.source), task.shown)
            outcome = Outcome(failure=dataclasses.replace(failure, message=message))
    told = [str(warning.message).replace(str(task.source), task.shown) for warning in caught]
    return dataclasses.replace(outcome, warnings=told)


def _check_places(task: Task, address: str) -> None:
    for place in task.places:
        if not place.exists():
            raise UsageError(
                f"The worker {address} does not see {place}.",
                hint="Workers read the input and write the output themselves: both must be on "
                "storage that all of them have under the same path.",
            )


@contextmanager
def _attempt(attempts: Path) -> Iterator[Path]:
    """A folder for this attempt alone: the same task may run twice, even at the same time."""
    folder = attempts / f"{os.getpid()}-{uuid.uuid4().hex}"
    folder.mkdir()
    try:
        yield folder
    except MlserveError as error:
        error.message = error.message.replace(str(folder), str(attempts.parent))
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
