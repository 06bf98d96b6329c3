"""What was noted comes back from files that any tool reads."""

import itertools
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.records.buffer import RecordBuffer
from mlserve_cli.monitoring.records.entry import Entry
from mlserve_cli.monitoring.records.layout import ROLES_KEY
from mlserve_cli.monitoring.records.reading import record_files
from mlserve_cli.monitoring.records.retention import Retention
from mlserve_cli.monitoring.records.writer import RecordWriter, records_of
from mlserve_cli.signature import Column, DType, Layout, Signature, Task


@dataclass(frozen=True)
class Recorded:
    """A model as records know it."""

    name: str
    version: int
    signature: Signature
    metrics: Mapping[str, float] = field(default_factory=dict)


IRIS = Recorded(
    "iris",
    3,
    Signature(
        Task.CLASSIFICATION,
        (Column("length"), Column("width")),
        named=True,
        classes=("setosa", "virginica"),
        label_dtype=DType.STRING,
        probabilities=True,
    ),
)
PETS = Recorded(
    "pets",
    1,
    Signature(
        Task.REGRESSION,
        (
            Column("weight"),
            Column("age", DType.INT64),
            Column("tame", DType.BOOL),
            Column("name", DType.STRING),
            Column("size", DType.CATEGORICAL, categories=("S", "L")),
            Column("legs", DType.CATEGORICAL, categories=(2, 4)),
        ),
        layout=Layout.FRAME,
        named=True,
    ),
)
NOON = 1_700_000_000.25


def iris_entry(rows: Any, **changes: Any) -> Entry:
    matrix = np.array(rows, np.float64).reshape(-1, 2)
    count = len(matrix)
    values: dict[str, Any] = {
        "model": IRIS,
        "time": NOON,
        "parts": [row.tobytes() for row in matrix],
        "rows": count,
        "kept": count,
        "labels": np.array(["setosa"] * count, object),
        "probabilities": np.tile([0.75, 0.25], (count, 1)),
        "seconds": [0.001 * (place + 1) for place in range(count)],
    }
    return Entry(**(values | changes))


def objects(*values: Any) -> Any:
    array = np.empty(len(values), object)
    array[:] = values
    return array


class Written:
    """A writer to a folder, and what is in the folder."""

    def __init__(self, folder: Path, **options: Any) -> None:
        self.folder = folder
        self.buffer = RecordBuffer()
        self.time = NOON
        self.writer = RecordWriter(folder, self.buffer, now=lambda: self.time, **options)

    def write(self, *entries: Entry) -> None:
        for entry in entries:
            self.buffer.put(entry, 100)
        self.writer.flush()

    @property
    def files(self) -> list[Path]:
        return [file.path for file in record_files(self.folder)]

    def rows(self) -> list[dict[str, Any]]:
        return [row for file in record_files(self.folder) for row in file.read().to_pylist()]


@pytest.fixture
def written(tmp_path: Path) -> Written:
    return Written(tmp_path)


def test_a_record_has_inputs_outputs_and_how_it_came_about(written: Written) -> None:
    written.write(iris_entry([[1, 2], [3, 4]], request_ids=[b"", b"order-7"]))
    first, second = written.rows()
    assert list(first) == [
        *("length", "width", "prediction", "probability_setosa", "probability_virginica"),
        *("_time", "_latency_seconds", "_request_id", "_row", "_model", "_version"),
    ]
    time = second.pop("_time")
    assert (time.timestamp(), str(time.tzinfo)) == (NOON, "UTC")
    assert second == {
        "length": 3.0,
        "width": 4.0,
        "prediction": "setosa",
        "probability_setosa": 0.75,
        "probability_virginica": 0.25,
        "_latency_seconds": 0.002,
        "_request_id": "order-7",
        "_row": 1,
        "_model": "iris",
        "_version": 3,
    }
    assert first["_request_id"] is None
    assert written.files[0].parent == written.folder / "iris" / "3"


def test_rows_of_one_request_share_its_id_and_latency_and_are_numbered(written: Written) -> None:
    parts = [np.arange(4.0).tobytes(), np.arange(6.0).tobytes()]
    entry = iris_entry(
        np.zeros((5, 2)),
        parts=parts,
        counts=[2, 3],
        seconds=[0.5, 0.25],
        request_ids=[b"a", b"b"],
    )
    written.write(entry)
    found = [(row["_request_id"], row["_row"], row["_latency_seconds"]) for row in written.rows()]
    assert found == [("a", 1, 0.5), ("a", 2, 0.5), ("b", 1, 0.25), ("b", 2, 0.25), ("b", 3, 0.25)]


