"""What becomes of honest pickle and joblib files, and of trust."""

import builtins
import functools
import importlib
import os
import pickle
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn import __version__
from sklearn._loss._loss import CyHuberLoss
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RandomizedSearchCV
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_array
from tests.serialization.trust.payloads import Call, Stated, named

from mlserve_cli.errors import ArtifactError, CorruptArtifactError, UntrustedTypeError
from mlserve_cli.serialization.trust.pickles import dump_joblib, dump_pickle, load_pickled


def test_a_search_over_scipy_distributions_is_refused_by_name(tmp_path: Path) -> None:
    # Their classes build methods from text with exec.
    search = RandomizedSearchCV(Ridge(), {"alpha": stats.uniform(0, 1)})
    path = tmp_path / "model.joblib"
    joblib.dump(search, path)

    with pytest.raises(UntrustedTypeError) as refusal:
        load_pickled(path)

    assert "scipy.stats._continuous_distns.uniform_gen" in refusal.value.types


def test_all_refused_types_are_listed_at_once(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps([Call(os.system, "true"), Call(eval, "1"), Ridge()]))

    with pytest.raises(UntrustedTypeError) as refusal:
        load_pickled(path)

    assert refusal.value.types == ("builtins.eval", "posix.system")
    assert "--trust builtins.eval --trust posix.system" in str(refusal.value)


def _module_with_doubler(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> Any:
    code = (
        "from sklearn.base import BaseEstimator\n"
        "class Doubler(BaseEstimator):\n"
        "    def predict(self, features):\n"
        "        return features * self.factor_\n"
    )
    (folder / f"{name}.py").write_text(code)
    monkeypatch.syspath_prepend(folder)
    module = importlib.import_module(name)
    doubler = module.Doubler()
    doubler.factor_ = 2.0
    return doubler


def test_a_trusted_type_is_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    doubler = _module_with_doubler(tmp_path, monkeypatch, "doubling")
    path = tmp_path / "model.joblib"
    joblib.dump(doubler, path)

    with pytest.raises(UntrustedTypeError, match=r"--trust doubling\.Doubler"):
        load_pickled(path)
    loaded: Any = load_pickled(path, trust=["doubling.Doubler"])

    assert loaded.predict(3.0) == 6.0


def test_trust_in_one_name_does_not_admit_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubler = _module_with_doubler(tmp_path, monkeypatch, "doubling_more")
    path = tmp_path / "model.joblib"
    joblib.dump(doubler, path)

    for trust in (["doubling_more"], ["doubling_more.*"], ["doubling_more.Double"], ["Doubler"]):
        with pytest.raises(UntrustedTypeError):
            load_pickled(path, trust=trust)


def test_a_trusted_module_that_is_not_there_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubler = _module_with_doubler(tmp_path, monkeypatch, "doubling_gone")
    path = tmp_path / "model.joblib"
    joblib.dump(doubler, path)
    (tmp_path / "doubling_gone.py").unlink()
    monkeypatch.delitem(sys.modules, "doubling_gone")
    importlib.invalidate_caches()

    with pytest.raises(ArtifactError, match="doubling_gone") as error:
        load_pickled(path, trust=["doubling_gone.Doubler"])

    assert error.value.hint is not None
    assert "PYTHONPATH" in error.value.hint


def test_a_trusted_module_that_fails_is_an_error_about_the_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02cdoubling_broken\nDoubler\n)\x81.")
    (tmp_path / "doubling_broken.py").write_text("class")
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(ArtifactError, match="doubling_broken failed: SyntaxError"):
        load_pickled(path, trust=["doubling_broken.Doubler"])


def test_a_type_from_a_script_gets_a_hint_about_scripts(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02c__main__\nDoubler\n)\x81.")

    with pytest.raises(UntrustedTypeError, match="was defined in a script") as refusal:
        load_pickled(path)

    assert refusal.value.types == ("__main__.Doubler",)


def _values() -> dict[str, Any]:
    return {
        "c": np.arange(12.0).reshape(3, 4),
        "fortran": np.asfortranarray(np.arange(12.0).reshape(3, 4)),
        "big endian": np.arange(3, dtype=">i4"),
        "bool": np.array([True, False]),
        "text": np.array(["a", "bcd"]),
        "bytes": np.array([b"a", b"bcd"]),
        "dates": np.array(["2024-01-01", "NaT"], dtype="M8[ns]"),
        "objects": np.array(["a", None, 1.5], dtype=object),
        "matrix of objects": np.array([["a", 1], [None, "b"]], dtype=object),
        "records": np.array([(1, 2.5)], dtype=[("a", "i4"), ("b", "f8")]),
        "zero dimensions": np.array(3.5),
        "empty": np.empty((0, 3)),
        "scalar": np.float32(1.5),
        "masked": np.ma.MaskedArray([1.0, 2.0], mask=[False, True]),
        "complex": np.array([1 + 2j]),
        "dtype": np.dtype("f4"),
    }


