import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import cloudpickle
import joblib
import numpy as np
import pandas as pd
import pytest
import yaml
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

from mlserve_cli import load_model, load_predictor, save_model
from mlserve_cli.errors import (
    ArtifactError,
    CorruptArtifactError,
    MissingExtraError,
    ModelNotFoundError,
    UntrustedTypeError,
    UsageError,
)
from mlserve_cli.serialization.models import find_model
from mlserve_cli.serialization.repository import Artifact
from mlserve_cli.signature import DType

X, Y = load_iris(return_X_y=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    for name in ("train", "trainers", "trainers.iris", "broken"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return tmp_path


@pytest.fixture
def model() -> Any:
    return LogisticRegression(max_iter=500).fit(X, Y)


TRAIN = """
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

def make_model():
    return LogisticRegression(max_iter=500).fit(*load_iris(return_X_y=True))

model = make_model()
number = 3
"""


@pytest.mark.parametrize("name", ["model", "make_model"])
def test_an_object_or_function_of_a_python_file_is_saved(place: Path, name: str) -> None:
    (place / "train.py").write_text(TRAIN)
    assert save_model(f"train.py:{name}").manifest.name == "train"
    np.testing.assert_array_equal(load_model("train").predict(X[:5]), Y[:5])


def test_what_the_code_prints_is_no_result(place: Any, capsys: Any) -> None:
    (place / "train.py").write_text(TRAIN + "print('accuracy', 1)")
    save_model("train.py:model")
    assert capsys.readouterr() == ("", "accuracy 1\n")


def test_an_object_of_a_module_is_saved(place: Path) -> None:
    (place / "trainers").mkdir()
    (place / "trainers" / "iris.py").write_text(TRAIN)
    assert save_model("trainers.iris:make_model").manifest.name == "make_model"


def test_a_name_that_the_file_lacks_lists_what_it_has(place: Path) -> None:
    (place / "train.py").write_text(TRAIN)
    with pytest.raises(UsageError, match=r"train.py has no 'modle'; it has .*make_model, model"):
        save_model("train.py:modle")


def test_an_object_that_is_no_estimator_is_refused(place: Path) -> None:
    (place / "train.py").write_text(TRAIN)
    with pytest.raises(ArtifactError, match=r"holds a builtins\.int"):
        save_model("train.py:number")


@pytest.mark.parametrize("code", ["1 / 0", "import nowhere", "raise SystemExit(1)", "x = ("])
def test_code_that_fails_is_named_with_its_line(place: Path, code: str) -> None:
    (place / "broken.py").write_text(f"# comment\n{code}\n")
    with pytest.raises(ArtifactError, match=r"broken\.py failed: .*line"):
        save_model("broken.py:model")


def test_a_missing_file_or_module_is_named(place: Path) -> None:
    with pytest.raises(UsageError, match=r"no file nothing\.py"):
        save_model("nothing.py:model")
    with pytest.raises(UsageError, match=r"no module nothing\.here"):
        save_model("nothing.here:model")
    with pytest.raises(ModelNotFoundError, match=r"no model at nothing\.joblib"):
        save_model("nothing.joblib")


CUSTOM = """
from sklearn.base import BaseEstimator, RegressorMixin

class Constant(RegressorMixin, BaseEstimator):
    def fit(self, X, y):
        self.mean_, self.n_features_in_ = sum(y) / len(y), len(X[0])
        return self

    def predict(self, X):
        return [self.mean_] * len(X)

model = Constant().fit([[1], [2]], [1.0, 2.0])
"""


def test_a_type_of_the_users_own_needs_trust_to_save_and_to_load(place: Path) -> None:
    (place / "train.py").write_text(CUSTOM)
    with pytest.raises(UntrustedTypeError, match=r"train\.Constant"):
        save_model("train.py:model")
    save_model("train.py:model", trust=["train.Constant"])
    with pytest.raises(UntrustedTypeError, match=r"train\.Constant"):
        load_model("train")
    assert load_model("train", trust=["train.Constant"]).mean_ == 1.5


def mlflow_folder(place: Path, model: Any, columns: Any, pickler: Any = cloudpickle) -> Any:
    folder = place / "mlruns_model"
    folder.mkdir()
    (folder / "model.pkl").write_bytes(pickler.dumps(model))
    content = {
        "flavors": {
            "python_function": {"loader_module": "mlflow.sklearn"},
            "sklearn": {"pickled_model": "model.pkl", "serialization_format": "cloudpickle"},
        },
        "signature": {"inputs": json.dumps(columns), "outputs": None},
    }
    (folder / "MLmodel").write_text(yaml.safe_dump(content))
    return folder


def test_an_mlflow_model_is_read_with_its_signature_and_without_mlflow(place: Path) -> None:
    rows = np.array([["a", 1.0], ["b", 2.0], ["a", 3.0]], dtype=object)
    pipeline = make_pipeline(
        make_column_transformer((OneHotEncoder(), [0]), remainder="passthrough"),
        LogisticRegression(),
    ).fit(rows, [0, 1, 1])
    columns = [{"name": "letter", "type": "string"}, {"name": "number", "type": "double"}]
    folder = mlflow_folder(place, pipeline, columns)
    predictor = load_predictor(folder)
    assert [(column.name, column.dtype) for column in predictor.signature.columns] == [
        ("letter", DType.STRING),
        ("number", DType.FLOAT64),
    ]
    batch = {"letter": np.array(["a", "b"], dtype=object), "number": np.array([1.0, 2.0])}
    assert predictor.predict(batch).labels.tolist() == pipeline.predict(rows[:2]).tolist()
    assert save_model(folder).manifest.name == "mlruns_model"
    assert "mlflow" not in sys.modules


def test_an_mlflow_model_of_another_flavor_is_refused_by_name(place: Path, model: Any) -> None:
    folder = mlflow_folder(place, model, [])
    (folder / "MLmodel").write_text("flavors: {pytorch: {model_data: data}}")
    with pytest.raises(UsageError, match="flavors pytorch; mlserve reads sklearn and onnx"):
        find_model(folder)


def test_an_mlflow_signature_in_another_order_than_the_model_was_fitted_in(place: Any) -> None:
    frame = pd.DataFrame(X[:, :2], columns=["a", "b"])
    columns = [{"name": name, "type": "double"} for name in ("b", "id", "a")]
    folder = mlflow_folder(place, LogisticRegression(max_iter=500).fit(frame, Y), columns)
    predictor = load_predictor(folder)
    assert predictor.signature.names == ("a", "b")
    expected = load_model(folder).predict(frame)
    np.testing.assert_array_equal(predictor.predict(frame.to_numpy()).labels, expected)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[",
        "a: 1",
        "flavors: {sklearn: {pickled_model: x.pkl}}",
        "flavors: {sklearn: null}",
        "flavors: {sklearn: {pickled_model: model.pkl}}\nsignature: none",
        "flavors: {sklearn: {pickled_model: model.pkl}}\nsignature: {inputs: '[1]'}",
    ],
)
def test_a_broken_mlmodel_file_is_named(place: Path, model: Any, content: Any) -> None:
    folder = mlflow_folder(place, model, [])
    (folder / "MLmodel").write_text(content)
    with pytest.raises(CorruptArtifactError, match="MLmodel"):
        find_model(folder)


def test_an_mlflow_model_file_outside_of_its_folder_is_refused(place: Path, model: Any) -> None:
    joblib.dump(model, place / "outside.pkl")
    folder = mlflow_folder(place, model, [])
    (folder / "MLmodel").write_text("flavors: {sklearn: {pickled_model: ../outside.pkl}}")
    with pytest.raises(CorruptArtifactError, match="which is not there"):
        find_model(folder)


def test_a_model_is_found_by_name_version_folder_and_alone(place: Path, model: Any) -> None:
    save_model(model, "iris")
    save_model(model, "iris")
    for named, version in {
        "iris": 2,
        "iris/1": 1,
        "models/iris/1": 1,
        "models/iris": 2,
        None: 2,
    }.items():
        found = find_model(named)
        assert isinstance(found, Artifact)
        assert found.manifest.version == version


def test_several_models_must_be_told_apart(place: Path, model: Any) -> None:
    save_model(model, "first")
    save_model(model, "second")
    with pytest.raises(UsageError, match="holds several: first, second"):
        find_model()


def test_an_empty_repository_says_how_to_fill_it(place: Path) -> None:
    with pytest.raises(ModelNotFoundError, match="mlserve save"):
        find_model()


def test_a_name_too_long_for_a_file_is_no_model(place: Any) -> None:
    with pytest.raises(ModelNotFoundError, match="No model 'xxx"):
        find_model("x" * 300)


def test_a_folder_without_a_model_says_what_was_expected(place: Path) -> None:
    (place / "data").mkdir()
    with pytest.raises(ModelNotFoundError, match=r"expected manifest\.json"):
        find_model("data")


def test_a_folder_with_one_model_file_is_that_model(place: Path, model: Any) -> None:
    (place / "uploaded").mkdir()
    joblib.dump(model, place / "uploaded" / "model.joblib")
    (place / "uploaded" / "README.md").write_text("A model.")
    assert getattr(find_model("uploaded"), "name", None) == "uploaded"
    (place / "uploaded" / "model.joblib").rename(place / "uploaded" / "iris.joblib")
    assert getattr(find_model("uploaded"), "name", None) == "iris"
    joblib.dump(model, place / "uploaded" / "roses.joblib")
    with pytest.raises(ModelNotFoundError, match=r"several models: iris\.joblib, roses") as caught:
        find_model("uploaded")
    assert caught.value.hint == "Name one of them: uploaded/iris.joblib"


def test_a_folder_that_is_a_repository_of_one_model_is_that_model(place: Path, model: Any) -> None:
    save_model(model, name="iris", models="uploaded")
    save_model(model, name="iris", models="uploaded")
    found = find_model("uploaded")
    assert isinstance(found, Artifact)
    assert (found.manifest.name, found.manifest.version) == ("iris", 2)
    save_model(model, name="roses", models="uploaded")
    with pytest.raises(ModelNotFoundError, match="several models: iris, roses"):
        find_model("uploaded")


def test_a_model_is_read_from_a_uri(place: Path, model: Any) -> None:
    save_model(model, "iris")
    joblib.dump(model, "model.joblib")
    np.testing.assert_array_equal(load_model(f"file://{place}/models/iris/1").predict(X[:3]), Y[:3])
    np.testing.assert_array_equal(load_model(f"file://{place}/model.joblib").predict(X[:3]), Y[:3])
    with pytest.raises(ArtifactError, match="file://"):
        load_model(f"file://{place}/nothing")


def test_a_uri_of_an_uninstalled_store_names_the_extra(place: Path) -> None:
    code = (
        "import sys; sys.modules['fsspec'] = None\n"
        "from mlserve_cli import load_model, MlserveError\n"
        "try: load_model('s3://bucket/model.joblib')\n"
        "except MlserveError as error: print(type(error).__name__, error)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert MissingExtraError.__name__ in run.stdout
    assert "mlserve-cli[remote]" in run.stdout


def test_a_bare_file_works_as_a_model(place: Path, model: Any) -> None:
    joblib.dump(model, "model.joblib")
    predictor = load_predictor("model.joblib")
    assert predictor.signature.classes == (0, 1, 2)
    np.testing.assert_array_equal(predictor.predict(X[:3]).labels, Y[:3])
