"""Where a job's rows go: the output, the file of errors and the checkpoint, moving together."""

import os
import warnings
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from mlserve_cli.batch.checkpoint import Checkpoint, CheckpointFile, Job, check_same_job
from mlserve_cli.batch.columnar import ColumnarEncoder
from mlserve_cli.batch.options import BatchOptions, OnError
from mlserve_cli.errors import EngineError, InputError, InterruptedJobError, UsageError
from mlserve_cli.tables.remote import is_remote
from mlserve_cli.tables.remote_errors import shown_uri
from mlserve_cli.tables.sink import DiskFullError, Sink, hidden_name
from mlserve_cli.tables.upload import Upload, remove_object

if TYPE_CHECKING:
    from mlserve_cli.batch.encoders import Encoder
    from mlserve_cli.batch.scoring import Piece
    from mlserve_cli.tables.source import Source

# Checkpoints take at most this share of the time.
_CHECKPOINT_SHARE = 0.02
# Of the file beside an output that holds the rows that could not be scored.
ERRORS_SUFFIX = ".errors.jsonl"
# After all others the same run would only fail again.
_RESUMABLE = (InterruptedJobError, DiskFullError, KeyboardInterrupt, SystemExit, MemoryError)


class JobOutput:
    """Leaving the `with` block normally publishes everything; what an exception leaves depends.

    Bad input discards what was written. An interruption or a full disk keeps it, with a checkpoint,
    so that `--resume` can go on.

    Args:
        destination: The file to write, or `-` for standard output.
        source: The input.
        encoder: Writes the output's format.
        job: What this run is.
        options: What is asked for.

    Raises:
        UsageError: The destination cannot be written, or the job cannot be continued.
    """

    def __init__(
        self,
        destination: str | Path,
        source: "Source",
        encoder: "Encoder",
        job: Job,
        options: BatchOptions,
    ) -> None:
        self._source = source
        self._encoder = encoder
        self._options = options
        self._place = str(destination)
        self._refuse_resume()
        self._sink = _opened(destination, source)
        self._errors: Sink | Upload | None = None
        # What a format with a table of contents must know to go on.
        self._notes: Sink | None = None
        self.state = self._settled = Checkpoint(job)
        self._file: CheckpointFile | None = None
        self._saved_at = monotonic()
        self._wait_seconds = options.checkpoint_seconds
        try:
            self._prepare(destination)
        except BaseException as error:
            # What an earlier run left behind stays, for whoever gives the right options.
            for sink in self._sinks():
                if sink.is_regular and CheckpointFile(Path(destination)).load() is not None:
                    sink.keep()
                sink.__exit__(type(error), error, None)
            raise

    def _refuse_resume(self) -> None:
        if self._options.resume and is_remote(self._place):
            raise UsageError(
                f"{shown_uri(self._place)}: an interrupted upload leaves nothing behind that could "
                "be continued.",
                hint="Leave out --resume, or write to a local file and copy it afterwards.",
            )

    @property
    def errors_name(self) -> str:
        """Name of the file of errors."""
        return f"{self._sink.name}{ERRORS_SUFFIX}"

    def _prepare(self, destination: str | Path) -> None:
        regular = self._sink.is_regular
        if self._options.on_error is OnError.SKIP:
            if not self._sink.has_neighbours:
                raise UsageError(
                    "Rows that cannot be scored go to a file beside OUT, but OUT is no file.",
                    hint="Name an output file, or leave out --on-error skip.",
                )
            self._errors = _opened(f"{self._place}{ERRORS_SUFFIX}", None)
        if regular and self._source.is_repeatable and self._encoder.is_continuable:
            self._file = CheckpointFile(Path(destination))
            if isinstance(self._encoder, ColumnarEncoder):
                self._notes = Sink(hidden_name(Path(os.path.realpath(destination)), ".contents"))
            if self._continue(self._file.load()):
                return
            self._file.remove()
        elif self._options.resume:
            raise UsageError(
                "Only a job from a file to a file of CSV, JSON Lines, Parquet or Arrow can be "
                "continued."
            )
        for sink in self._sinks():
            sink.begin()

    def _continue(self, found: Checkpoint | None) -> bool:
        if found is None:
            if self._options.resume:
                warnings.warn(
                    f"There is no interrupted run of {self._sink.name} to continue; it starts "
                    "from the first row.",
                    stacklevel=2,
                )
            return False
        if not self._options.resume:
            warnings.warn(
                f"An interrupted run of {self._sink.name} had finished {found.rows:,} rows; "
                "--resume would have continued it. It starts afresh.",
                stacklevel=2,
            )
            return False
        check_same_job(found.job, self.state.job, self._source.name)
        if self._fingerprinted(found) != found:
            raise _damaged()
        self._continue_at(found)
        if self._notes is not None:
            self._continue_contents(self._notes, found)
        self.state = self._settled = found
        return True

    def _continue_contents(self, notes: Sink, found: Checkpoint) -> None:
        assert isinstance(self._encoder, ColumnarEncoder)
        assert isinstance(self._sink, Sink)
        with notes.reopened() as noted, self._sink.reopened() as written:
            try:
                self._encoder.resume(noted.read(), written, found.output_bytes)
            except ValueError as error:
                raise _damaged() from error

    def _continue_at(self, state: Checkpoint) -> None:
        for sink, size in self._sized(state):
            if sink is not None:
                assert isinstance(sink, Sink)
                sink.continue_at(size)

    def _fingerprinted(self, state: Checkpoint) -> Checkpoint:
        """The state with digests of what is on disk for it."""
        output, errors, notes = (
            sink.fingerprint_at(size) if isinstance(sink, Sink) else None
            for sink, size in self._sized(state)
        )
        return msgspec.structs.replace(state, output_end=output, errors_end=errors, notes_end=notes)

    def _sized(self, state: Checkpoint) -> "tuple[tuple[Sink | Upload | None, int], ...]":
        return (
            (self._sink, state.output_bytes),
            (self._errors, state.errors_bytes),
            (self._notes, state.notes_bytes),
        )

    def _sinks(self) -> "tuple[Sink | Upload, ...]":
        # The file of errors comes first: whoever sees the output finds what it lacks.
        return tuple(sink for sink in (self._errors, self._sink, self._notes) if sink is not None)

    def begin(self, lines: int) -> None:
        """Writes what stands before the first row.

        Args:
            lines: Line ends of the input before the first row.
        """
        self._sink.write(self._encoder.head())
        self._advance(self.state.position, 0, lines, 0)

    def add(self, piece: "Piece") -> None:
        """Writes a scored block.

        Raises:
            InputError: Too many rows could not be scored.
            EngineError: The disk is full or failed.
        """
        for payload in piece.payloads:
            self._sink.write(self._encoder.emit(payload))
        if piece.rejected:
            assert self._errors is not None
            for rejected in piece.rejected:
                self._errors.write(rejected.line(self.state.rows, self.state.lines))
        self._advance(piece.end, piece.rows, piece.lines, len(piece.rejected))
        allowed = self._options.max_errors
        if allowed is not None and self.state.skipped > allowed:
            reason = piece.rejected[-1]
            raise InputError(
                f"{self._source.name}: {self.state.skipped:,} rows could not be scored, "
                f"{allowed:,} were allowed; one of them: {reason.reason}"
            )
        due = monotonic() - self._saved_at >= self._wait_seconds
        if self._file is not None and self._settled.position is not None and due:
            self._save(self._file)

    def _advance(self, position: int | None, rows: int, lines: int, skipped: int) -> None:
        is_settled = True
        if self._notes is not None:
            assert isinstance(self._encoder, ColumnarEncoder)
            is_settled = self._encoder.is_settled
            self._notes.write(self._encoder.notes())
        # In one assignment, so that an interruption finds either the old state or the new one.
        self.state = msgspec.structs.replace(
            self.state,
            position=position,
            rows=self.state.rows + rows,
            lines=self.state.lines + lines,
            skipped=self.state.skipped + skipped,
            output_bytes=self._sink.bytes_written,
            errors_bytes=0 if self._errors is None else self._errors.bytes_written,
            notes_bytes=0 if self._notes is None else self._notes.bytes_written,
        )
        if is_settled:
            self._settled = self.state

    def _save(self, file: CheckpointFile) -> None:
        started = monotonic()
        for sink in self._sinks():
            assert isinstance(sink, Sink)
            sink.sync()
        file.save(self._fingerprinted(self._settled))
        self._saved_at = monotonic()
        self._wait_seconds = max(
            self._options.checkpoint_seconds, (self._saved_at - started) / _CHECKPOINT_SHARE
        )

    def _interrupted(self, file: CheckpointFile, error: BaseException) -> None:
        """Keeps what is finished."""
        self._continue_at(self._settled)
        try:
            self._save(file)
        except (OSError, EngineError):
            # The disk may be too full for it; then the checkpoint before still holds.
            if file.load() is None:
                return
        for sink in self._sinks():
            sink.keep()
        if isinstance(error, DiskFullError):
            error.hint = "Free some space and run the same command with --resume."

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                for data in self._encoder.tail():
                    self._sink.write(data)
            except BaseException as failure:
                self.__exit__(type(failure), failure, None)
                raise
            self._publish()
            return
        if self._file is not None:
            if isinstance(error, _RESUMABLE) and self._settled.position is not None:
                self._interrupted(self._file, error)
            else:
                self._file.remove()
            if isinstance(error, InterruptedJobError) and not self._settled.rows:
                nothing = f"Nothing of {self._place} is finished yet."
                error.hint = f"{error.hint or ''} {nothing}".lstrip()
        for sink in self._sinks():
            sink.__exit__(kind, error, traceback)

    def _publish(self) -> None:
        try:
            self._publish_each()
        except BaseException:
            for sink in self._sinks():
                if isinstance(sink, Upload):
                    sink.discard()
            raise

    def _publish_each(self) -> None:
        if self._file is not None:
            for sink in self._sinks():
                assert isinstance(sink, Sink)
                sink.sync()
            # Only names are to be given from here on. Killed meanwhile, the job starts afresh.
            self._file.remove()
        if self._errors is not None:
            with self._errors:
                if not self.state.skipped:
                    self._errors.discard()
        # What an earlier run says of other rows.
        if not self.state.skipped and self._sink.is_regular:
            Path(os.path.realpath(self.errors_name)).unlink(missing_ok=True)
        elif not self.state.skipped and is_remote(self._place):
            remove_object(f"{self._place}{ERRORS_SUFFIX}")
        with self._sink:
            pass
        if self._notes is not None:
            with self._notes as notes:
                notes.discard()


def _damaged() -> UsageError:
    return UsageError(
        "The interrupted run cannot be continued: its unfinished output has changed since.",
        hint="Start afresh: the same command without --resume",
    )


def _opened(destination: str | Path, source: "Source | None") -> Sink | Upload:
    """The output, on this machine or elsewhere; it must not be the input."""
    if isinstance(destination, str) and is_remote(destination):
        return Upload(destination, apart_from=None if source is None else source.uri)
    return Sink(destination, apart_from=None if source is None else source.details)
