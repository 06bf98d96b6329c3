"""Predictions as npy and npz files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve_cli.batch import BatchOptions, OnError, Output, predict_file
from mlserve_cli.errors import EngineError, UsageError
from mlserve_cli.signature import Column, Signature, Task

_COLUMNS = (Column("a"), Column("b"))
_NUMBERS = Signature(Task.REGRESSION, _COLUMNS, named=True)
_CLASSES = Signature(
    Task.CLASSIFICATION,
    _COLUMNS,
    named=True,
    classes=("no", "größer"),
    probabilities=True,
    decision=("decision",),
)
_ROWS = 5000


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.csv"
    path.write_text("a,b\n" + "".join(f"{k},{k % 7}\n" for k in range(_ROWS)))
    return path


def classifier(fake: Any, labels: tuple[Any, Any] = ("no", "größer")) -> Any:
    signature = Signature(
        Task.CLASSIFICATION,
        _COLUMNS,
        named=True,
        classes=labels,
        probabilities=True,
        decision=("decision",),
    )
    kind = np.object_ if isinstance(labels[0], str) else np.int64
    return fake(
        signature,
        labels=lambda batch: np.array(labels, kind)[(batch[:, 1] > 3).astype(int)],
        probabilities=lambda batch: np.column_stack([batch[:, 0], -batch[:, 0]]),
        decision=lambda batch: batch[:, 0] / 2,
    )


_MORE = np.arange(_ROWS) % 7 > 3


@pytest.mark.parametrize("block_bytes", [100, 1 << 20])
def test_values_are_an_array_of_one_dimension(
    fake: Any, source: Path, tmp_path: Path, block_bytes: int
) -> None:
    model = fake(_NUMBERS, labels=lambda batch: batch[:, 0])
    options = BatchOptions(block_bytes=block_bytes)
    predict_file(source, tmp_path / "out.npy", model, options)
    found = np.load(tmp_path / "out.npy", allow_pickle=False)
    assert found.dtype == np.float64
    assert found.tolist() == list(map(float, range(_ROWS)))


def test_labels_keep_their_type(fake: Any, source: Path, tmp_path: Path) -> None:
    predict_file(source, tmp_path / "out.npy", classifier(fake))
    found = np.load(tmp_path / "out.npy", allow_pickle=False)
    assert found.dtype == np.dtype("<U6")
    assert found.tolist() == np.where(_MORE, "größer", "no").tolist()
    predict_file(source, tmp_path / "out.npy", classifier(fake, (10, 20)))
    found = np.load(tmp_path / "out.npy")
    assert found.dtype == np.int64
    assert found.tolist() == np.where(_MORE, 20, 10).tolist()


def test_probabilities_are_a_matrix(fake: Any, source: Path, tmp_path: Path) -> None:
    options = BatchOptions(output=Output.PROBABILITIES)
    predict_file(source, tmp_path / "out.npy", classifier(fake), options)
    found = np.load(tmp_path / "out.npy")
    assert found.shape == (_ROWS, 2)
    assert found[4321].tolist() == [4321.0, -4321.0]
    predict_file(source, tmp_path / "raw.npy", classifier(fake), BatchOptions(output=Output.RAW))
    assert np.load(tmp_path / "raw.npy")[4321] == 4321 / 2


def test_both_are_two_arrays_of_an_npz_file(fake: Any, source: Path, tmp_path: Path) -> None:
    options = BatchOptions(output=Output.BOTH)
    predict_file(source, tmp_path / "out.npz", classifier(fake), options)
    with np.load(tmp_path / "out.npz", allow_pickle=False) as found:
        assert set(found.files) == {"predictions", "probabilities"}
        assert found["predictions"].tolist() == np.where(_MORE, "größer", "no").tolist()
        assert found["probabilities"].shape == (_ROWS, 2)
    first = (tmp_path / "out.npz").read_bytes()
    predict_file(source, tmp_path / "out.npz", classifier(fake), options)
    assert (tmp_path / "out.npz").read_bytes() == first


def test_both_are_one_matrix_where_labels_are_numbers(
    fake: Any, source: Path, tmp_path: Path
) -> None:
    options = BatchOptions(output=Output.BOTH)
    predict_file(source, tmp_path / "out.npy", classifier(fake, (10, 20)), options)
    assert np.load(tmp_path / "out.npy")[6].tolist() == [20.0, 6.0, -6.0]
    with pytest.raises(UsageError, match=r"labels of text and probabilities make two") as caught:
        predict_file(source, tmp_path / "text.npy", classifier(fake), options)
    assert ".npz" in str(caught.value.hint)


def test_several_outputs_are_columns(fake: Any, source: Path, tmp_path: Path) -> None:
    two = Signature(Task.REGRESSION, _COLUMNS, named=True, outputs=("p", "q"))
    predict_file(source, tmp_path / "out.npy", fake(two, labels=lambda batch: batch * 2))
    assert np.load(tmp_path / "out.npy")[3].tolist() == [6.0, 6.0]


def test_no_rows_are_an_empty_array(fake: Any, tmp_path: Path) -> None:
    (tmp_path / "in.csv").write_text("a,b\n")
    predict_file(tmp_path / "in.csv", tmp_path / "out.npy", fake(_NUMBERS))
    assert np.load(tmp_path / "out.npy").shape == (0,)


def test_rows_that_are_left_out_would_not_show(fake: Any, source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="it would not show which were skipped"):
        predict_file(
            source, tmp_path / "out.npy", fake(_NUMBERS), BatchOptions(on_error=OnError.SKIP)
        )
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_text_of_unknown_length_is_refused(fake: Any, source: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="does not say how long it is"):
        predict_file(source, tmp_path / "out.npy", fake(_NUMBERS))
    assert [path.name for path in tmp_path.iterdir()] == ["in.csv"]


def test_a_model_that_changes_its_type_is_refused(fake: Any, source: Path, tmp_path: Path) -> None:
    def labels(batch: Any) -> Any:
        return batch[:, 0] if batch[0, 0] else batch[:, 0].astype(np.int64)

    with pytest.raises(EngineError, match="values of type float64 after ones of type int64"):
        predict_file(
            source, tmp_path / "out.npy", fake(_NUMBERS, labels), BatchOptions(block_bytes=1000)
        )


def test_an_array_goes_to_an_array(fake: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.arange(10.0).reshape(5, 2))
    model = fake(_NUMBERS, labels=lambda batch: batch.sum(axis=1))
    predict_file(tmp_path / "in.npy", tmp_path / "out.npy", model)
    assert np.load(tmp_path / "out.npy").tolist() == [1.0, 5.0, 9.0, 13.0, 17.0]


def test_a_full_temporary_folder_is_one_error(
    fake: Any, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    model = fake(_NUMBERS, labels=lambda batch: batch[:, 0])
    with pytest.raises(EngineError, match="nowhere could not be written") as caught:
        predict_file(source, tmp_path / "out.npy", model)
    assert "TMPDIR" in json.dumps(caught.value.hint)
