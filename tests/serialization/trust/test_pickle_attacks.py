"""Pickle and joblib files of an attacker: refused by name, without effect, within bounds."""

import codecs
import functools
import importlib
import operator
import os
import pickle
import struct
import subprocess
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.linear_model import Ridge
from tests.serialization.trust.payloads import WRITERS, Call, Stated, named, write_nested

from mlserve_cli.errors import CorruptArtifactError, UntrustedTypeError
from mlserve_cli.serialization.trust.pickles import load_pickled

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
    write_nested(Call(os.system, f"touch {mark}"), path)

    joblib.load(path)

    assert mark.exists()


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
        b"\x80\x02" + named("__builtin__", "apply") + b".",
        "builtins.apply",
    ),
    "an instance of protocol 0": (b"(S'touch mark'\nios\nsystem\n.", "os.system"),
    "an object of protocol 1": (b"(" + named("os", "system") + b"S'touch mark'\no.", "os.system"),
    "an extension code": (b"\x80\x02\x82\x01.", None),
    "a persistent id": (b"\x80\x02Pfile\n.", None),
    "a buffer from elsewhere": (b"\x80\x05\x97.", None),
    "a call of an admitted estimator": (
        named("sklearn.linear_model._ridge", "Ridge") + b")R.",
        "sklearn.linear_model._ridge.Ridge",
    ),
    "a call of a function that may only be named": (
        named("numpy", "log1p") + b"(F1.0\ntR.",
        "numpy.log1p",
    ),
    "a call of an estimator": (
        b"\x80\x02" + named("sklearn.linear_model._ridge", "Ridge") + b")\x81)R.",
        None,
    ),
    "a changed class": (
        b"\x80\x02" + named("sklearn.linear_model._ridge", "Ridge") + b"N}U\x07predictK\x01s\x86b.",
        None,
    ),
    "a changed function": (b"\x80\x02" + named("numpy", "log1p") + b"}U\x01aK\x01sb.", None),
    "a module": (b"\x80\x02" + named("sklearn", "pipeline") + b".", "sklearn.pipeline"),
    "an empty name": (b"\x80\x02" + named("os", "") + b".", None),
    "a state given twice": (
        b"\x80\x02"
        + named("sklearn.linear_model._ridge", "Ridge")
        + b")\x81}U\x05alphaK\x01sb}U\x05alphaK\x02sb.",
        None,
    ),
    "a special attribute": (
        b"\x80\x02"
        + named("sklearn.linear_model._ridge", "Ridge")
        + b")\x81}U\x09__class__K\x01sb.",
        None,
    ),
    "slots": (
        b"\x80\x02"
        + named("sklearn.linear_model._ridge", "Ridge")
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
        + named("numpy._core.multiarray", "_reconstruct")
        + named("numpy", "ndarray")
        + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85U\x01b\x87R.",
        None,
    ),
    "a range over all memory": (
        b"\x80\x02"
        + named("builtins", "list")
        + named("builtins", "range")
        + b"\x8a\x06\x00\x00\x00\x00\x00\x01\x85R\x85R.",
        "builtins.list",
    ),
    "a generator with a constructor of its own": (
        b"\x80\x02"
        + named("numpy.random._pickle", "__randomstate_ctor")
        + b"U\x07MT19937"
        + named("numpy", "log1p")
        + b"\x86R.",
        None,
    ),
    "another codec": (
        b"\x80\x02"
        + named("_codecs", "encode")
        + b"X\x01\x00\x00\x00aX\x05\x00\x00\x00rot13\x86R.",
        None,
    ),
    "a tree with fewer classes than outputs": (
        b"\x80\x02" + named("sklearn.tree._tree", "Tree") + b"K\x01NK\x7f\x87R.",
        None,
    ),
    "numpy's lookup of functions": (
        b"\x80\x02" + named("numpy._core", "_ufunc_reconstruct") + b"U\x02osU\x06system\x86RU\x0a"
        b"touch mark\x85R.",
        "os.system",
    ),
    "numpy's lookup of something else": (
        b"\x80\x02" + named("numpy.core", "_ufunc_reconstruct") + b"U\x02osK\x01\x86R.",
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


@pytest.mark.parametrize("writer", WRITERS)
def test_every_truncation_is_an_error_about_the_file(writer: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    WRITERS[writer](Ridge().fit([[0.0], [1.0]], [0.0, 1.0]), path)
    whole = path.read_bytes()
    for length in range(0, len(whole) - 1, 7):
        path.write_bytes(whole[:length])

        with pytest.raises(CorruptArtifactError, match=str(path)):
            load_pickled(path)
