import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlserve_cli.errors import CorruptArtifactError, ModelNotFoundError, UsageError
from mlserve_cli.serialization.manifest import Manifest, read_manifest
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.repository import ModelRepository, open_artifact
from mlserve_cli.signature import Column, DType, Signature, Task

MANIFEST = Manifest(
    schema_version=1,
    name="",
    version=0,
    created="2026-01-02T03:04:05+00:00",
    estimator="sklearn.linear_model.LogisticRegression",
    format=ModelFormat.JOBLIB,
    format_reason="asked for",
    signature=Signature(
        Task.CLASSIFICATION,
        (Column("size", DType.CATEGORICAL, ("S", 2, 2.5, True)), Column("age", missing=True)),
        classes=(True, False),
    ),
    metrics={"accuracy": 0.5},
    tags={"owner": "me"},
)


def fill(folder: Path) -> Manifest:
    (folder / "model.joblib").write_bytes(b"content")
    return MANIFEST


@pytest.fixture
def repository(tmp_path: Any) -> Any:
    return ModelRepository(tmp_path / "models")


def test_versions_count_from_one(repository: Any) -> None:
    assert [repository.publish("a", fill).manifest.version for _ in range(3)] == [1, 2, 3]
    assert repository.versions("a") == [1, 2, 3]
    assert repository.names() == ["a"]


def test_a_manifest_comes_back_as_it_was_written(repository: Any) -> None:
    artifact = repository.publish("a", fill)
    assert open_artifact(artifact.path) == artifact
    assert replace(artifact.manifest, name="", version=0, files=()) == MANIFEST


def test_the_newest_version_is_the_default_and_ten_is_newer_than_nine(repository: Any) -> None:
    for _ in range(10):
        repository.publish("a", fill)
    assert repository.get("a").manifest.version == 10
    assert repository.get("a", 9).manifest.version == 9


def test_a_failing_save_leaves_nothing(repository: Any) -> None:
    def fail(folder: Any) -> None:
        (folder / "half").write_bytes(b"x")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        repository.publish("a", fail)
    assert list((repository.root / "a").iterdir()) == []
    assert repository.names() == []


def test_what_a_killed_save_left_behind_is_removed_by_the_next(repository: Any) -> None:
    repository.publish("a", fill)
    abandoned = repository.root / "a" / ".saving-0123"
    abandoned.mkdir()
    (abandoned / "model.joblib").write_bytes(b"half")
    repository.publish("a", fill)
    assert not abandoned.exists()


def test_a_save_in_progress_is_not_disturbed_by_another(repository: Any) -> Any:
    def save_another_meanwhile(folder: Any) -> Any:
        repository.publish("a", fill)
        return fill(folder)

    assert repository.publish("a", save_another_meanwhile).manifest.version == 2
    assert repository.versions("a") == [1, 2]


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b", "-x", "é", "a\n"])
def test_names_that_a_folder_or_url_cannot_carry_are_refused(repository: Any, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of a model"):
        repository.publish(name, fill)


def test_an_unknown_model_lists_the_known_ones(repository: Any) -> None:
    repository.publish("churn", fill)
    with pytest.raises(ModelNotFoundError, match=r"No model 'chrun' .* holds churn"):
        repository.get("chrun")
    with pytest.raises(ModelNotFoundError, match="no version 7; its versions are 1"):
        repository.get("churn", 7)


def test_a_path_out_of_the_repository_is_no_model(repository: Any) -> None:
    repository.publish("a", fill)
    assert ModelRepository(repository.root / "a").versions("..") == []


def test_a_changed_file_is_named(repository: Any) -> None:
    artifact = repository.publish("a", fill)
    (artifact.path / "model.joblib").write_bytes(b"CONTENT")
    with pytest.raises(CorruptArtifactError, match=r"model\.joblib is not the file that was saved"):
        artifact.file("model.joblib")


def test_a_missing_file_is_named(repository: Any) -> None:
    artifact = repository.publish("a", fill)
    (artifact.path / "model.joblib").unlink()
    with pytest.raises(CorruptArtifactError, match=r"model\.joblib cannot be read"):
        artifact.file("model.joblib")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not a valid manifest"),
        (b"{}", "not a valid manifest"),
        (b"[1]", "not a valid manifest"),
        (b"\xff\xfe", "not a valid manifest"),
        (b'{"schema_version": 99}', "schema version 99; this mlserve reads up to 1"),
    ],
)
def test_an_unreadable_manifest_is_named(tmp_path: Path, content: Any, message: str) -> None:
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(CorruptArtifactError, match=message):
        read_manifest(tmp_path)


def test_a_place_where_no_folder_can_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file")
    with pytest.raises(UsageError, match="cannot be made"):
        ModelRepository(tmp_path / "models").publish("a", fill)


KILLED_SAVES = """
import os, random, signal, sys, time
import pandas as pd
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from mlserve_cli import save_model

data, target = load_iris(return_X_y=True, as_frame=True)
model = RandomForestClassifier(3, random_state=0).fit(data, target)
save_model(model, "warm", data=data, models="warm")
chance = random.Random(int(sys.argv[1]))
for _ in range(30):
    child = os.fork()
    if not child:
        while True:
            save_model(model, "iris", data=data, models="models")
    time.sleep(chance.uniform(0, 0.25))
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
save_model(model, "iris", data=data, models="models")
"""


@pytest.mark.slow
def test_saves_killed_at_random_points_leave_whole_versions_or_none(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", KILLED_SAVES, "7"], cwd=tmp_path, check=True)
    repository = ModelRepository(tmp_path / "models")
    versions = repository.versions("iris")
    assert versions == list(range(1, len(versions) + 1))
    # Some of the thirty must have been killed before and some after a version appeared.
    assert len(versions) > 1
    for version in versions:
        artifact = repository.get("iris", version)
        names = [artifact.file(entry.name).name for entry in artifact.manifest.files]
        assert names == ["example.json", "model.skops", "reference.parquet", "reference.profile"]
    # Nothing else is left, the last save having cleaned up.
    left = {path.name for path in (repository.root / "iris").iterdir()}
    assert left == set(map(str, versions))


CONCURRENT_SAVES = """
import os
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from mlserve_cli import save_model

model = LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))
save_model(model, "warm", models="warm")
ready, go = os.pipe()
for _ in range(4):
    if not os.fork():
        os.close(go)
        os.read(ready, 1)
        for _ in range(5):
            save_model(model, "iris", models="models")
        os._exit(0)
os.close(go)
assert all(os.wait()[1] == 0 for _ in range(4))
"""


def test_saves_at_the_same_moment_get_a_version_each(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", CONCURRENT_SAVES], cwd=tmp_path, check=True)
    repository = ModelRepository(tmp_path / "models")
    assert repository.versions("iris") == list(range(1, 21))
    for version in repository.versions("iris"):
        artifact = repository.get("iris", version)
        assert artifact.manifest.version == version
        artifact.file("model.skops")