def test_values_keep_their_types_and_missing_ones_are_null(written: Written) -> None:
    whole = {
        "weight": np.array([4.5]),
        "age": np.array([2**53 + 1]),
        "tame": np.array([True]),
        "name": objects("Ça"),
        "size": objects("S"),
        "legs": objects(4),
    }
    broken = {
        "weight": np.array([np.nan]),
        "age": np.array([np.nan]),
        "tame": objects(None),
        "name": objects(None),
        "size": objects("unknown"),
        "legs": objects(None),
    }
    for parts in ([whole], [broken], [whole, broken]):
        rows = len(parts)
        written.write(Entry(PETS, NOON, parts, rows, rows, np.ones(rows), None, [0.1] * rows))
    names = PETS.signature.names
    found = [[row[name] for name in names] for row in written.rows()]
    complete = [4.5, 2**53 + 1, True, "Ça", "S", 4]
    assert found[0] == found[2] == complete
    assert found[1][1:] == found[3][1:] == [None, None, None, "unknown", None]
    assert np.isnan(found[1][0])


def test_labels_that_nobody_asked_for_are_null(written: Written) -> None:
    written.write(iris_entry([[1, 2]], labels=None), iris_entry([[3, 4]], probabilities=None))
    first, second = written.rows()
    assert (first["prediction"], first["probability_setosa"]) == (None, 0.75)
    assert (second["prediction"], second["probability_setosa"]) == ("setosa", None)


def test_every_predicted_value_has_its_column(written: Written) -> None:
    signature = Signature(Task.REGRESSION, (Column("x"),), outputs=("north", "east"))
    model = Recorded("wind", 1, signature)
    labels = np.array([[1.0, 2.0], [3.0, 4.0]])
    part = np.zeros(2).tobytes()
    written.write(Entry(model, NOON, [part], 2, 2, labels, None, [0.1], [2]))
    assert [(row["north"], row["east"]) for row in written.rows()] == [(1, 2), (3, 4)]


def test_redacted_columns_are_in_no_file(tmp_path: Path) -> None:
    written = Written(tmp_path, redacted=["length"])
    written.write(iris_entry([[1, 2]]))
    (row,) = written.rows()
    assert "length" not in row
    assert row["width"] == 2
    assert "length" not in pq.read_schema(written.files[0]).names


