"""Where files are cut, and what tasks leave behind."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.batch import BatchOptions
from mlserve_cli.batch.checkpoint import Job
from mlserve_cli.batch.cluster import Shipment
from mlserve_cli.batch.cluster.attempts import attempts_folder
from mlserve_cli.batch.cluster.parts import Part
from mlserve_cli.batch.cluster.shards import Shard, cut_shards
from mlserve_cli.batch.cluster.tasks import FileTask
from mlserve_cli.signature import Column, Signature, Task
from mlserve_cli.tables.interface import Table
from mlserve_cli.tables.opening import open_table
from mlserve_cli.tables.options import TableOptions
from mlserve_cli.tables.source import Source

_MODEL = Signature(Task.REGRESSION, (Column("a"),), named=True)
_JOB = Job("", "", "")


@contextmanager
def opened(path: Path, block_bytes: int) -> Iterator[Table]:
    with Source(path) as source:
        yield open_table(source, _MODEL, TableOptions(block_bytes=block_bytes))


def shards(path: Path, block_bytes: int, size: int, known: dict[int, Part]) -> list[Shard]:
    with opened(path, block_bytes) as table:
        return list(cut_shards(table, size, known))


def part(shard: Shard) -> Part:
    assert shard.stop is not None
    return Part(_JOB, shard.start or 0, shard.stop, 1, 0, 1, 0, 0)


@given(
    fields=st.lists(st.sampled_from(["1", "22", '"a\nb"', '"""\n"', '",\r\n,"']), max_size=40),
    end=st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
    block_bytes=st.integers(5, 60),
    sizes=st.tuples(st.integers(1, 200), st.integers(1, 200)),
    chosen=st.integers(0, 2**40),
)
def test_shards_begin_where_local_blocks_do_whatever_is_finished_already(
    tmp_path_factory: pytest.TempPathFactory,
    fields: list[str],
    end: str,
    block_bytes: int,
    sizes: tuple[int, int],
    chosen: int,
) -> None:
    path = tmp_path_factory.getbasetemp() / "shards.csv"
    path.write_bytes(b"a,b" + end.encode() + "".join(f"1,{f}{end}" for f in fields).encode())
    with opened(path, block_bytes) as table:
        ends = [block.end for block in table.blocks()]
    before = shards(path, block_bytes, sizes[0], {})
    finished = [shard for k, shard in enumerate(before) if chosen >> k & 1]
    known = {shard.start or 0: part(shard) for shard in finished}
    found = shards(path, block_bytes, sizes[1], known)
    for cut in (before, found):
        assert [shard.stop for shard in cut[:-1]] == [shard.start for shard in cut[1:]]
        assert {shard.stop for shard in cut} <= set(ends)
        assert [shard.stop for shard in cut[-1:]] == ends[-1:]
        assert all(shard.start is None for shard in cut[:1])
    assert set(finished) <= set(found)


def test_a_task_of_a_run_that_is_over_changes_nothing(shipment: Shipment, tmp_path: Path) -> None:
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("a,b\n1,2\n")
    target.write_text("of a later run")
    with attempts_folder(tmp_path, "run") as attempts:
        task = FileTask(source, target, "in.csv", attempts, BatchOptions())
    with pytest.raises(FileNotFoundError):
        task.run(shipment.load())
    assert target.read_text() == "of a later run"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.csv", "out.csv"]
