"""Compressed files whose rows stand in one piece are unpacked to disk."""

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.feather
import pytest

from mlserve_cli.errors import EngineError, InputError
from mlserve_cli.tables.arrow_files import open_arrow_file
from mlserve_cli.tables.formats import Format
from mlserve_cli.tables.source import Source

_ROWS = 300_000


@pytest.fixture(scope="module")
def table() -> pa.Table:
    """More than is unpacked at once, in one batch."""
    numbers = {f"f{k}": pa.array(np.arange(_ROWS) * 0.5 + k) for k in range(6)}
    texts = pa.array([None if k % 7 == 0 else f"text {k}" for k in range(_ROWS)])
    categories = pa.array(["low", None, "high"] * (_ROWS // 3)).dictionary_encode()
    return pa.table({"text": texts, **numbers, "category": categories})


@pytest.mark.parametrize("compression", ["lz4", "zstd", "uncompressed"])
@pytest.mark.parametrize("start", [0, 123_457])
def test_one_large_batch_is_read_whole_from_any_row(
    table: pa.Table, tmp_path: Path, compression: str, start: int
) -> None:
    path = tmp_path / "in.arrow"
    pyarrow.feather.write_feather(table, path, compression=compression, chunksize=_ROWS)
    with Source(path) as source:
        read = pa.Table.from_batches(open_arrow_file(source, Format.ARROW).read(start))
    assert read.equals(table.slice(start))


def test_what_is_unpacked_does_not_stay_in_the_memory(table: pa.Table, tmp_path: Path) -> None:
    path = tmp_path / "in.arrow"
    pyarrow.feather.write_feather(table, path, compression="zstd", chunksize=_ROWS)
    with Source(path) as source:
        before = pa.total_allocated_bytes()
        batches = open_arrow_file(source, Format.ARROW).read(0)
        next(batches)
        assert pa.total_allocated_bytes() - before < table.nbytes / 4


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("is_turned", [False, True])
def test_arrays_in_archives_are_mapped_from_disk(
    tmp_path: Path, save: object, is_turned: bool
) -> None:
    values = np.arange(60_000.0).reshape(20_000, 3)
    if is_turned:
        values = np.asfortranarray(values)
    path = tmp_path / "in.npz"
    assert callable(save)
    save(path, values)
    with Source(path) as source:
        read = pa.Table.from_batches(open_arrow_file(source, Format.NPZ).read(17))
    assert [column.to_pylist() for column in read.columns] == values[17:].T.tolist()


def test_a_damaged_archive_is_named(tmp_path: Path) -> None:
    path = tmp_path / "in.npz"
    np.savez_compressed(path, np.zeros((20_000, 3)))
    content = bytearray(path.read_bytes())
    content[60:80] = b"\xff" * 20
    path.write_bytes(content)
    with Source(path) as source, pytest.raises(InputError, match="no readable npz file"):
        open_arrow_file(source, Format.NPZ)


def test_a_folder_without_space_is_named(
    table: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "in.arrow"
    pyarrow.feather.write_feather(table, path, compression="zstd", chunksize=_ROWS)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "absent"))
    with Source(path) as source, pytest.raises(EngineError, match="absent") as caught:
        list(open_arrow_file(source, Format.ARROW).read(0))
    assert caught.value.hint == "Name a folder with more space: TMPDIR=FOLDER"
