"""Where a job's rows go: the output, the file of errors and the checkpoint, moving together."""

import os
import warnings
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

import msgspec

from mlserve_cli.batch.checkpoint import Checkpoint, CheckpointFile, Job, check_same_job
from mlserve_cli.batch.options import BatchOptions, OnError
from mlserve_cli.errors import EngineError, InputError, InterruptedJobError, UsageError
from mlserve_cli.tables.sink import DiskFullError, Sink
from mlserve_cli.tables.source import STANDARD_STREAM

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
        self._sink = Sink(destination, apart_from=source.details)
        self._errors: Sink | None = None
        self.state = Checkpoint(job)
        self._file: CheckpointFile | None = None
        self._saved_at = monotonic()
        self._wait_seconds = options.checkpoint_seconds
        try:
            self._prepare(destination)
        except BaseException as error:
            # What an earlier run left behind stays, for whoever gives the right options.
            for sink in self._sinks():
                if CheckpointFile(Path(destination)).load() is not None:
                    sink.keep()
                sink.__exit__(type(error), error, None)
            raise

    @property
    def errors_name(self) -> str:
        """Name of the file of errors."""
        return f"{self._sink.name}{ERRORS_SUFFIX}"

    def _prepare(self, destination: str | Path) -> None:
        regular = self._sink.is_regular
        if self._options.on_error is OnError.SKIP:
            if str(destination) == STANDARD_STREAM or not regular:
                raise UsageError(
                    "Rows that cannot be scored go to a file beside OUT, but OUT is no file.",
                    hint="Name an output file, or leave out --on-error skip.",
                )
            self._errors = Sink(self.errors_name)
        if regular and self._source.is_repeatable and self._encoder.is_continuable:
            self._file = CheckpointFile(Path(destination))
            if self._continue(self._file.load()):
                return
            self._file.remove()
        elif self._options.resume:
            raise UsageError(
                "Only a job from a file to a file of CSV or JSON Lines can be continued."
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
        if self._sink.fingerprint_at(found.output_bytes) != found.output_end:
            raise UsageError(
                "The interrupted run cannot be continued: its unfinished output has changed since.",
                hint="Start afresh: the same command without --resume",
            )
        self._sink.continue_at(found.output_bytes)
        if self._errors is not None:
            self._errors.continue_at(found.errors_bytes)
        self.state = found
        return True

    def _sinks(self) -> tuple[Sink, ...]:
        return (self._sink,) if self._errors is None else (self._errors, self._sink)

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
        if self._file is not None and monotonic() - self._saved_at >= self._wait_seconds:
            self._save(self._file)

    def _advance(self, position: int | None, rows: int, lines: int, skipped: int) -> None:
        # In one assignment, so that an interruption finds either the old state or the new one.
        self.state = msgspec.structs.replace(
            self.state,
            position=position,
            rows=self.state.rows + rows,
            lines=self.state.lines + lines,
            skipped=self.state.skipped + skipped,
            output_bytes=self._sink.bytes_written,
            errors_bytes=0 if self._errors is None else self._errors.bytes_written,
        )

    def _save(self, file: CheckpointFile) -> None:
        started = monotonic()
        for sink in self._sinks():
            sink.sync()
        file.save(msgspec.structs.replace(self.state, output_end=self._sink.fingerprint()))
        self._saved_at = monotonic()
        self._wait_seconds = max(
            self._options.checkpoint_seconds, (self._saved_at - started) / _CHECKPOINT_SHARE
        )

    def _interrupted(self, file: CheckpointFile, error: BaseException) -> None:
        """Keeps what is finished."""
        self._sink.continue_at(self.state.output_bytes)
        if self._errors is not None:
            self._errors.continue_at(self.state.errors_bytes)
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
                self._sink.write(self._encoder.tail())
            except BaseException as failure:
                self.__exit__(type(failure), failure, None)
                raise
            self._publish()
            return
        if self._file is not None:
            if isinstance(error, _RESUMABLE) and self.state.position is not None:
                self._interrupted(self._file, error)
            else:
                self._file.remove()
        for sink in self._sinks():
            sink.__exit__(kind, error, traceback)

    def _publish(self) -> None:
        if self._errors is not None:
            with self._errors:
                if not self.state.skipped:
                    self._errors.discard()
        # What an earlier run says of other rows.
        if not self.state.skipped and self._sink.is_regular:
            Path(os.path.realpath(self.errors_name)).unlink(missing_ok=True)
        with self._sink:
            pass
        if self._file is not None:
            self._file.remove()
