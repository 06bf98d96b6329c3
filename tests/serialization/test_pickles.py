"""Attacks on pickle and joblib files, and what honest files become."""

import builtins
import codecs
import functools
import importlib
import io
import operator
import os
import pickle
import struct
import subprocess
import sys
import tracemalloc
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from scipy import stats
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import RandomizedSearchCV
from sklearn.preprocessing import FunctionTransformer

from mlserve_cli.errors import ArtifactError, CorruptArtifactError, UntrustedTypeError
from mlserve_cli.serialization.pickles import dump_joblib, dump_pickle, load_pickled


class Call:
    """Pickles as a call: reading it back calls the function."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args

    def __call__(self) -> None:
        """Only callables can stand where a function is pickled."""

    def __reduce__(self) -> Any:
        return self.function, self.args


class Stated(Call):
    """Pickles as a call whose result is given a state."""

    def __init__(self, function: Any, *args: Any, state: Any) -> None:
        super().__init__(function, *args)
        self.state = state

    def __reduce__(self) -> Any:
        return self.function, self.args, self.state


class Global:
    """Pickles as a name, without a check that it exists."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __reduce__(self) -> Any:
        return self.name


def _write_plain(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=4))


def _write_old(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=2))


def _write_joblib(value: Any, path: Path) -> None:
    joblib.dump(value, path)


def _write_compressed(value: Any, path: Path) -> None:
    joblib.dump(value, path, compress=("zlib", 3))


def _write_nested(value: Any, path: Path) -> None:
    holder = np.empty(1, dtype=object)
    holder[0] = value
    joblib.dump({"model": Ridge(), "names": holder}, path)


WRITERS = {
    "pickle": _write_plain,
    "pickle of protocol 2": _write_old,
    "joblib": _write_joblib,
    "compressed joblib": _write_compressed,
    "an array of objects in joblib": _write_nested,
}

# What each attack would run, and a name that must be refused for it.
ATTACKS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "os.system": (lambda mark: Call(os.system, f"touch {mark}"), "posix.system"),
    "eval": (lambda mark: Call(eval, f"open({str(mark)!r}, 'w').close()"), "builtins.eval"),
    "exec": (lambda mark: Call(exec, f"open({str(mark)!r}, 'w').close()"), "builtins.exec"),
    "open": (lambda mark: Call(open, str(mark), "w"), "io.open"),
    "codecs.open": (lambda mark: Call(codecs.open, str(mark), "w"), "codecs.open"),
    "getattr": (
        lambda mark: Call(
            Call(getattr, Call(importlib.import_module, "os"), "system"), f"touch {mark}"
        ),
        "builtins.getattr",
    ),
    "a subprocess": (
        lambda mark: Call(subprocess.check_output, ["touch", str(mark)]),
        "subprocess.check_output",
    ),
    "partial": (
        lambda mark: Call(Call(functools.partial, os.system, f"touch {mark}")),
        "functools.partial",
    ),
    "partial of partial": (
        lambda mark: Call(
            Call(functools.partial, Call(functools.partial, os.system), f"touch {mark}")
        ),
        "functools.partial",
    ),
    "attrgetter": (
        lambda mark: Call(
            Call(Call(operator.attrgetter, "system"), Call(importlib.import_module, "os")),
            f"touch {mark}",
        ),
        "operator.attrgetter",
    ),
    "methodcaller": (
        lambda mark: Call(
            Call(operator.methodcaller, "system", f"touch {mark}"),
            Call(importlib.import_module, "os"),
        ),
        "operator.methodcaller",
    ),
    "numpy.memmap": (
        lambda mark: Call(np.memmap, str(mark), "uint8", "w+", 0, (1,)),
        "numpy.memmap",
    ),
    "numpy.savetxt": (lambda mark: Call(np.savetxt, str(mark), [1.0]), "numpy.savetxt"),
    "numpy's runstring": (
        lambda mark: Call(
            importlib.import_module("numpy.testing._private.utils").runstring,
            f"open({str(mark)!r}, 'w').close()",
            {},
        ),
        "numpy.testing._private.utils.runstring",
    ),
    "joblib.Memory": (lambda mark: Call(joblib.Memory, str(mark)), "joblib.memory.Memory"),
    "joblib.dump": (
        lambda mark: Call(joblib.dump, "x", str(mark)),
        "joblib.numpy_pickle.dump",
    ),
    "a state that is called": (
        lambda mark: Stated(
            functools.partial, print, state=(os.system, (f"touch {mark}",), {}, {})
        ),
        "functools.partial",
    ),
}


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_by_name_and_does_nothing(
    attack: str, writer: str, tmp_path: Path
) -> None:
    make, name = ATTACKS[attack]
    path, mark = tmp_path / "model", tmp_path / "mark"
    WRITERS[writer](make(mark), path)

    with pytest.raises(UntrustedTypeError) as refusal:
        load_pickled(path)

    assert name in refusal.value.types
    assert f"--trust {name}" in str(refusal.value)
    assert not mark.exists()


