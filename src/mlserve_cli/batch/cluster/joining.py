"""Parts joined in the input's order into one output and one file of errors."""

import os
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from mlserve_cli.batch.cluster.parts import Part, errors_of
from mlserve_cli.batch.options import BatchOptions, OnError
from mlserve_cli.batch.output import ERRORS_SUFFIX
from mlserve_cli.errors import InputError, UsageError
from mlserve_cli.tables.sink import Sink
from mlserve_cli.tables.source import Source

_COPIED_BYTES = 1 << 22


class JoinedOutput:
    """Leaving the `with` block normally publishes the output, an exception discards it.

    Args:
        destination: The file to write, as the user calls it.
        source: The input.
        options: What is asked for.

    Raises:
        UsageError: The destination cannot be written, or another run is writing it.
    """

    def __init__(self, destination: str, source: Source, options: BatchOptions) -> None:
        self.rows = 0
        self.skipped = 0
        self.lines = 0
        self._source = source.name
        self._max_errors = options.max_errors
        self._sink = Sink(destination, apart_from=source.details)
        self._begun = False
        self._errors: Sink | None = None
        try:
            self._refuse_devices()
            if options.on_error is OnError.SKIP:
                self._errors = Sink(self.errors_name)
        except BaseException as error:
            self._sink.__exit__(type(error), error, None)
            raise

    def _refuse_devices(self) -> None:
        if not self._sink.is_regular:
            raise UsageError(f"A cluster writes to a file; {self._sink.name} is none.")

    @property
    def errors_name(self) -> str:
        """Name of the file of errors."""
        return f"{self._sink.name}{ERRORS_SUFFIX}"

    def begin(self, head: bytes, lines: int) -> None:
        """Writes what stands before the first row.

        Args:
            head: The output's first bytes.
            lines: Line ends of the input before the first row.
        """
        self._begun = True
        for sink in self._sinks():
            sink.begin()
        self._sink.write(head)
        self.lines = lines

    def add(self, part: Part, path: Path) -> None:
        """Appends the next part.

        Raises:
            InputError: Too many rows could not be scored.
            EngineError: The disk is full or failed.
        """
        reason = self._add_errors(path) if part.skipped else ""
        with path.open("rb") as file:
            while data := file.read(_COPIED_BYTES):
                self._sink.write(data)
        self.rows += part.rows + part.skipped
        self.skipped += part.skipped
        self.lines += part.lines
        if self._max_errors is not None and self.skipped > self._max_errors:
            raise InputError(
                f"{self._source}: {self.skipped:,} rows could not be scored, "
                f"{self._max_errors:,} were allowed; one of them: {reason}"
            )

    def _add_errors(self, path: Path) -> str:
        """Appends rows that could not be scored, counted from the start of the file from now on."""
        assert self._errors is not None
        reason = ""
        with errors_of(path).open("rb") as file:
            for line in file:
                content = msgspec.json.decode(line)
                content["row"] += self.rows
                if content["line"] is not None:
                    content["line"] += self.lines
                reason = content["reason"]
                self._errors.write(msgspec.json.encode(content) + b"\n")
        return str(reason)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if not self._begun:
            # What an interrupted run on one machine has left is not touched.
            for sink in self._sinks():
                with sink.reopened() as left:
                    if left.read(1):
                        sink.keep()
        # What there is of errors, of this run or one before.
        if kind is None and not self.skipped:
            if self._errors is not None:
                self._errors.discard()
            Path(os.path.realpath(self.errors_name)).unlink(missing_ok=True)
        # The file of errors comes first: whoever sees the output finds what it lacks.
        for sink in self._sinks():
            sink.__exit__(kind, error, traceback)

    def _sinks(self) -> tuple[Sink, ...]:
        return (self._sink,) if self._errors is None else (self._errors, self._sink)