COMPRESSIONS = [0, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3), ("lz4", 3)]


@pytest.mark.parametrize("compression", COMPRESSIONS, ids=str)
def test_arrays_of_every_kind_come_back_through_joblib(compression: Any, tmp_path: Path) -> None:
    if compression and compression[0] == "lz4":
        pytest.importorskip("lz4")
    path = tmp_path / "model.joblib"
    joblib.dump(_values(), path, compress=compression)

    loaded: Any = load_pickled(path)

    _assert_same_values(loaded)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_arrays_of_every_kind_come_back_through_pickle(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(pickle.dumps(_values(), protocol=protocol))

    loaded: Any = load_pickled(path)

    _assert_same_values(loaded)


def _assert_same_values(loaded: dict[str, Any]) -> None:
    for name, value in _values().items():
        found = loaded[name]
        assert type(found) is type(value), name
        np.testing.assert_array_equal(np.asarray(found), np.asarray(value), err_msg=name)
    assert loaded["fortran"].flags.f_contiguous
    assert loaded["masked"].mask.tolist() == [False, True]


def test_functions_of_old_numpy_releases_come_back(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(
        b"\x80\x02"
        + named("numpy.core", "_ufunc_reconstruct")
        + b"U\x1cnumpy.core._multiarray_umathU\x05log1p\x86R."
    )

    assert load_pickled(path) is np.log1p


def test_a_class_that_scikit_learn_renamed_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(
        b"\x80\x02" + named("_loss", "CyHuberLoss") + b"G?\xf0\x00\x00\x00\x00\x00\x00\x85R."
    )

    assert type(load_pickled(path)) is CyHuberLoss


def test_a_type_that_scikit_learn_dropped_names_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    # A Ridge with a scorer that scikit-learn 1.3 had.
    path.write_bytes(
        b"\x80\x02"
        + named("sklearn.linear_model._ridge", "Ridge")
        + b")\x81}(U\x10_sklearn_version"
        b"U\x051.3.2U\x06scorer" + named("sklearn.metrics._scorer", "_PredictScorer") + b")\x81ub."
    )

    with pytest.raises(CorruptArtifactError, match=r"written with scikit-learn 1\.3\.2") as error:
        load_pickled(path)

    assert error.value.hint is not None
    assert "pip install scikit-learn==1.3.2" in error.value.hint


def test_a_package_that_is_not_installed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02" + named("catboost.core", "CatBoostClassifier") + b")\x81.")
    # This is how Python says that there is no such module.
    for name in ("catboost", "catboost.core"):
        monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(ArtifactError, match="the package catboost is not installed"):
        load_pickled(path)


def test_a_version_of_scikit_learn_that_differs_does_not_warn(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    payload = pickle.dumps(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), protocol=2)
    path.write_bytes(payload.replace(__version__.encode(), b"0" * len(__version__)))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded: Any = load_pickled(path)

    assert loaded.predict([[1.0]]) == pytest.approx(0.75, abs=0.3)


def test_a_million_nested_tuples_are_no_problem(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02)" + b"\x85" * 1_000_000 + b".")

    loaded: Any = load_pickled(path)

    depth = 0
    while loaded:
        loaded, depth = loaded[0], depth + 1
    assert depth == 1_000_000


@pytest.mark.parametrize("write", [dump_pickle, dump_joblib])
def test_what_is_written_comes_back(write: Callable[[object, Path], None], tmp_path: Path) -> None:
    model = LogisticRegression().fit([[0.0], [1.0], [2.0], [3.0]], ["a", "a", "b", "b"])
    path = tmp_path / "model"
    write(model, path)

    loaded: Any = load_pickled(path)

    np.testing.assert_array_equal(loaded.predict_proba([[0.2]]), model.predict_proba([[0.2]]))


def test_a_function_that_would_run_at_prediction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(FunctionTransformer(os.system), path)

    with pytest.raises(UntrustedTypeError) as refusal:
        load_pickled(path)

    assert refusal.value.types == ("posix.system",)


def test_a_function_of_check_array_cannot_become_another_one(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    partial = Stated(functools.partial, check_array, state=(np.log1p, (), {}, None))
    path.write_bytes(pickle.dumps(partial))

    with pytest.raises(CorruptArtifactError, match="partial function"):
        load_pickled(path)


def test_builtins_that_only_compute_are_values(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(
        pickle.dumps({"kind": float, "empty": ..., "range": range(3), "set": {1, 2}}, 2)
    )

    assert load_pickled(path) == {
        "kind": builtins.float,
        "empty": ...,
        "range": range(3),
        "set": {1, 2},
    }
