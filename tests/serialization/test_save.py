import json
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.cluster import DBSCAN, KMeans
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_diabetes, load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

from mlserve_cli import load_model, load_predictor, save_model
from mlserve_cli.drift.profile import load_profile
from mlserve_cli.errors import (
    ArtifactError,
    EngineError,
    SignatureError,
    UntrustedTypeError,
    UsageError,
)
from mlserve_cli.serialization.libraries import VersionSkewWarning
from mlserve_cli.serialization.manifest import read_manifest, write_manifest
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.payload import write_estimator

IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)
DIABETES, PROGRESSION = load_diabetes(return_X_y=True, as_frame=True)

MIXED = pd.DataFrame(
    {
        "age": [31, 44, 28, 61, 35, 52] * 5,
        "income": [3.1, np.nan, 2.2, 5.0, 4.1, 3.3] * 5,
        "city": ["Bern", "Oslo", "Bern", None, "Rome", "Oslo"] * 5,
        "plan": pd.Categorical(["free", "pro", "free", "free", "pro", "pro"] * 5),
        "member": [True, False, True, True, False, False] * 5,
    }
)
MIXED_TARGET = ["yes", "no", "yes", "no", "no", "yes"] * 5


def mixed_pipeline() -> Any:
    return make_pipeline(
        make_column_transformer(
            (make_pipeline(SimpleImputer(), StandardScaler()), ["age", "income"]),
            (OneHotEncoder(handle_unknown="ignore"), ["city", "plan"]),
            remainder="passthrough",
        ),
        LogisticRegression(),
    )


MODELS = {
    "classifier": (RandomForestClassifier(5, random_state=0), IRIS, SPECIES),
    "regressor": (RandomForestRegressor(5, random_state=0), DIABETES, PROGRESSION),
    "linear": (make_pipeline(StandardScaler(), Ridge()), DIABETES, PROGRESSION),
    "histogram": (HistGradientBoostingClassifier(max_iter=5), IRIS, SPECIES),
    "clusterer": (KMeans(3, n_init=1, random_state=0), IRIS, None),
    "no-predict": (DBSCAN(), IRIS, None),
    "outliers": (IsolationForest(n_estimators=5, random_state=0), IRIS, None),
    "novelty": (LocalOutlierFactor(novelty=True), IRIS.to_numpy(), None),
    "transformer": (make_pipeline(StandardScaler(), PCA(2)), IRIS, None),
    "mixed": (mixed_pipeline(), MIXED, MIXED_TARGET),
}


@pytest.fixture
def place(tmp_path: Any, monkeypatch: Any) -> Any:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("format", [None, "skops", "joblib", "pickle"])
@pytest.mark.parametrize("kind", MODELS)
def test_every_kind_of_model_comes_back_from_every_format(
    place: Path, kind: str, format: Any
) -> None:
    model, rows, target = MODELS[kind]
    model.fit(rows, target)
    data = pd.DataFrame(rows)
    artifact = save_model(model, "m", data=data, format=format and ModelFormat(format))
    loaded = load_model("m")
    if kind == "no-predict":
        np.testing.assert_array_equal(loaded.labels_, model.labels_)
        return
    method = "predict" if hasattr(model, "predict") else "transform"
    expected = getattr(model, method)(rows)
    np.testing.assert_array_equal(getattr(loaded, method)(rows), expected)
    assert artifact.manifest.verified_rows == len(rows)


