"""One large file on a cluster: cut into shards, scored side by side, joined in order."""

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from mlserve_cli.batch.checkpoint import Job, describe_job
from mlserve_cli.batch.cluster.attempts import attempts_folder
from mlserve_cli.batch.cluster.joining import JoinedOutput
from mlserve_cli.batch.cluster.running import ClusterRun, Ended
from mlserve_cli.batch.cluster.shards import PartFolder, Shard, cut_shards
from mlserve_cli.batch.cluster.tasks import FileTask, ShardTask
from mlserve_cli.batch.columnar import ColumnarEncoder
from mlserve_cli.batch.columns import added_names
from mlserve_cli.batch.encoders import Encoder, open_encoder
from mlserve_cli.batch.options import BatchOptions, BatchReport
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.batch.partitions import opened_table
from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.tables.csv_table import CsvTable
from mlserve_cli.tables.encodings import UTF_8
from mlserve_cli.tables.interface import Table
from mlserve_cli.tables.jsonl_table import JsonlTable
from mlserve_cli.tables.opening import check_formats
from mlserve_cli.tables.sink import DiskFullError, Sink
from mlserve_cli.tables.source import Source

# A shard is small enough that workers end at about the same time, and that little is lost with one,
# and large enough that the overhead of a task (some milliseconds) does not count.
_SHARDS_PER_THREAD = 4
_SMALLEST_SHARD_BYTES = 8 << 20
_LARGEST_SHARD_BYTES = 256 << 20
# After these the same job can go on; after all others of a worker it would only fail again.
_MENDABLE = (UsageError, DiskFullError)


def predict_split(
    source: str,
    destination: str,
    run: ClusterRun,
    options: BatchOptions,
    shard_bytes: int | None = None,
) -> BatchReport:
    """Scores one file.

    Args:
        source: The file.
        destination: The file to write.
        run: The cluster and the model.
        options: What to add and how to read.
        shard_bytes: About how much a task scores; None chooses by the size of file and cluster.

    Raises:
        MlserveError: As `predict_file`. Bad input discards what was done, anything else keeps it.

    Warns:
        UserWarning: The file cannot be cut, so that one worker scores it.
    """
    check_formats(source, destination, options.table, options.input_format, options.output_format)
    predictor = run.shipment.load()
    with opened_table(source, predictor, options) as (stream, table, taking):
        if not stream.is_repeatable:
            raise UsageError(f"{source} is no file that workers could read.")
        names = added_names(predictor.signature, options, table.columns)
        encoder = open_encoder(table, destination, names, predictor.signature, options)
        job = describe_job(stream, taking, options)
        run.total_bytes = stream.size_bytes or 0
        if _is_splittable(stream, table, encoder):
            report = _Split(source, destination, job, run, options).score(
                stream, table, encoder, shard_bytes or _shard_bytes(run)
            )
        else:
            warnings.warn(
                f"{source} cannot be cut, so one worker scores it, from the first row; plain CSV "
                "and JSON Lines in UTF-8 can.",
                stacklevel=2,
            )
            report = _whole(source, destination, stream, run, options)
    return replace(report, engine=predictor.engine.value)


def _is_splittable(stream: Source, table: Table, encoder: Encoder) -> bool:
    is_plain = not stream.is_compressed and stream.encoding == UTF_8
    is_text = encoder.is_continuable and not isinstance(encoder, ColumnarEncoder)
    return isinstance(table, CsvTable | JsonlTable) and is_plain and is_text


def _shard_bytes(run: ClusterRun) -> int:
    size = run.total_bytes // (_SHARDS_PER_THREAD * (run.thread_count() or 1))
    return max(_SMALLEST_SHARD_BYTES, min(_LARGEST_SHARD_BYTES, size))


def _whole(
    source: str, destination: str, stream: Source, run: ClusterRun, options: BatchOptions
) -> BatchReport:
    parts = PartFolder(Path(os.path.realpath(destination)))
    # Their names say the format, which those that links lead to may not.
    given, target = Path(source).absolute(), Path(destination).absolute()
    how = replace(options, resume=False)
    # Holds the lock, so that no other run writes the same output.
    with Sink(destination, apart_from=stream.details) as lock, run:
        parts.path.mkdir(exist_ok=True)
        with attempts_folder(parts.path, run.run) as attempts:
            task = FileTask(given, target, source, attempts, how)
            outcome = next(run.ended([task])).outcome
        parts.remove()
        if outcome.failure is not None:
            raise outcome.failure.located(source, 0, 0)
        lock.discard()
    errors = f"{destination}{ERRORS_SUFFIX}" if outcome.skipped else None
    return _report(outcome.rows, outcome.skipped, 0, source, destination, errors)


@dataclass(frozen=True, slots=True)
class _Split:
    """A file that is being scored in shards."""

    source: str
    destination: str
    job: Job
    run: ClusterRun
    options: BatchOptions

    def score(
        self, stream: Source, table: Table, encoder: Encoder, shard_bytes: int
    ) -> BatchReport:
        """Scores the shards and joins them."""
        parts = PartFolder(Path(os.path.realpath(self.destination)))
        with JoinedOutput(self.destination, stream, self.options) as output:
            parts.prepare(self.job, self.source, resume=self.options.resume)
            known = sum(part.rows + part.skipped for part in parts.known.values())
            try:
                with attempts_folder(parts.path, self.run.run) as attempts, self.run:
                    output.begin(encoder.head(), table.lines_before_rows)
                    tasks = self._tasks(
                        cut_shards(table, shard_bytes, parts.known), parts, attempts
                    )
                    self._join(output, parts, tasks)
            except InputError:
                parts.remove()
                raise
        parts.remove()
        rows = output.rows - output.skipped
        errors = output.errors_name if output.skipped else None
        return _report(rows, output.skipped, known, self.source, self.destination, errors)

    def _tasks(
        self, shards: Iterator[Shard], parts: PartFolder, attempts: Path
    ) -> Iterator[ShardTask]:
        for shard in shards:
            yield ShardTask(
                source=Path(self.source).absolute(),
                destination=self.destination,
                shown=self.source,
                attempts=attempts,
                part=parts.file(self.job, shard.start or 0),
                start=shard.start,
                stop=shard.stop,
                job=self.job,
                options=self.options,
            )

    def _join(self, output: JoinedOutput, parts: PartFolder, tasks: Iterator[ShardTask]) -> None:
        """Appends each part when those before it are there."""
        waiting: dict[int, Ended] = {}
        joined = 0
        for each in self.run.ended(tasks):
            waiting[each.place] = each
            while joined in waiting:
                following = waiting.pop(joined)
                failure = following.outcome.failure
                if failure is not None:
                    if not issubclass(failure.kind, _MENDABLE):
                        parts.remove()
                    raise failure.located(self.source, output.rows, output.lines)
                assert isinstance(following.task, ShardTask)
                output.add(parts.finished(following.task.part), following.task.part)
                joined += 1


def _report(
    rows: int, skipped: int, resumed: int, source: str, destination: str, errors: str | None
) -> BatchReport:
    return BatchReport(rows, skipped, resumed, 0.0, 0.0, "", source, destination, errors)
