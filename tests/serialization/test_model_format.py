"""Formats are told by content."""

import gzip
import pickle
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import joblib
import numpy as np
import onnx
import pytest
from sklearn.linear_model import LinearRegression

from mlserve_cli.errors import CorruptArtifactError, ModelNotFoundError
from mlserve_cli.serialization.model_format import ModelFormat, detect_format
from mlserve_cli.serialization.trust.skops_files import dump_skops


def _model() -> LinearRegression:
    return LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0])


def _write_onnx(path: Path) -> None:
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [None, 1])
    node = onnx.helper.make_node("Identity", ["x"], ["y"])
    result = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [None, 1])
    graph = onnx.helper.make_graph([node], "graph", [value], [result])
    onnx.save(onnx.helper.make_model(graph), path)


def _write_skops(path: Path) -> None:
    dump_skops(_model(), path)


WRITERS: list[tuple[str, ModelFormat, Callable[[Path], object]]] = [
    ("skops", ModelFormat.SKOPS, _write_skops),
    ("joblib", ModelFormat.JOBLIB, lambda path: joblib.dump(_model(), path)),
    ("zlib", ModelFormat.JOBLIB, lambda path: joblib.dump(_model(), path, compress=("zlib", 9))),
    ("gzip", ModelFormat.JOBLIB, lambda path: joblib.dump(_model(), path, compress=("gzip", 1))),
    ("bz2", ModelFormat.JOBLIB, lambda path: joblib.dump(_model(), path, compress=("bz2", 3))),
    ("xz", ModelFormat.JOBLIB, lambda path: joblib.dump(_model(), path, compress=("xz", 3))),
    ("lzma", ModelFormat.JOBLIB, lambda path: joblib.dump(_model(), path, compress=("lzma", 3))),
    ("pickle", ModelFormat.PICKLE, lambda path: path.write_bytes(pickle.dumps(_model()))),
    ("text", ModelFormat.PICKLE, lambda path: path.write_bytes(pickle.dumps(_model(), 0))),
    ("onnx", ModelFormat.ONNX, _write_onnx),
]


@pytest.mark.parametrize(("name", "expected", "write"), WRITERS, ids=[row[0] for row in WRITERS])
def test_the_format_is_known_whatever_the_file_is_called(
    name: str, expected: ModelFormat, write: Callable[[Path], object], tmp_path: Path
) -> None:
    path = tmp_path / "model.txt"
    write(path)

    assert detect_format(path) is expected


def _write_zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("data.pkl", b"")


def _write_npy(path: Path) -> None:
    with path.open("wb") as stream:
        np.save(stream, np.zeros(3))


NOT_MODELS: list[tuple[str, Callable[[Path], object], str]] = [
    ("empty", lambda path: path.write_bytes(b""), "is empty"),
    ("text", lambda path: path.write_text("hello, world"), "unknown format"),
    ("json", lambda path: path.write_text('{"a": 1}'), "is JSON text"),
    ("html", lambda path: path.write_text("<!DOCTYPE html>"), "is markup"),
    ("numpy", _write_npy, "is a NumPy array"),
    ("zip", _write_zip, r"zip archive without schema.json \(it holds data.pkl\)"),
    ("torn zip", lambda path: path.write_bytes(b"PK\x03\x04torn"), "damaged or truncated zip"),
    ("lfs", lambda path: path.write_text("version https://git-lfs.github.com/spec/v1\n"), "LFS"),
    ("old joblib", lambda path: path.write_bytes(b"ZF0x10"), "joblib before 0.10"),
    ("gzip of text", lambda path: path.write_bytes(gzip.compress(b"a,b\n1,2\n")), "compressed"),
    ("torn gzip", lambda path: path.write_bytes(b"\x1f\x8b\x08\x00"), "truncated"),
]


@pytest.mark.parametrize(
    ("name", "write", "message"), NOT_MODELS, ids=[row[0] for row in NOT_MODELS]
)
def test_what_is_no_model_is_described(
    name: str, write: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.joblib"
    write(path)

    with pytest.raises(CorruptArtifactError, match=message) as error:
        detect_format(path)

    assert str(path) in str(error.value)


def test_a_missing_file_is_an_error_about_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="There is no file"):
        detect_format(tmp_path / "model.joblib")


def test_a_folder_is_an_error_about_the_folder(tmp_path: Path) -> None:
    with pytest.raises(CorruptArtifactError, match="Is a directory"):
        detect_format(tmp_path)


def test_neither_telling_the_format_nor_the_audit_imports_scikit_learn(tmp_path: Path) -> None:
    paths = [tmp_path / "model.skops", tmp_path / "model.joblib"]
    dump_skops(_model(), paths[0])
    joblib.dump(_model(), paths[1])
    script = (
        "import sys\n"
        "from mlserve_cli.serialization.trust.audit import audit_file\n"
        "for path in sys.argv[1:]:\n"
        "    assert not audit_file(path).refused\n"
        "print(sorted({'sklearn', 'scipy', 'pandas', 'joblib', 'skops'} & set(sys.modules)))\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", script, *map(str, paths)], capture_output=True, text=True, check=True
    )

    assert finished.stdout == "[]\n"
