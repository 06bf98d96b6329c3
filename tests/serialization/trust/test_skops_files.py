"""Attacks on skops files, and what honest files become."""

import functools
import io
import json
import operator
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.tree import DecisionTreeClassifier

from mlserve_cli.errors import CorruptArtifactError, ModelNotFoundError, UntrustedTypeError
from mlserve_cli.serialization.trust.skops_files import dump_skops, load_skops


def _tree() -> DecisionTreeClassifier:
    return DecisionTreeClassifier().fit([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1])


def _changed(path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """Rewrites the schema of a file."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts["schema.json"])
    replaced = change(schema)
    parts["schema.json"] = json.dumps(schema if replaced is None else replaced).encode()
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in parts.items():
            archive.writestr(name, data)


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (os.system, "posix.system"),
        (eval, "builtins.eval"),
        (exec, "builtins.exec"),
        (getattr, "builtins.getattr"),
        (open, "io.open"),
        (np.load, "numpy.load"),
        (np.memmap, "numpy.memmap"),
        (functools.partial(os.system), "functools.partial"),
        (operator.attrgetter("fit"), "operator.attrgetter"),
        (operator.methodcaller("fit"), "operator.methodcaller"),
        (_tree().predict, "sklearn.tree._classes.DecisionTreeClassifier.predict"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_function_that_would_run_at_prediction_is_refused_by_name(
    function: Any, name: str, tmp_path: Path
) -> None:
    path = tmp_path / "model.skops"
    dump_skops(FunctionTransformer(function), path)

    with pytest.raises(UntrustedTypeError) as refusal:
        load_skops(path)

    assert name in refusal.value.types


def _node(loader: str, module: str, name: str, **content: Any) -> dict[str, Any]:
    return {"__loader__": loader, "__module__": module, "__class__": name, **content}


def _text(value: object) -> dict[str, Any]:
    return _node("JsonNode", "builtins", "str", content=json.dumps(value), is_json=True)


def _list(*items: dict[str, Any]) -> dict[str, Any]:
    return _node("ListNode", "builtins", "list", content=list(items))


def _tuple(*items: dict[str, Any]) -> dict[str, Any]:
    return _node("TupleNode", "builtins", "tuple", content=list(items))


COMMAND = _text("touch mark")
# Schemas that skops does not write, and the name that is refused.
SCHEMAS: dict[str, tuple[dict[str, Any], str]] = {
    "a list of another class": (
        _node("ListNode", "os", "system", content=[COMMAND]),
        "os.system",
    ),
    "a list of an admitted class": (
        _node("ListNode", "sklearn.pipeline", "Pipeline", content=[COMMAND]),
        "sklearn.pipeline.Pipeline",
    ),
    "a set of another class": (_node("SetNode", "os", "system", content=[COMMAND]), "os.system"),
    "a dict of another class": (
        _node("DictNode", "os", "getcwd", content={}, key_types=_list()),
        "os.getcwd",
    ),
    "a tuple of another class": (_node("TupleNode", "os", "system", content=[]), "os.system"),
    "keys of another type": (
        _node(
            "DictNode",
            "builtins",
            "dict",
            content={"touch mark": _text(1)},
            key_types=_list(_node("TypeNode", "os", "system")),
        ),
        "os.system",
    ),
    "keys of an admitted type": (
        _node(
            "DictNode",
            "builtins",
            "dict",
            content={"x": _text(1)},
            key_types=_list(_node("TypeNode", "sklearn.pipeline", "Pipeline")),
        ),
        "sklearn.pipeline.Pipeline",
    ),
    "a constructor": (
        _node("ConstructorFromReduceNode", "os", "system", content=_tuple(COMMAND)),
        "os.system",
    ),
    "a constructor that may only be named": (
        _node("ConstructorFromReduceNode", "numpy", "log1p", content=_tuple(_text(1.0))),
        "numpy.log1p",
    ),
    "a loss": (
        _node(
            "LossNode", "os", "system", __reduce__={"args": _tuple(COMMAND)}, content=_text(None)
        ),
        "os.system",
    ),
    "a value of another type": (
        _node("NdArrayNode", "os", "system", type="json", shape=_tuple(), content=[]),
        "os.system",
    ),
    "a random state of another class": (
        _node("RandomStateNode", "os", "getcwd", content=_text({})),
        "os.getcwd",
    ),
    "an operator": (
        _node("OperatorFuncNode", "operator", "methodcaller", attrs=_tuple(COMMAND)),
        "operator.methodcaller",
    ),
    "an unknown loader": (_node("SystemNode", "os", "system"), "os.system"),
    "a function of the first version": (
        _node(
            "FunctionNode",
            "numpy",
            "log1p",
            content={"module_path": "os", "function": "system"},
        ),
        "os.system",
    ),
    "a default factory": (
        _node(
            "DefaultDictNode",
            "collections",
            "defaultdict",
            content={
                "main": _node("DictNode", "builtins", "dict", content={}, key_types=_list()),
                "default_factory": _node("TypeNode", "numpy", "log1p"),
            },
        ),
        "numpy.log1p",
    ),
}


@pytest.mark.parametrize("protocol", [0, 1, 2])
@pytest.mark.parametrize("schema", SCHEMAS)
def test_a_schema_that_skops_does_not_write_is_refused_by_name(
    schema: str, protocol: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    node, name = SCHEMAS[schema]
    path = tmp_path / "model.skops"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(_list(node) | {"protocol": protocol}))

    with pytest.raises(UntrustedTypeError) as refusal:
        load_skops(path)

    assert name in refusal.value.types
    assert not (tmp_path / "mark").exists()


def _deep(schema: dict[str, Any]) -> dict[str, Any]:
    node = _text(1)
    for _ in range(300):
        node = _list(node)
    return node | {"protocol": 2}


def _more_outputs(schema: dict[str, Any]) -> None:
    tree = schema["content"]["content"]["tree_"]
    tree["__reduce__"]["args"]["content"][2]["content"] = "1000"


CHANGES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "no protocol": lambda schema: schema.pop("protocol") and None,
    "a protocol of the future": lambda schema: schema.update(protocol=99),
    "a protocol that is true": lambda schema: schema.update(protocol=True),
    "no loader": lambda schema: schema.pop("__loader__") and None,
    "a list": lambda schema: [schema],
    "text": lambda schema: "text",
    "deep nesting": _deep,
    "a tree with more outputs than classes": _more_outputs,
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_damaged_schema_is_an_error_about_the_file(change: str, tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    dump_skops(_tree(), path)
    _changed(path, CHANGES[change])

    with pytest.raises(CorruptArtifactError, match=str(path)):
        load_skops(path)


def _npy(header: str, data: bytes) -> bytes:
    text = header.encode().ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text + data


@pytest.mark.parametrize(
    "array",
    [
        _npy("{'descr': '<f8', 'fortran_order': False, 'shape': (1099511627776,), }", b""),
        _npy("{'descr': '|O', 'fortran_order': False, 'shape': (1,), }", b"cos\nsystem\n."),
        b"cos\nsystem\n(S'touch mark'\ntR.",
        b"PK\x03\x04",
        b"",
    ],
    ids=["huge", "objects", "a pickle", "a zip", "nothing"],
)
def test_a_damaged_array_is_an_error_about_the_file(
    array: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "model.skops"
    node = _node("NdArrayNode", "numpy", "ndarray", type="numpy", file="0.npy", protocol=2)
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("schema.json", json.dumps(node))
        archive.writestr("0.npy", array)

    with pytest.raises(CorruptArtifactError, match=str(path)):
        load_skops(path)

    assert not (tmp_path / "mark").exists()


def test_an_archive_that_grows_beyond_measure_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    dump_skops(_tree(), path)
    with (
        zipfile.ZipFile(path, "a", compression=zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        archive.open("zeros.npy", "w") as stream,
    ):
        for _ in range(600):
            stream.write(bytes(2**20))

    with pytest.raises(CorruptArtifactError, match="more memory than its size can justify"):
        load_skops(path)


def test_one_file_cannot_be_read_a_thousand_times(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    array = io.BytesIO()
    np.save(array, np.zeros(2**20))
    nodes = [
        _node("NdArrayNode", "numpy", "ndarray", type="numpy", file="0.npy", __id__=index)
        for index in range(1000)
    ]
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("schema.json", json.dumps(_list(*nodes) | {"protocol": 2}))
        archive.writestr("0.npy", array.getvalue())

    with pytest.raises(CorruptArtifactError, match="more memory than its size can justify"):
        load_skops(path)


def test_every_truncation_is_an_error_about_the_file(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    dump_skops(_tree(), path)
    whole = path.read_bytes()
    for length in range(0, len(whole), 97):
        path.write_bytes(whole[:length])

        with pytest.raises(CorruptArtifactError, match=str(path)):
            load_skops(path)


def test_a_function_that_only_computes_is_admitted(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    dump_skops(FunctionTransformer(np.log1p), path)

    loaded: Any = load_skops(path)

    assert loaded.func is np.log1p


def test_trust_admits_one_name(tmp_path: Path) -> None:
    path = tmp_path / "model.skops"
    dump_skops(FunctionTransformer(np.load), path)

    with pytest.raises(UntrustedTypeError, match=r"--trust numpy\.load"):
        load_skops(path, trust=["numpy"])
    loaded: Any = load_skops(path, trust=["numpy.load"])

    assert loaded.func is np.load


@pytest.mark.parametrize(
    "model", [StandardScaler(), LogisticRegression(), RandomForestClassifier(5)]
)
def test_what_is_written_comes_back_deflated(model: Any, tmp_path: Path) -> None:
    features = np.random.default_rng(0).normal(size=(200, 3))
    model.fit(features, features[:, 0] > 0)
    path = tmp_path / "model.skops"
    dump_skops(model, path)

    loaded: Any = load_skops(path)

    answer = "transform" if hasattr(model, "transform") else "predict_proba"
    np.testing.assert_array_equal(
        getattr(loaded, answer)(features), getattr(model, answer)(features)
    )
    with zipfile.ZipFile(path) as archive:
        assert {entry.compress_type for entry in archive.infolist()} == {zipfile.ZIP_DEFLATED}


def test_a_missing_file_is_an_error_about_the_file(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="There is no file"):
        load_skops(tmp_path / "model.skops")
