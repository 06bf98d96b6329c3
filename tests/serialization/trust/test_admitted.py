"""Every estimator of the installed scikit-learn comes back through every format."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pytest
from skops.io.exceptions import UnsupportedTypeException
from tests.serialization.trust import setups, zoo

from mlserve_cli.errors import UntrustedTypeError
from mlserve_cli.serialization.trust.admitted import TrustPolicy, Use, admitted_names
from mlserve_cli.serialization.trust.audit import audit_file
from mlserve_cli.serialization.trust.pickles import dump_joblib, load_pickled
from mlserve_cli.serialization.trust.skops_files import dump_skops, load_skops

SETUPS = zoo.every_estimator() | setups.special_setups()
# What skops itself cannot write.
NOT_IN_SKOPS = {"Birch", "pandas columns"}


def _dump_pickle(protocol: int) -> Callable[[Any, Path], None]:
    def dump(model: Any, path: Path) -> None:
        path.write_bytes(pickle.dumps(model, protocol=protocol))

    return dump


def _dump_cloudpickle(model: Any, path: Path) -> None:
    path.write_bytes(cloudpickle.dumps(model))


def _dump_plain_joblib(model: Any, path: Path) -> None:
    joblib.dump(model, path)


DUMPS = [_dump_pickle(2), _dump_pickle(5), _dump_cloudpickle, _dump_plain_joblib, dump_joblib]


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name.startswith("scorer") else ())
        for name in SETUPS
    ],
)
def test_it_comes_back_and_says_the_same(name: str, tmp_path: Path) -> None:
    model, inputs = SETUPS[name]()
    expected = zoo.answers(model, inputs)
    path = tmp_path / "model"
    for dump in DUMPS:
        dump(model, path)
        assert audit_file(path).refused == ()
        _assert_same(zoo.answers(load_pickled(path), inputs), expected)
    if name in NOT_IN_SKOPS:
        with pytest.raises((UnsupportedTypeException, TypeError)):
            dump_skops(model, path)
        return
    dump_skops(model, path)
    assert audit_file(path).refused == ()
    _assert_same(zoo.answers(load_skops(path), inputs), expected)


def _assert_same(found: list[Any], expected: list[Any]) -> None:
    for ours, theirs in zip(found, expected, strict=True):
        if theirs.dtype.kind == "f":
            # Sums of floats depend on how memory is aligned.
            np.testing.assert_allclose(ours, theirs, rtol=1e-9, atol=1e-12)
        else:
            np.testing.assert_array_equal(ours, theirs)


DANGEROUS = [
    *(f"builtins.{name}" for name in ("__import__", "compile", "eval", "exec", "getattr")),
    *(f"builtins.{name}" for name in ("globals", "input", "open", "setattr", "type", "vars")),
    *(f"codecs.{name}" for name in ("decode", "open")),
    *(f"joblib.{name}" for name in ("Memory", "load", "memory.Memory", "numpy_pickle.load")),
    "joblib.numpy_pickle.NumpyArrayWrapper",
    "joblib.numpy_pickle_compat.NDArrayWrapper",
    *(f"numpy.{name}" for name in ("fromfile", "load", "memmap", "save", "savez", "savetxt")),
    "numpy.vectorize",
    "numpy.testing._private.utils.runstring",
    *(f"operator.{name}" for name in ("attrgetter", "methodcaller")),
    *(f"pandas.{name}" for name in ("read_pickle", "eval")),
    *("functools.reduce", "importlib.import_module", "io.open", "os.system", "posix.system"),
    *("pickle.loads", "runpy.run_path", "subprocess.Popen", "types.CodeType", "types.FunctionType"),
    "scipy.stats._distn_infrastructure.rv_frozen",
    "scipy.stats._continuous_distns.norm_gen",
    "sklearn.datasets._base.load_files",
    "sklearn.datasets._openml.fetch_openml",
    "sklearn.metrics._dist_metrics.PyFuncDistance64",
    "sklearn.utils.validation.joblib.load",
]


@pytest.mark.parametrize("name", DANGEROUS)
def test_a_dangerous_name_is_not_admitted(name: str) -> None:
    module, _, last = name.rpartition(".")

    assert not TrustPolicy().admits(module, last, Use.REFERENCE)


def test_the_list_names_no_module_and_nothing_twice() -> None:
    names = admitted_names()

    assert len(names) > 500
    for name in names:
        assert name.partition(".")[2], name
        assert all(part.isidentifier() for part in name.split(".")), name


def test_uses_grow_from_naming_to_calling() -> None:
    policy = TrustPolicy()

    assert policy.admits("numpy", "log1p", Use.REFERENCE)
    assert not policy.admits("numpy", "log1p", Use.CONSTRUCT)
    assert policy.admits("sklearn.pipeline", "Pipeline", Use.CONSTRUCT)
    assert not policy.admits("sklearn.pipeline", "Pipeline", Use.CALL)
    assert policy.admits("numpy", "dtype", Use.CALL)


def test_one_trusted_name_may_be_given_as_text() -> None:
    assert TrustPolicy.of("shop.Model").admits("shop", "Model", Use.CALL)
    assert not TrustPolicy.of("shop.Model").admits("shop", "Other", Use.REFERENCE)


def test_a_type_that_nobody_lists_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model"
    joblib.dump(Path("somewhere"), path)

    with pytest.raises(UntrustedTypeError, match="pathlib"):
        load_pickled(path)