def test_a_column_named_as_one_of_ours_keeps_its_name(written: Written) -> None:
    columns = (Column("prediction"), Column("_time"))
    model = Recorded("odd", 1, Signature(Task.REGRESSION, columns))
    part = np.array([5.0, 6.0]).tobytes()
    written.write(Entry(model, NOON, [part], 1, 1, np.array([7.0]), None, [0.1]))
    (row,) = written.rows()
    assert (row["prediction"], row["_time"], row["_prediction"]) == (5, 6, 7)
    (file,) = record_files(written.folder)
    assert file.roles.outputs == ("_prediction",)
    assert file.roles.context["time"] == "__time"
    assert row["__time"].timestamp() == NOON


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50)), min_size=1, max_size=5),
)
def test_kept_rows_are_spread_evenly_over_those_of_a_call(sizes: list[tuple[int, int]]) -> None:
    from mlserve_cli.monitoring.records.batches import record_columns
    from mlserve_cli.monitoring.records.layout import layout_of

    number = itertools.count()
    entries, expected = [], []
    for rows, wanted in sizes:
        values = [next(number) for _ in range(rows)]
        kept = min(rows, wanted)
        entries.append(
            iris_entry(
                [[v, v] for v in values],
                parts=[np.array([[v, v] for v in values], np.float64).tobytes()],
                counts=[rows],
                seconds=[0.1],
                kept=kept,
            )
        )
        expected.append((kept, values, rows))
    found = list(record_columns(layout_of(IRIS), entries)["length"].values)
    for kept, values, rows in expected:
        mine, found = found[:kept], found[kept:]
        assert set(mine) <= set(values)
        gaps = np.diff([*mine, values[0] + rows])
        assert gaps.min() >= rows // kept
        assert gaps.max() <= -(-rows // kept)
    assert not found


def rows_for_pyarrow(folder: Path) -> int:
    from pyarrow.dataset import dataset

    return int(dataset(folder).count_rows())


def rows_for_polars(folder: Path) -> int:
    return len(pytest.importorskip("polars").read_parquet(folder / "*/*/*.parquet"))


def rows_for_duckdb(folder: Path) -> int:
    query = f"select count(*) from '{folder}/*/*/*.parquet'"
    return int(pytest.importorskip("duckdb").sql(query).fetchall()[0][0])


@pytest.mark.parametrize("count_rows", [rows_for_pyarrow, rows_for_polars, rows_for_duckdb])
def test_other_tools_read_the_files_while_they_grow(
    written: Written, count_rows: Callable[[Path], int]
) -> None:
    for count in range(1, 4):
        written.write(iris_entry([[1, 2]]))
        assert count_rows(written.folder) == count


def test_a_file_grows_until_it_is_large_or_old_and_then_stays(written: Written) -> None:
    for _ in range(3):
        written.write(iris_entry([[1, 2]]))
    (first,) = written.files
    written.time += 3601
    written.write()
    written.write(iris_entry(np.zeros((25_000, 2))))
    kept, second = written.files
    assert kept == first
    # It is too large to be written again for every row.
    for _ in range(2):
        written.write(iris_entry([[1, 2]]))
    assert written.files[:2] == [first, second]
    assert [pq.read_metadata(path).num_rows for path in written.files] == [3, 25_001, 1]


def test_writers_of_several_processes_share_a_folder(tmp_path: Path) -> None:
    one, other = Written(tmp_path), Written(tmp_path)
    for writer in (one, other, one):
        writer.write(iris_entry([[1, 2]]))
    assert len(one.files) == 2
    assert len(one.rows()) == 3


def test_models_and_versions_have_folders_of_their_own(written: Written) -> None:
    newer = Recorded("iris", 4, IRIS.signature)
    hidden = Recorded("../.x%", 1, IRIS.signature)
    written.write(*[iris_entry([[1, 2]], model=model) for model in (IRIS, newer, hidden)])
    folders = {path.parent.relative_to(written.folder).as_posix() for path in written.files}
    assert folders == {"iris/3", "iris/4", "%2E.%2F.x%25/1"}
    assert {file.roles.model for file in record_files(written.folder)} == {"iris", "../.x%"}
    assert len(record_files(written.folder, "iris")) == 2
    assert records_of(written.folder, "iris", 4).is_dir()


def test_files_are_for_their_owner_only(written: Written) -> None:
    written.write(iris_entry([[1, 2]]))
    (path,) = written.files
    assert path.stat().st_mode & 0o077 == 0
    assert path.parent.stat().st_mode & 0o077 == 0


def test_the_oldest_records_go_when_there_are_too_many_bytes(tmp_path: Path) -> None:
    written = Written(tmp_path, retention=Retention(max_bytes=20_000))
    for number in range(6):
        written.time += 3601
        written.write(iris_entry(np.random.default_rng(number).random((100, 2))))
        os.utime(written.files[-1], (written.time, written.time))
    written.time += 3601
    written.write()
    sizes = [path.stat().st_size for path in written.files]
    assert 0 < sum(sizes) <= 20_000
    assert written.files[-1].stat().st_mtime == written.time - 3601


def test_old_records_and_abandoned_parts_go(tmp_path: Path) -> None:
    written = Written(tmp_path, retention=Retention(max_age_seconds=100_000))
    written.write(iris_entry([[1, 2]]))
    (path,) = written.files
    part = path.with_name(".dead.parquet.part")
    part.write_bytes(b"PAR1")
    for file in (path, part):
        os.utime(file, (NOON, NOON))
    written.time += 5000
    written.write()
    assert path.exists()
    assert not part.exists()
    written.time += 100_000
    written.write()
    assert not path.exists()


def test_what_cannot_be_written_is_counted_and_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "records").write_text("a file is in the way")
    written = Written(tmp_path / "records")
    with caplog.at_level(logging.WARNING, "mlserve"):
        written.write(iris_entry([[1, 2], [3, 4]]))
        written.write(iris_entry([[1, 2]]))
    assert written.writer.dropped == 3
    assert [record.getMessage() for record in caplog.records] == [
        f"Predictions are not recorded in {tmp_path / 'records'}: Not a directory"
    ]
    (tmp_path / "records").unlink()
    written.write(iris_entry([[5, 6]]))
    assert [row["length"] for row in written.rows()] == [5]
    assert written.writer.written == {("iris", "3"): 1}


def test_rows_that_no_column_takes_do_not_stop_the_others(
    written: Written, caplog: pytest.LogCaptureFixture
) -> None:
    written.write(iris_entry([[1, 2]], probabilities=np.array([["a", "b"]])))
    written.write(iris_entry([[3, 4]]))
    assert written.writer.dropped == 1
    assert [row["length"] for row in written.rows()] == [3]
    assert "not recorded" in caplog.text


def test_other_parquet_files_are_no_records(written: Written) -> None:
    pq.write_table(pa.table({"x": [1]}), written.folder / "other.parquet")
    assert record_files(written.folder) == []
    written.write(iris_entry([[1, 2]]))
    assert len(record_files(written.folder)) == 1


def test_records_of_a_later_format_are_refused(tmp_path: Path) -> None:
    table = pa.table({"x": [1]}).replace_schema_metadata({ROLES_KEY: b'{"schema_version": 99}'})
    pq.write_table(table, tmp_path / "later.parquet")
    with pytest.raises(InputError, match="schema version 99"):
        record_files(tmp_path)


def test_damaged_records_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(InputError, match=r"broken\.parquet cannot be read"):
        record_files(tmp_path)
