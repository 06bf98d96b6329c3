"""A file cut into shards, each of which begins where a block of a local run would begin.

Where a block ends depends only on where it begins, so that such shards, scored apart and joined,
give what a local run gives, byte for byte.
"""

import shutil
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mlserve_cli.batch.checkpoint import CheckpointFile, Job, check_same_job
from mlserve_cli.batch.cluster.parts import Part, finished_part
from mlserve_cli.errors import EngineError
from mlserve_cli.tables.fault import RowFaultError
from mlserve_cli.tables.interface import Table
from mlserve_cli.tables.sink import Sink, hidden_name

_JOB = "job.json"


@dataclass(frozen=True, slots=True)
class Shard:
    """Some blocks of a file.

    Attributes:
        start: Where the first one begins; None for the first row.
        stop: Where the last one ends; None for the end of the file.
    """

    start: int | None
    stop: int | None


def cut_shards(table: Table, shard_bytes: int, parts: Mapping[int, Part]) -> Iterator[Shard]:
    """The shards of a file. It is read once, as fast as record ends can be found.

    Args:
        table: A text that is neither compressed nor to be transcoded.
        shard_bytes: About how large they are.
        parts: Finished shards by where they begin; they are taken as they are, and not read.
    """
    start: int | None = None
    while True:
        known = parts.get(start or 0)
        if known is not None:
            yield Shard(start, known.stop)
            start = known.stop
            continue
        shard = None
        for shard in _cut_anew(table, start, shard_bytes, parts):
            yield shard
        if shard is None or shard.stop not in parts:
            return
        start = shard.stop


def _cut_anew(
    table: Table, start: int | None, shard_bytes: int, parts: Mapping[int, Part]
) -> Iterator[Shard]:
    """Shards up to the next finished one, or to the end."""
    end = start
    try:
        for block in table.blocks(start):
            end = block.end
            if end in parts or end - (start or 0) >= shard_bytes:
                yield Shard(start, end)
                start = end
            if end in parts:
                return
    except RowFaultError:
        # Whoever scores the shard finds it again, behind the rows before it.
        yield Shard(start, None)
        return
    if end != start:
        yield Shard(start, end)


class PartFolder:
    """Finished shards of one output, in a hidden folder beside it.

    Args:
        destination: The output, absolute.

    Attributes:
        path: The folder.
        known: What earlier runs finished, by where it begins.
    """

    def __init__(self, destination: Path) -> None:
        self.path = hidden_name(destination, ".parts")
        self.known: dict[int, Part] = {}
        self._destination = destination

    def prepare(self, job: Job, source: str, *, resume: bool) -> None:
        """Makes the folder, or takes up what an interrupted run has left in it.

        Raises:
            UsageError: It is of another job.

        Warns:
            UserWarning: There is nothing to continue, or it is not asked for.
        """
        before = self._read()
        if before is not None and resume:
            check_same_job(before, job, source)
            return
        self._warn(resume=resume)
        self.remove()
        # Of a run on one machine, whose unfinished output is gone now.
        CheckpointFile(self._destination).remove()
        self.path.mkdir()
        with Sink(self.path / _JOB) as file:
            file.write(msgspec.json.encode(job))

    def _warn(self, *, resume: bool) -> None:
        if resume:
            warnings.warn(
                f"There is no interrupted run of {self._destination} on a cluster to continue; it "
                "starts from the first row.",
                stacklevel=3,
            )
        elif self.known:
            rows = sum(part.rows + part.skipped for part in self.known.values())
            warnings.warn(
                f"An interrupted run of {self._destination} had finished {rows:,} rows; --resume "
                "would have continued it. It starts afresh.",
                stacklevel=3,
            )

    def _read(self) -> Job | None:
        try:
            job = msgspec.json.decode((self.path / _JOB).read_bytes(), type=Job)
        except (OSError, msgspec.MsgspecError):
            return None
        for path in self.path.glob("*.part"):
            part = finished_part(path)
            if part is not None and part.job == job:
                self.known[part.start] = part
        return job

    def file(self, job: Job, start: int) -> Path:
        """Where the part goes that begins there."""
        return self.path / f"{job.options[:8]}-{start:015}.part"

    def finished(self, path: Path) -> Part:
        """What is noted of a part.

        Raises:
            EngineError: It is not there, as this machine sees it.
        """
        part = finished_part(path)
        if part is None:
            raise EngineError(
                f"A worker has finished {path}, but it cannot be read here.",
                hint="OUT must be on storage that all machines have under the same path.",
            )
        return part

    def remove(self) -> None:
        """Forgets everything."""
        shutil.rmtree(self.path, ignore_errors=True)
        self.known.clear()