@pytest.mark.parametrize("attack", [name for name in ATTACKS if "state" not in name])
def test_the_attacks_are_real(attack: str, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    payload = pickle.dumps(ATTACKS[attack][0](mark))

    opened = pickle.loads(payload)

    assert mark.exists()
    getattr(opened, "close", lambda: None)()


def test_the_attack_inside_an_array_of_objects_is_real(tmp_path: Path) -> None:
    path, mark = tmp_path / "model", tmp_path / "mark"
    _write_nested(Call(os.system, f"touch {mark}"), path)

    joblib.load(path)

    assert mark.exists()


def _text(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()


def _utf8(text: str) -> bytes:
    return b"\x8c" + bytes((len(text),)) + text.encode()


# Streams that no pickler writes: (bytes, what is refused or None for a corrupt file).
STREAMS: dict[str, tuple[bytes, str | None]] = {
    "a dotted name": (
        b"\x80\x04"
        + _utf8("os.path")
        + _utf8("os.system")
        + b"\x93"
        + _utf8("touch mark")
        + b"\x85R.",
        "os.path.os.system",
    ),
    "a dotted name in an admitted module": (
        b"\x80\x04" + _utf8("sklearn.pipeline") + _utf8("joblib.Memory") + b"\x93.",
        "sklearn.pipeline.joblib.Memory",
    ),
    "a method of an admitted class": (
        b"\x80\x04" + _utf8("sklearn.pipeline") + _utf8("Pipeline.fit") + b"\x93.",
        "sklearn.pipeline.Pipeline.fit",
    ),
    "a name out of the memo": (
        b"\x80\x04"
        + _utf8("os")
        + b"\x940"
        + _utf8("system")
        + b"\x940h\x00h\x01\x93"
        + _utf8("touch mark")
        + b"\x85R.",
        "os.system",
    ),
    "a name of Python 2": (
        b"\x80\x02" + _text("__builtin__", "apply") + b".",
        "builtins.apply",
    ),
    "an instance of protocol 0": (b"(S'touch mark'\nios\nsystem\n.", "os.system"),
    "an object of protocol 1": (b"(" + _text("os", "system") + b"S'touch mark'\no.", "os.system"),
    "an extension code": (b"\x80\x02\x82\x01.", None),
    "a persistent id": (b"\x80\x02Pfile\n.", None),
    "a buffer from elsewhere": (b"\x80\x05\x97.", None),
    "a call of an admitted estimator": (
        _text("sklearn.linear_model._ridge", "Ridge") + b")R.",
        "sklearn.linear_model._ridge.Ridge",
    ),
    "a call of a function that may only be named": (
        _text("numpy", "log1p") + b"(F1.0\ntR.",
        "numpy.log1p",
    ),
    "a call of an estimator": (
        b"\x80\x02" + _text("sklearn.linear_model._ridge", "Ridge") + b")\x81)R.",
        None,
    ),
    "a changed class": (
        b"\x80\x02" + _text("sklearn.linear_model._ridge", "Ridge") + b"N}U\x07predictK\x01s\x86b.",
        None,
    ),
    "a changed function": (b"\x80\x02" + _text("numpy", "log1p") + b"}U\x01aK\x01sb.", None),
    "a module": (b"\x80\x02" + _text("sklearn", "pipeline") + b".", "sklearn.pipeline"),
    "an empty name": (b"\x80\x02" + _text("os", "") + b".", None),
    "a state given twice": (
        b"\x80\x02"
        + _text("sklearn.linear_model._ridge", "Ridge")
        + b")\x81}U\x05alphaK\x01sb}U\x05alphaK\x02sb.",
        None,
    ),
    "a special attribute": (
        b"\x80\x02"
        + _text("sklearn.linear_model._ridge", "Ridge")
        + b")\x81}U\x09__class__K\x01sb.",
        None,
    ),
    "slots": (
        b"\x80\x02"
        + _text("sklearn.linear_model._ridge", "Ridge")
        + b")\x81N}U\x05alphaK\x01s\x86b.",
        None,
    ),
    "a huge number": (b"\x80\x02\x8b\xff\xff\xff\x7f.", None),
    "huge bytes": (b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b".", None),
    "a huge byte array": (b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b".", None),
    "huge text": (b"\x80\x04\x8d" + struct.pack("<Q", 2**40) + b".", None),
    "a huge frame": (b"\x80\x04\x95" + struct.pack("<Q", 2**62) + b"N.", None),
    "a key of tuples in tuples": (b"\x80\x02}" + b")" + b"\x85" * 10_000 + b"K\x01s.", None),
    "a key that doubles": (b"\x80\x02})" + b"2\x86" * 60 + b"K\x01s.", None),
    "a set that doubles": (b"\x80\x04\x8f()" + b"2\x86" * 60 + b"\x90.", None),
    "appending to text": (b"\x80\x02U\x01aK\x01a.", None),
    "an empty stack": (b"\x80\x02.", None),
    "a missing memo": (b"\x80\x02h\x07.", None),
    "a huge array": (
        b"\x80\x02"
        + _text("numpy._core.multiarray", "_reconstruct")
        + _text("numpy", "ndarray")
        + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85U\x01b\x87R.",
        None,
    ),
    "a range over all memory": (
        b"\x80\x02"
        + _text("builtins", "list")
        + _text("builtins", "range")
        + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85R\x85R.",
        "builtins.list",
    ),
    "a generator with a constructor of its own": (
        b"\x80\x02"
        + _text("numpy.random._pickle", "__randomstate_ctor")
        + b"U\x07MT19937"
        + _text("numpy", "log1p")
        + b"\x86R.",
        None,
    ),
    "another codec": (
        b"\x80\x02"
        + _text("_codecs", "encode")
        + b"X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
        None,
    ),
    "a tree with fewer classes than outputs": (
        b"\x80\x02" + _text("sklearn.tree._tree", "Tree") + b"K\x01NK\x7f\x87R.",
        None,
    ),
    "numpy's lookup of functions": (
        b"\x80\x02" + _text("numpy._core", "_ufunc_reconstruct") + b"U\x02osU\x06system\x86RU\x0a"
        b"touch mark\x85R.",
        "os.system",
    ),
    "numpy's lookup of something else": (
        b"\x80\x02" + _text("numpy.core", "_ufunc_reconstruct") + b"U\x02osK\x01\x86R.",
        None,
    ),
}


@pytest.mark.parametrize("stream", STREAMS)
def test_a_stream_that_no_pickler_writes_is_refused(
    stream: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    payload, refused = STREAMS[stream]
    path = tmp_path / "model"
    path.write_bytes(payload)
    predict = Ridge.predict
    tracemalloc.start()
    try:
        with pytest.raises(
            CorruptArtifactError if refused is None else UntrustedTypeError
        ) as error:
            load_pickled(path)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert str(path) in str(error.value)
    if isinstance(error.value, UntrustedTypeError):
        assert refused in error.value.types
    assert peak_bytes < 50 * 2**20
    assert Ridge.predict is predict
    assert np.dtype("f8").isnative
    assert not (tmp_path / "mark").exists()


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


class Doubler(BaseEstimator):
    """An estimator that nobody admits."""

    def fit(self, features: Any, target: Any = None) -> "Doubler":
        self.factor_ = 2.0
        return self

    def predict(self, features: Any) -> Any:
        return np.asarray(features)[:, 0] * self.factor_


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
        + _text("numpy.core", "_ufunc_reconstruct")
        + b"U\x1cnumpy.core._multiarray_umathU\x05log1p\x86R."
    )

    assert load_pickled(path) is np.log1p


def test_a_class_that_scikit_learn_renamed_is_found(tmp_path: Path) -> None:
    from sklearn._loss._loss import CyHuberLoss

    path = tmp_path / "model.pkl"
    path.write_bytes(
        b"\x80\x02" + _text("_loss", "CyHuberLoss") + b"G?\xf0\x00\x00\x00\x00\x00\x00\x85R."
    )

    assert type(load_pickled(path)) is CyHuberLoss


def test_a_type_that_scikit_learn_dropped_names_both_versions(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    # A Ridge with a scorer that scikit-learn 1.3 had.
    path.write_bytes(
        b"\x80\x02"
        + _text("sklearn.linear_model._ridge", "Ridge")
        + b")\x81}(U\x10_sklearn_version"
        b"U\x051.3.2U\x06scorer" + _text("sklearn.metrics._scorer", "_PredictScorer") + b")\x81ub."
    )

    with pytest.raises(CorruptArtifactError, match=r"written with scikit-learn 1\.3\.2") as error:
        load_pickled(path)

    assert error.value.hint is not None
    assert "pip install scikit-learn==1.3.2" in error.value.hint


def test_a_package_that_is_not_installed_is_named(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    path.write_bytes(b"\x80\x02" + _text("catboost.core", "CatBoostClassifier") + b")\x81.")
    if importlib.util.find_spec("catboost") is not None:
        pytest.skip("catboost is installed")

    with pytest.raises(ArtifactError, match="the package catboost is not installed"):
        load_pickled(path)


def test_a_version_of_scikit_learn_that_differs_does_not_warn(tmp_path: Path) -> None:
    path = tmp_path / "model.pkl"
    payload = pickle.dumps(Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), protocol=2)
    from sklearn import __version__

    path.write_bytes(payload.replace(__version__.encode(), b"0" * len(__version__)))

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loaded: Any = load_pickled(path)

    assert loaded.predict([[1.0]]) == pytest.approx(0.75, abs=0.3)


def _bomb(declared: int, held: int) -> bytes:
    """A compressed pickle that declares so many bytes, and holds so many zeros."""
    compressor = zlib.compressobj(1)
    head = b"\x80\x04\x8e" + struct.pack("<Q", declared)
    piece = bytes(2**20)
    parts = [compressor.compress(head)]
    parts.extend(compressor.compress(piece) for _ in range(held // len(piece)))
    parts.append(compressor.compress(b"."))
    return b"".join(parts) + compressor.flush()


def _array_of(shape: tuple[int, ...]) -> bytes:
    """A joblib file with an array of three numbers that declares another shape."""
    stream = io.BytesIO()
    joblib.dump(np.zeros(3), stream, protocol=2)
    payload = stream.getvalue()
    assert b"K\x03\x85" in payload
    return payload.replace(b"K\x03\x85", pickle.dumps(shape, protocol=2)[2:-1])


BOMBS: dict[str, Callable[[], bytes]] = {
    "bytes that are not there": lambda: _bomb(2**40, 2**20),
    "bytes that nothing justifies": lambda: _bomb(600 * 2**20, 600 * 2**20),
    "a huge array": lambda: _array_of((2**40,)),
    "an array past all numbers": lambda: _array_of((2**31, 2**31, 2**31)),
    "a negative array": lambda: _array_of((-1, 3)),
    "only marks": lambda: b"\x80\x04" + b"(" * 2_000_000 + b".",
    "only sets": lambda: b"\x80\x04" + b"\x8f" * 10_000_000 + b".",
    "only memos": lambda: b"\x80\x04N" + b"\x94" * 10_000_000 + b".",
    "compressed sets": lambda: zlib.compress(b"\x80\x04" + b"\x8f" * 100_000_000 + b".", 1),
    "a huge dictionary of lzma": lambda: b"\x5d\x00\x00\x00\xf0" + b"\xff" * 8 + bytes(100),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_takes_no_more_memory_than_it_justifies(bomb: str, tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    path.write_bytes(BOMBS[bomb]())
    # In a process of its own: its peak is what the operating system gave.
    script = (
        "import resource, sys\n"
        "from mlserve_cli.errors import CorruptArtifactError\n"
        "from mlserve_cli.serialization.pickles import load_pickled\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "try:\n"
        "    load_pickled(sys.argv[1])\n"
        "except CorruptArtifactError:\n"
        "    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)\n"
    )

    finished = subprocess.run(
        [sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True
    )

    assert int(finished.stdout) < 700_000  # KiB


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


@pytest.mark.parametrize("writer", WRITERS)
def test_every_truncation_is_an_error_about_the_file(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    WRITERS[writer](Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])

        with pytest.raises(CorruptArtifactError, match=str(path)):
            load_pickled(path)


def test_a_function_that_would_run_at_prediction_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.joblib"
    joblib.dump(FunctionTransformer(os.system), path)

    with pytest.raises(UntrustedTypeError) as refusal:
        load_pickled(path)

    assert refusal.value.types == ("posix.system",)


def test_a_function_of_check_array_cannot_become_another_one(tmp_path: Path) -> None:
    from sklearn.utils.validation import check_array

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
