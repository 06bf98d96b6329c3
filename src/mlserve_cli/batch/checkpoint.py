"""How far a job is, on disk, so that the same command can go on after any end.

A checkpoint counts whole blocks. It is written only when everything that it counts is on disk, and
replaces the one before in one step. Whatever the output holds beyond it is cut off on resume.
"""

import contextlib
import dataclasses
import errno
import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.errors import EngineError, UsageError
from mlserve_cli.tables.sink import DiskFullError, hidden_name, sync_folder

if TYPE_CHECKING:
    from mlserve_cli.batch.options import BatchOptions
    from mlserve_cli.inference.predictor import Predictor
    from mlserve_cli.tables.source import Source

# Bytes at the start and at the end of the input that tell whether it is the same file.
_SAMPLE_BYTES = 1 << 16


class Job(msgspec.Struct, frozen=True):
    """What makes two runs the same job.

    Attributes:
        input: Digest of the input's size, time of change, first and last bytes.
        model: Digest of the model.
        options: Digest of everything that changes the output.
    """

    input: str
    model: str
    options: str


class Checkpoint(msgspec.Struct, frozen=True):
    """How far a job is.

    Attributes:
        job: Which job.
        position: Where the next block begins in the input; None before the first block.
        rows: Rows of the input that were dealt with.
        lines: Line ends in the input before the next block.
        skipped: Rows among them that could not be scored.
        output_bytes: Size of the output.
        output_end: Digest of its last bytes.
        errors_bytes: Size of the file of errors.
        errors_end: Digest of its last bytes; None where there is no such file.
        notes_bytes: Size of the notes that the output's format needs to go on.
        notes_end: Likewise.
        schema_version: Version of this form.
    """

    job: Job
    position: int | None = None
    rows: int = 0
    lines: int = 0
    skipped: int = 0
    output_bytes: int = 0
    output_end: str | None = None
    errors_bytes: int = 0
    errors_end: str | None = None
    notes_bytes: int = 0
    notes_end: str | None = None
    schema_version: int = 1


class CheckpointFile:
    """The checkpoint beside an output.

    Args:
        output: The output that it belongs to.
    """

    def __init__(self, output: Path) -> None:
        self._path = hidden_name(Path(os.path.realpath(output)), ".checkpoint")

    def load(self) -> Checkpoint | None:
        """The checkpoint; None where there is none, or none that can be read."""
        try:
            found = msgspec.json.decode(self._path.read_bytes(), type=Checkpoint)
        except (OSError, msgspec.MsgspecError):
            return None
        return found if found.schema_version == 1 else None

    def save(self, checkpoint: Checkpoint) -> None:
        """Replaces the checkpoint; what it counts is on disk already.

        Raises:
            DiskFullError: The disk is full.
            EngineError: The disk failed.
        """
        try:
            self._replace(msgspec.json.encode(checkpoint))
        except OSError as error:
            full = error.errno in (errno.ENOSPC, errno.EDQUOT)
            raise (DiskFullError if full else EngineError)(
                f"{self._path} could not be written: {error.strerror or error}."
            ) from error

    def _replace(self, content: bytes) -> None:
        temporary = self._path.with_name(f"{self._path.name}.new")
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)
        sync_folder(self._path.parent)

    def remove(self) -> None:
        """Forgets the checkpoint."""
        for path in (self._path, self._path.with_name(f"{self._path.name}.new")):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def describe_job(source: "Source", predictor: "Predictor", options: "BatchOptions") -> Job:
    """What a later run must have in common with this one to continue it."""
    model = (options.model_digest, predictor.engine.value, predictor.signature)
    same = {"resume", "model_digest", "checkpoint_seconds", "threads", "forks", "max_errors"}
    names = [field.name for field in dataclasses.fields(options) if field.name not in same]
    chosen = tuple((name, getattr(options, name)) for name in names)
    return Job(_input_digest(source), _digest(model), _digest(chosen))


def check_same_job(found: Job, job: Job, source: str) -> None:
    """Refuses to continue another job.

    Raises:
        UsageError: The input, the model or the options are not those of the interrupted run.
    """
    for changed, what in (
        (found.input != job.input, f"{source} has changed"),
        (found.model != job.model, "the model is another one"),
        (found.options != job.options, "the options are others"),
    ):
        if changed:
            raise UsageError(
                f"The interrupted run cannot be continued: {what} since.",
                hint="Start afresh: the same command without --resume",
            )


def _input_digest(source: "Source") -> str:
    if not source.is_repeatable:
        return ""
    if source.uri is not None:
        return _digest((source.name, source.version))
    assert source.details is not None
    assert source.size_bytes is not None
    with Path(source.name).open("rb") as file:
        first = file.read(_SAMPLE_BYTES)
        file.seek(max(0, source.size_bytes - _SAMPLE_BYTES))
        last = file.read(_SAMPLE_BYTES)
    return _digest((source.size_bytes, source.details.st_mtime_ns, first, last))


def _digest(values: tuple[object, ...]) -> str:
    return hashlib.blake2b(repr(values).encode(), digest_size=16).hexdigest()