def test_an_artifact_holds_manifest_model_reference_and_example(place: Path) -> None:
    model = mixed_pipeline().fit(MIXED, MIXED_TARGET)
    data = MIXED.assign(answer=MIXED_TARGET, id=range(30))
    artifact = save_model(model, "visits", data=data, target="answer", tags={"owner": "me"})
    assert artifact.path.relative_to(place / "models" if artifact.path.is_absolute() else "models")
    names = sorted(path.name for path in artifact.path.iterdir())
    assert names == [
        "example.json",
        "manifest.json",
        "model.skops",
        "reference.parquet",
        "reference.profile",
    ]
    manifest = read_manifest(artifact.path)
    assert manifest.target == "answer"
    assert manifest.data_rows == manifest.verified_rows == 30
    assert manifest.metrics["accuracy"] == model.score(MIXED, MIXED_TARGET)
    assert manifest.metrics.keys() >= {"balanced_accuracy", "f1_macro", "log_loss", "roc_auc"}
    assert manifest.tags == {"owner": "me"}
    assert manifest.libraries["scikit-learn"]
    reference = pq.read_table(artifact.path / "reference.parquet")
    assert reference.column_names == ["age", "income", "city", "plan", "member"]
    assert reference.num_rows == 30
    example = json.loads((artifact.path / "example.json").read_text())
    assert example == {
        "rows": [{"age": 31, "income": 3.1, "city": "Bern", "plan": "free", "member": True}]
    }


def test_the_reference_is_a_uniform_sample_of_a_large_file(place: Path) -> None:
    model = Ridge().fit([[0.0], [1.0]], [0, 1])
    data = pd.DataFrame({"x": np.arange(250_000, dtype=float)})
    artifact = save_model(model, "m", data=data)
    kept = pq.read_table(artifact.path / "reference.parquet")["x"].to_numpy()
    assert len(kept) == 100_000
    assert len(np.unique(kept)) == 100_000
    # The profile is of all rows.
    (column,) = load_profile(artifact.path / "reference.profile").counts()
    assert column.rows == 250_000
    # Uniform: each tenth of the file gives a tenth of the sample, within five standard deviations.
    counts = np.histogram(kept, bins=10, range=(0, 250_000))[0]
    assert np.abs(counts - 10_000).max() < 5 * np.sqrt(100_000 * 0.1 * 0.9 * 0.6)


def test_data_may_come_from_a_file(place: Path) -> None:
    MIXED.assign(answer=MIXED_TARGET).drop(columns="plan").to_csv("data.csv", index=False)
    data = pd.read_csv("data.csv")
    model = make_pipeline(
        make_column_transformer(
            (SimpleImputer(), ["age", "income"]), (OneHotEncoder(), ["city", "member"])
        ),
        LogisticRegression(max_iter=1000),
    ).fit(data[["age", "income", "city", "member"]], data["answer"])
    joblib.dump(model, "model.joblib")
    artifact = save_model("model.joblib", data="data.csv", target="answer")
    assert artifact.manifest.name == "model"
    dtypes = [str(column.dtype) for column in artifact.manifest.signature.columns]
    assert dtypes == ["int64", "float64", "string", "bool"]


def test_text_that_looks_like_numbers_is_read_as_the_model_knows_it(place: Any) -> None:
    frame = pd.DataFrame({"zip": ["01234", "94110", "10001"] * 4, "rooms": range(12)})
    answer = ["007", "012", "007"] * 4
    encoder = make_column_transformer((OneHotEncoder(), ["zip"]), remainder="passthrough")
    model = make_pipeline(encoder, LogisticRegression()).fit(frame, answer)
    frame.assign(agent=answer).to_csv("homes.csv", index=False)
    artifact = save_model(model, "homes", data="homes.csv", target="agent")
    assert artifact.manifest.metrics["accuracy"] == 1.0
    assert pd.read_parquet(artifact.file("reference.parquet"))["zip"].tolist()[0] == "01234"


def test_a_full_disk_is_no_fault_of_the_model() -> None:
    model = Ridge().fit(DIABETES, PROGRESSION)
    with pytest.raises(EngineError, match="full cannot be written: No space left on device"):
        write_estimator(model, Path("/dev/full"), ModelFormat.JOBLIB)


def test_a_predictor_scores_what_the_estimator_scores(place: Path) -> None:
    model = mixed_pipeline().fit(MIXED, MIXED_TARGET)
    save_model(model, "visits", data=MIXED)
    predictor = load_predictor("visits")
    batch = {
        "age": np.array([31.0, np.nan]),
        "income": np.array([3.1, np.nan]),
        "city": np.array(["Bern", None], dtype=object),
        "plan": np.array(["free", "unheard of"], dtype=object),
        "member": np.array([True, False]),
    }
    frame = pd.DataFrame(batch)
    prediction = predictor.predict(batch, probabilities=True)
    np.testing.assert_array_equal(prediction.probabilities, model.predict_proba(frame))


