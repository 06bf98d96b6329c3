"""The files of a finished shard."""

from pathlib import Path

import msgspec

from mlserve_cli.batch.checkpoint import Job


class Part(msgspec.Struct, frozen=True):
    """A finished shard, as it is noted beside its bytes.

    Attributes:
        job: What scored it.
        start: Where it begins in the input.
        stop: Where it ends.
        rows: Rows that were scored.
        skipped: Rows that could not be scored.
        lines: Line ends in it.
        output_bytes: Size of its output.
        errors_bytes: Size of its lines in the file of errors.
    """

    job: Job
    start: int
    stop: int
    rows: int
    skipped: int
    lines: int
    output_bytes: int
    errors_bytes: int


def errors_of(part: Path) -> Path:
    """Where the rows of a part that could not be scored are."""
    return part.with_suffix(".errors")


def note_of(part: Path) -> Path:
    """Where it is noted that a part is finished."""
    return part.with_suffix(".json")


def finished_part(path: Path) -> Part | None:
    """What is noted of a part; None where it is not finished."""
    try:
        part = msgspec.json.decode(note_of(path).read_bytes(), type=Part)
        sizes = path.stat().st_size, errors_of(path).stat().st_size
    # What a power failure has cut off is not finished either.
    except (OSError, msgspec.MsgspecError):
        return None
    return part if sizes == (part.output_bytes, part.errors_bytes) else None
