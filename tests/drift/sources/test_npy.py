from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from mlserve_cli.drift import drift_check
from mlserve_cli.drift.profile import Profile
from mlserve_cli.drift.sources import arrays, files
from mlserve_cli.drift.sources.arrays import ArrayDataset, spread
from mlserve_cli.drift.sources.files import open_path
from mlserve_cli.drift.sources.npy import NpyDataset
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

Gather = Callable[[Any], dict[str, Any]]
Read = Callable[[Path], dict[str, Any]]
VALUES = np.random.default_rng(0).normal(size=(3_000, 7))


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("dtype", ["<f8", ">f8", "<f4", ">i4", "<u2", "|b1", "<i8", "<f2"])
def test_every_layout_gives_the_same_values(
    tmp_path: Path, read: Read, order: Any, dtype: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 10_000)
    values = (VALUES * 10).astype(np.int64).clip(0).astype(dtype)
    np.save(tmp_path / "a.npy", np.array(values, order=order))
    found = read(tmp_path / "a.npy")
    assert pytest.approx(values.astype(float)) == np.array(list(found.values())).T


@pytest.mark.parametrize("order", ["C", "F"])
def test_some_columns_can_be_read_alone(tmp_path: Path, order: Any) -> None:
    np.save(tmp_path / "a.npy", np.array(VALUES, order=order))
    for dataset in (NpyDataset(tmp_path / "a.npy"), ArrayDataset(VALUES, "values")):
        blocks = [np.array(block).copy() for block in dataset.blocks([5, 2])]
        assert (VALUES[:, [5, 2]] == np.concatenate(blocks, axis=1).T).all()
        sample = np.array(dataset.sample([5, 2], 10**6)).T
        assert (sample == VALUES[:, [5, 2]]).all()


def test_a_sample_is_spread_over_the_whole_file(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.arange(100_000.0))
    (sample,) = NpyDataset(tmp_path / "a.npy").sample([0], 640)
    assert np.quantile(np.asarray(sample), [0, 0.5, 1]) == pytest.approx(
        [0, 50_000, 100_000], abs=1_700
    )