class Moody(ClassifierMixin, BaseEstimator):
    """Predicts something else at every call."""

    def fit(self, X: Any, y: Any) -> Any:
        self.classes_, self.n_features_in_, self.calls_ = np.unique(y), X.shape[1], 0
        return self

    def predict(self, X: Any) -> Any:
        Moody.calls = getattr(Moody, "calls", 0) + 1
        return np.full(len(X), Moody.calls)


def test_a_copy_that_predicts_otherwise_is_not_saved(place: Path) -> None:
    model = Moody().fit(IRIS.to_numpy(), SPECIES)
    name = f"{Moody.__module__}.Moody"
    with pytest.raises(ArtifactError, match="does not predict what its source predicts"):
        save_model(model, "m", data=IRIS, trust=[name], format=ModelFormat.JOBLIB)
    assert list((place / "models" / "m").iterdir()) == []


def test_a_type_that_nobody_vouched_for_is_not_saved(place: Path) -> None:
    model = Moody().fit(IRIS.to_numpy(), SPECIES)
    with pytest.raises(UntrustedTypeError, match=f"--trust {Moody.__module__}.Moody"):
        save_model(model, "m", data=IRIS)


def test_the_manifest_says_why_a_model_is_not_stored_as_skops(place: Path) -> None:
    model = make_pipeline(FunctionTransformer(np.log1p), Ridge()).fit(IRIS, SPECIES)
    manifest = save_model(model, "m", data=IRIS).manifest
    assert manifest.format_reason
    assert (manifest.format is ModelFormat.SKOPS) == ("came back" in manifest.format_reason)


def test_another_library_version_is_a_warning_that_names_both(place: Path) -> None:
    artifact = save_model(Ridge().fit(IRIS, SPECIES), "m")
    manifest = artifact.manifest
    manifest.libraries["scikit-learn"] = "0.1"
    write_manifest(manifest, artifact.path)
    with pytest.warns(VersionSkewWarning, match=r"scikit-learn 0\.1; .* is installed"):
        load_model("m")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_model(Ridge().fit(IRIS, SPECIES), "other")
        load_model("other")


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (Ridge(), "not fitted"),
        (Ridge, "expected a fitted estimator"),
        ({"model": Ridge()}, "with the keys model; expected a fitted estimator"),
    ],
)
def test_what_is_not_a_fitted_estimator_is_refused(place: Path, source: Any, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        save_model(source, "m")


def test_a_target_that_is_not_in_the_data_lists_the_columns(place: Path) -> None:
    with pytest.raises(SignatureError, match="no column 'spezies'; it has sepal"):
        save_model(Ridge().fit(IRIS, SPECIES), "m", data=IRIS, target="spezies")


def test_a_target_without_data_is_refused(place: Path) -> None:
    with pytest.raises(UsageError, match="--data FILE"):
        save_model(Ridge().fit(IRIS, SPECIES), "m", target="species")


def test_an_estimator_saved_as_onnx_is_converted_and_not_kept(place: Path) -> None:
    model = Ridge().fit(IRIS, SPECIES)
    artifact = save_model(model, "m", data=IRIS, format=ModelFormat.ONNX)
    names = sorted(path.name for path in artifact.path.iterdir())
    assert names == [
        "example.json",
        "manifest.json",
        "model.onnx",
        "reference.parquet",
        "reference.profile",
    ]
    assert artifact.manifest.onnx is not None
    assert artifact.manifest.onnx.parity.passed
    assert artifact.manifest.estimator.endswith("Ridge")
    found = load_predictor("m").predict(IRIS.to_numpy()).labels
    np.testing.assert_allclose(found, model.predict(IRIS), rtol=1e-12)
    with pytest.raises(ArtifactError, match="there is no estimator"):
        load_model("m")
