"""What can be told about a model file without loading it."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import make_column_transformer
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.trust.admitted import Use
from mlserve_cli.serialization.trust.audit import audit_file
from mlserve_cli.serialization.trust.skops_files import dump_skops


def _frame() -> pd.DataFrame:
    return pd.DataFrame({"size": [1.0, 2.0, 3.0, 4.0] * 3, "place": ["a", "b", "a", "c"] * 3})


def _pipeline() -> Pipeline:
    columns = make_column_transformer((StandardScaler(), ["size"]), (OneHotEncoder(), ["place"]))
    return make_pipeline(columns, LogisticRegression(C=0.5)).fit(_frame(), ["x", "y"] * 6)


def _dump_joblib(model: object, path: Path) -> None:
    joblib.dump(model, path)


def _dump_compressed(model: object, path: Path) -> None:
    joblib.dump(model, path, compress=3)


def _dump_pickle(model: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(model, protocol=5))


def _dump_old_pickle(model: object, path: Path) -> None:
    path.write_bytes(pickle.dumps(model, protocol=2))


DUMPS: dict[str, tuple[Callable[[Any, Path], None], ModelFormat]] = {
    "joblib": (_dump_joblib, ModelFormat.JOBLIB),
    "compressed joblib": (_dump_compressed, ModelFormat.JOBLIB),
    "pickle": (_dump_pickle, ModelFormat.PICKLE),
    "old pickle": (_dump_old_pickle, ModelFormat.PICKLE),
    "skops": (dump_skops, ModelFormat.SKOPS),
}


@pytest.mark.parametrize("dump", DUMPS)
def test_the_audit_learns_what_the_estimators_say_about_themselves(
    dump: str, tmp_path: Path
) -> None:
    path = tmp_path / "model"
    DUMPS[dump][0](_pipeline(), path)

    audit = audit_file(path)

    assert audit.format is DUMPS[dump][1]
    assert audit.refused == ()
    assert audit.facts.sklearn_versions == (sklearn.__version__,)
    assert audit.facts.feature_names == ("size", "place")
    assert audit.facts.n_features == 2
    assert audit.facts.classes == ("x", "y")


@pytest.mark.parametrize("dump", DUMPS)
def test_the_audit_tells_the_estimators_as_a_tree(dump: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    DUMPS[dump][0](_pipeline(), path)

    tree = audit_file(path).facts.tree

    assert tree is not None
    assert tree.type == "sklearn.pipeline.Pipeline"
    (name, columns), (last_name, last) = tree.children
    assert (name, last_name) == ("columntransformer", "logisticregression")
    assert [child.type.rpartition(".")[2] for _, child in columns.children] == [
        "StandardScaler",
        "OneHotEncoder",
    ]
    assert ("C", "0.5") in last.parameters


@pytest.mark.parametrize("dump", DUMPS)
def test_classes_of_numbers_are_told_too(dump: str, tmp_path: Path) -> None:
    path = tmp_path / "model"
    model = RandomForestClassifier(2).fit(np.arange(6.0).reshape(-1, 1), [3, 1, 2] * 2)
    DUMPS[dump][0](model, path)

    facts = audit_file(path).facts

    assert facts.classes == (1, 2, 3)
    assert facts.n_features == 1
    assert facts.feature_names is None


def test_a_search_is_asked_for_its_best_estimator(tmp_path: Path) -> None:
    path = tmp_path / "model"
    search = GridSearchCV(make_pipeline(StandardScaler(), LogisticRegression()), {}, cv=2)
    joblib.dump(search.fit(np.arange(8.0).reshape(-1, 1), ["a", "b"] * 4), path)

    facts = audit_file(path).facts

    assert facts.n_features == 1
    assert facts.classes == ("a", "b")


def test_every_name_is_listed_with_its_use_and_whether_it_is_admitted(tmp_path: Path) -> None:
    path = tmp_path / "model"
    joblib.dump(make_pipeline(FunctionTransformer(os.system), StandardScaler()), path)

    found = {entry.name: entry for entry in audit_file(path).types}

    assert found["posix.system"].use is Use.REFERENCE
    assert not found["posix.system"].admitted
    assert found["sklearn.preprocessing._data.StandardScaler"].use is Use.CONSTRUCT
    assert found["sklearn.preprocessing._data.StandardScaler"].admitted
    assert audit_file(path).refused == ("posix.system",)
    assert audit_file(path, trust=["posix.system"]).refused == ()


def test_a_broken_file_still_tells_what_it_names(tmp_path: Path) -> None:
    path = tmp_path / "model"
    path.write_bytes(b"\x80\x02cos\nsystem\nU\x04true\x85R")

    with pytest.raises(CorruptArtifactError, match=r"truncated.*also names os\.system"):
        audit_file(path)


def test_a_large_array_is_left_out_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "model"
    model = LogisticRegression().fit(np.random.default_rng(0).normal(size=(50, 3)), [0, 1] * 25)
    model.history_ = np.zeros(1_000_000)
    for dump, _ in (DUMPS["joblib"], DUMPS["pickle"], DUMPS["skops"]):
        dump(model, path)

        assert audit_file(path).facts.classes == (0, 1)


def test_facts_of_any_shape_are_no_trouble(tmp_path: Path) -> None:
    path = tmp_path / "model"
    model = LogisticRegression()
    looped: list[Any] = []
    looped.append(looped)
    odd_values = [looped, {"a": 1}, -1, "text", b"bytes", (1, 2), np.array(3.5), [None], {1, 2}]
    for value in odd_values:
        vars(model).update(
            n_features_in_=value,
            feature_names_in_=value,
            classes_=value,
            steps=value,
            _sklearn_version=value,
        )
        _dump_pickle(model, path)

        assert audit_file(path).refused == ()