@pytest.mark.parametrize("total", [0, 1, 63, 64, 65, 1_000, 10_007])
@pytest.mark.parametrize("wanted", [1, 64, 640])
def test_runs_of_a_sample_lie_inside_of_the_data(total: int, wanted: int) -> None:
    rows = np.arange(total)
    taken = np.concatenate([rows[run] for run in spread(total, wanted)])
    assert min(total, wanted // 2) <= len(taken) <= max(wanted, 1)


def test_text_and_times_are_read(tmp_path: Path, read: Read) -> None:
    np.save(tmp_path / "a.npy", np.array([["x", "yy"], ["yy", "z"]]))
    assert read(tmp_path / "a.npy") == {"x0": ["x", "yy"], "x1": ["yy", "z"]}
    np.save(tmp_path / "a.npy", np.array(["1970-01-01T00:01", "NaT"], "datetime64[m]"))
    assert read(tmp_path / "a.npy")["x0"] == pytest.approx([60.0, np.nan], nan_ok=True)


def test_an_archive_is_one_matrix_or_one_array_per_column(tmp_path: Path, read: Read) -> None:
    np.savez(tmp_path / "a.npz", VALUES)
    assert len(read(tmp_path / "a.npz")) == 7
    np.savez_compressed(tmp_path / "a.npz", age=np.arange(5), name=np.array(list("abcde")))
    found = read(tmp_path / "a.npz")
    assert found == {"age": [0.0, 1.0, 2.0, 3.0, 4.0], "name": list("abcde")}


BAD: dict[str, tuple[Any, str]] = {
    "objects": (np.array([[1, "a"], [2, None]], object), "type object.*pickles"),
    "complex": (np.zeros((5, 3), complex), "complex128.*real and imaginary"),
    "long double": (np.zeros((5, 3), np.longdouble), r"astype\('float64'\)"),
    "no dimension": (np.float64(3), "holds a single value"),
    "three dimensions": (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\), expected \(rows, columns\)"),
    "no rows": (np.empty((0, 3)), "has no rows"),
    "no columns": (np.empty((5, 0)), "has no columns"),
    "records": (np.zeros(5, [("a", "f8"), ("b", "i4")]), "structured array"),
    "bytes": (np.array([b"a", b"b"]), "type |S1"),
    "large whole numbers": (np.full((10, 1), 2**60), "beyond 2\\*\\*53"),
}


@pytest.mark.parametrize("form", ["array", "npy", "npz"])
@pytest.mark.parametrize("case", BAD)
def test_arrays_that_are_no_table_are_refused(tmp_path: Path, case: str, form: str) -> None:
    values, message = BAD[case]
    data: Any = values
    if form == "npy":
        data = tmp_path / "a.npy"
        np.save(data, values)
    if form == "npz":
        data = tmp_path / "a.npz"
        np.savez(data, values)
    with pytest.raises(InputError, match=f"(?s){message}"):
        drift_check(data, data)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.npy"
    np.save(path, VALUES)
    content = path.read_bytes()
    for damaged, message in {
        content[:-1]: r"is truncated: it has [\d,]+ bytes, and its header promises",
        content[:40]: "no readable npy file",
        b"hello world": "no readable npy file",
        content[:6] + b"\x09" + content[7:]: "an npy file of version 9.0, expected 1.0 or 2.0",
        content.replace(b"'<f8'", b"'<q9'"): "no readable npy file",
        b"": "is empty",
    }.items():
        path.write_bytes(damaged)
        with pytest.raises(InputError, match=message):
            drift_check(path, path)
    np.savez(tmp_path / "b.npz", VALUES)
    archive = tmp_path / "b.npz"
    archive.write_bytes(archive.read_bytes()[:5_000])
    with pytest.raises(InputError, match="no readable npz file"):
        drift_check(archive, archive)


def test_arrays_of_an_archive_have_to_be_columns_of_one_table(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", a=np.zeros(10), b=np.zeros(9))
    with pytest.raises(InputError, match=r"no columns of one table: a \(10,\), b \(9,\)"):
        drift_check(tmp_path / "a.npz", tmp_path / "a.npz")


def test_more_columns_than_fit_one_block_are_compared() -> None:
    values: NDArray[Any] = np.random.default_rng(0).normal(size=(400, 1_200))
    values[:, 7] += np.repeat([0, 2], 200)
    report = drift_check(values[:200], values[200:])
    assert [column.name for column in report.columns if column.verdict == "drift"] == ["x7"]


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("form", ["rows", "columns", "arrays", "one row"])
def test_large_archives_are_read_in_blocks(
    tmp_path: Path, pack: Any, form: str, gather: Gather, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = VALUES if form != "one row" else VALUES.ravel()
    match form:
        case "columns":
            pack(tmp_path / "a.npz", np.asfortranarray(values))
        case "arrays":
            pack(tmp_path / "a.npz", **{f"c{k}": column for k, column in enumerate(values.T)})
        case _:
            pack(tmp_path / "a.npz", values)
    kept = open_path(tmp_path / "a.npz")
    monkeypatch.setattr(files, "KEPT_BYTES", 1_000)
    monkeypatch.setattr(arrays, "BLOCK_BYTES", 10_000)
    blocks = open_path(tmp_path / "a.npz")
    assert not isinstance(kept, Profile)
    assert not isinstance(blocks, Profile)
    assert type(blocks) is not type(kept) or (form, pack) == ("columns", np.savez_compressed)
    assert blocks.fields == kept.fields
    assert gather(blocks) == gather(kept)
    report = drift_check(tmp_path / "a.npz", tmp_path / "a.npz")
    assert report.reference_rows == len(values)


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_large_archives_that_are_damaged_are_refused(
    tmp_path: Path, pack: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(files, "KEPT_BYTES", 1_000)
    path = tmp_path / "a.npz"
    pack(path, a=VALUES[:, 0], b=VALUES[:, 1])
    content = bytearray(path.read_bytes())
    content[5_000:5_100] = bytes(100)
    path.write_bytes(content)
    with pytest.raises(InputError, match="no readable npz file"):
        drift_check(path, path)
    pack(path, a=VALUES[:, 0], b=VALUES[:-1, 1])
    with pytest.raises(InputError, match="no columns of one table"):
        drift_check(path, path)
    pack(path, a=VALUES, b=np.array([None, {}], object))
    with pytest.raises(InputError, match="Arrays of Python objects are pickles"):
        drift_check(path, path)


def test_headers_with_impossible_shapes_are_refused(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 3)))
    content = (tmp_path / "a.npy").read_bytes()
    for written in (b"(-5,3)", b"(99999"):
        (tmp_path / "b.npy").write_bytes(content.replace(b"(5, 3)", written))
        with pytest.raises(InputError, match="no readable npy file"):
            drift_check(tmp_path / "b.npy", tmp_path / "a.npy")
