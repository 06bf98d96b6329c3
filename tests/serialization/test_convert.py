import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pandas as pd
import pytest
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, PowerTransformer, StandardScaler

from mlserve_cli import load_predictor, save_model
from mlserve_cli.conversion.parity import ParityReport
from mlserve_cli.conversion.result import Options, Precision
from mlserve_cli.conversion.speed import Speed, measure_speed
from mlserve_cli.errors import ParityError, SignatureError, UnsupportedEstimatorError, UsageError
from mlserve_cli.inference.predictor import Engine
from mlserve_cli.serialization.convert import convert_onnx
from mlserve_cli.serialization.manifest import read_manifest, write_manifest
from mlserve_cli.serialization.repository import open_artifact

IRIS, SPECIES = load_iris(return_X_y=True, as_frame=True)
CANCER, MALIGNANT = load_breast_cancer(return_X_y=True, as_frame=True)


@pytest.fixture(autouse=True)
def brief(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Little time for measuring speed, which all but the marked tests do not look at."""
    if not request.node.get_closest_marker("slow"):
        assert measure_speed.__kwdefaults__ is not None
        monkeypatch.setitem(measure_speed.__kwdefaults__, "seconds", 0.05)


@pytest.fixture
def forest(in_tmp_path: Any) -> Any:
    """A forest behind a scaler, saved with its data; single precision rounds its thresholds."""
    model = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0))
    return save_model(model.fit(CANCER, MALIGNANT), "cancer", data=CANCER)


@pytest.mark.slow
def test_the_onnx_model_joins_its_version(forest: Any) -> None:
    report = convert_onnx("cancer")
    assert report.path == "models/cancer/1/model.onnx"
    assert report.onnx.parity.passed
    assert report.onnx.parity.source == "reference"
    assert report.onnx.parity.rows >= len(CANCER)
    manifest = read_manifest(forest.path)
    assert manifest.onnx == report.onnx
    assert open_artifact(forest.path).file("model.onnx").stat().st_size == report.size_bytes
    assert [speed.rows for speed in report.onnx.speeds] == [1, 100, 1_000, 10_000]
    assert all(min(speed.onnx_seconds, speed.estimator_seconds) > 0 for speed in report.onnx.speeds)


def test_scoring_takes_onnx_where_it_agrees(forest: Any) -> None:
    assert load_predictor("cancer").engine is Engine.SKLEARN
    convert_onnx("cancer")
    predictor = load_predictor("cancer")
    assert predictor.engine is Engine.ONNX
    expected = load_predictor("cancer", engine=Engine.SKLEARN)
    rows = CANCER.to_numpy()
    np.testing.assert_array_equal(predictor.predict(rows).labels, expected.predict(rows).labels)


def test_scoring_takes_the_estimator_where_onnx_does_not_agree(forest: Any) -> None:
    convert_onnx("cancer")
    manifest = read_manifest(forest.path)
    object.__setattr__(manifest.onnx, "parity", ParityReport(10, 3, 0.5))
    write_manifest(manifest, forest.path)
    assert load_predictor("cancer").engine is Engine.SKLEARN
    assert load_predictor("cancer", engine=Engine.ONNX).engine is Engine.ONNX


def test_scoring_many_rows_takes_the_estimator_where_onnx_is_slow(forest: Any) -> None:
    convert_onnx("cancer")
    manifest = read_manifest(forest.path)
    speeds = (Speed(1, 1e-3, 1e-5), Speed(1_000, 1e-3, 1e-3), Speed(10_000, 1e-3, 4e-3))
    object.__setattr__(manifest.onnx, "speeds", speeds)
    write_manifest(manifest, forest.path)
    engines = [load_predictor("cancer", rows_per_call=rows).engine for rows in (1, 5_000, 10_000)]
    assert engines == [Engine.ONNX, Engine.ONNX, Engine.SKLEARN]
    assert load_predictor("cancer", engine=Engine.ONNX, rows_per_call=10_000).engine is Engine.ONNX


def test_converting_again_replaces_the_file(forest: Any) -> None:
    first = convert_onnx("cancer")
    second = convert_onnx("cancer", options=Options(outputs=("label",)))
    assert second.size_bytes != first.size_bytes
    artifact = open_artifact(forest.path)
    assert artifact.file("model.onnx").stat().st_size == second.size_bytes
    assert [entry.name for entry in artifact.manifest.files].count("model.onnx") == 1
    hidden = [path.name for path in forest.path.iterdir() if path.name.startswith(".")]
    assert hidden == []


def test_what_a_killed_conversion_left_behind_is_removed(forest: Any) -> None:
    (forest.path / ".model.onnx.1f2e").write_bytes(b"half")
    (forest.path / ".manifest.1f2e").mkdir()
    (forest.path / ".manifest.1f2e/manifest.json").write_bytes(b"{")
    convert_onnx("cancer")
    names = {path.name for path in forest.path.iterdir()}
    assert {name for name in names if name.startswith(".")} == set()
    assert {"manifest.json", "model.onnx", "model.skops"} <= names


def test_a_model_in_the_repository_keeps_the_output_that_it_is_scored_by(forest: Any) -> None:
    options = Options(outputs=("probabilities",))
    with pytest.raises(UsageError, match="scored by its label") as raised:
        convert_onnx("cancer", options=options)
    assert raised.value.hint is not None
    assert "OUT" in raised.value.hint
    report = convert_onnx("cancer", "scores.onnx", options=options)
    assert report.onnx.parity.passed
    assert report.onnx.speeds == ()
    outputs = onnx.load("scores.onnx").graph.output
    assert [output.name for output in outputs] == ["probabilities"]
    with pytest.raises(UsageError, match="without the output that it predicts by"):
        load_predictor("scores.onnx").predict(CANCER.to_numpy())


def test_the_variants_are_kept_with_the_version(forest: Any) -> None:
    report = convert_onnx("cancer")
    assert [one.precision for one in report.onnx.variants] == [Precision.FLOAT64, Precision.FLOAT32]
    manifest = read_manifest(forest.path)
    assert manifest.onnx is not None
    assert manifest.onnx.variants == report.onnx.variants


def test_a_bare_file_knows_what_its_model_knew(forest: Any) -> None:
    path = convert_onnx("cancer", "cancer.onnx").path
    found, known = load_predictor(path).signature, forest.manifest.signature
    assert found.names == known.names == tuple(CANCER.columns)
    assert (found.classes, found.named, found.columns) == (known.classes, True, known.columns)


@pytest.mark.parametrize("tolerance", [float("nan"), float("inf")])
def test_a_tolerance_is_a_number(forest: Any, tolerance: float) -> None:
    with pytest.raises(UsageError, match="The tolerance is"):
        convert_onnx("cancer", options=Options(tolerance=tolerance))


def test_a_model_that_refuses_zeros_is_converted_without_speeds(in_tmp_path: Any) -> None:
    rows = np.abs(IRIS.to_numpy()) + 1.0
    model = make_pipeline(PowerTransformer("box-cox"), LogisticRegression()).fit(rows, SPECIES)
    save_model(model, "powers")
    report = convert_onnx("powers")
    assert report.onnx.parity.passed
    assert report.onnx.speeds == ()
    assert load_predictor("powers").engine is Engine.ONNX


def test_the_file_says_where_it_comes_from(forest: Any) -> None:
    convert_onnx("cancer")
    model = onnx.load(forest.path / "model.onnx")
    noted = {entry.key: entry.value for entry in model.metadata_props}
    assert noted["mlserve.name"] == "cancer"
    assert noted["mlserve.version"] == "1"
    entry = forest.entry("model.skops")
    assert noted["mlserve.source_sha256"] == entry.sha256
    assert json.loads(noted["mlserve.versions"])["scikit-learn"] == sklearn.__version__


def test_an_inexact_model_is_not_kept(forest: Any) -> None:
    shifted = CANCER.to_numpy()[:, :4] / 3
    model = make_pipeline(StandardScaler(), RandomForestClassifier(30, random_state=0))
    labels = np.random.default_rng(0).integers(0, 2, len(shifted))
    data = pd.DataFrame(shifted, columns=list("abcd"))
    artifact = save_model(model.fit(data, labels), "noisy", data=data)
    options = Options(precision=Precision.FLOAT32, tolerance=0)
    with pytest.raises(ParityError, match="differs from the estimator") as raised:
        convert_onnx("noisy", options=options)
    assert raised.value.exit_code == 1
    assert not (artifact.path / "model.onnx").exists()
    assert read_manifest(artifact.path).onnx is None
    report = convert_onnx("noisy", options=options, allow_mismatch=True)
    assert not report.onnx.parity.passed
    assert load_predictor("noisy").engine is Engine.SKLEARN


def test_an_onnx_file_is_a_model_without_its_artifact(forest: Any, in_tmp_path: Path) -> None:
    convert_onnx("cancer", "cancer.onnx")
    assert read_manifest(forest.path).onnx is None
    predictor = load_predictor("cancer.onnx")
    expected = load_predictor("cancer")
    rows = CANCER.to_numpy()
    found = predictor.predict(rows, probabilities=True)
    np.testing.assert_array_equal(found.labels, expected.predict(rows).labels)


def test_a_bare_model_needs_a_place_to_write_to(forest: Any) -> None:
    with pytest.raises(UsageError, match="no OUT was given"):
        convert_onnx("models/cancer/1/model.skops")
    report = convert_onnx("models/cancer/1/model.skops", "out.onnx")
    assert report.onnx.parity.source == "generated"


def test_an_onnx_model_is_not_converted_again(forest: Any) -> None:
    path = convert_onnx("cancer", "cancer.onnx").path
    with pytest.raises(UsageError, match="is an ONNX model already"):
        convert_onnx(path, "again.onnx")


def test_rows_to_compare_on_need_the_columns_of_the_model(forest: Any) -> None:
    with pytest.raises(SignatureError, match="lacks columns that the model was fitted on: mean"):
        convert_onnx("cancer", data=CANCER.drop(columns="mean radius"))


def test_rows_for_a_model_without_names_are_taken_by_position(in_tmp_path: Any) -> None:
    model = LogisticRegression(max_iter=500).fit(IRIS.to_numpy(), SPECIES)
    save_model(model, "iris")
    report = convert_onnx("iris", data=IRIS)
    assert report.onnx.parity.source == "data"
    with pytest.raises(SignatureError, match="5 columns"):
        convert_onnx("iris", data=IRIS.assign(species=SPECIES))


def test_a_frame_model_takes_one_input_per_column(in_tmp_path: Path) -> None:
    data = pd.DataFrame({"city": ["Bern", "Oslo", None, "Bern"], "age": [1.0, 2.0, np.nan, 4.0]})
    model = make_pipeline(
        make_column_transformer(
            (OneHotEncoder(handle_unknown="ignore"), ["city"]), remainder="drop"
        ),
        LogisticRegression(),
    ).fit(data, [True, False, False, True])
    artifact = save_model(model, "towns", data=data)
    convert_onnx("towns")
    predictor = load_predictor("towns")
    names = [node.name for node in onnx.load(artifact.path / "model.onnx").graph.input]
    assert names == ["city", "age"]
    batch = {
        "city": np.array(["Bern", "Rome", None], dtype=object),
        "age": np.array([1.0, np.nan, 3.0]),
    }
    prediction = predictor.predict(batch, probabilities=True)
    expected = load_predictor("towns", engine=Engine.SKLEARN).predict(batch, probabilities=True)
    assert prediction.labels.tolist() == expected.labels.tolist()
    assert prediction.probabilities is not None
    assert expected.probabilities is not None
    np.testing.assert_allclose(prediction.probabilities, expected.probabilities, rtol=1e-12)


@pytest.mark.parametrize("out", ["models", "nowhere/model.onnx"])
def test_an_impossible_destination_is_told_before_the_work(forest: Any, out: str) -> None:
    with pytest.raises(UsageError, match=r"OUT is"):
        convert_onnx("cancer", out)


@pytest.mark.parametrize("opset", [7, 999])
def test_an_impossible_opset_lists_the_possible(forest: Any, opset: int) -> None:
    with pytest.raises(UsageError, match=rf"Opset {opset} .* expected 21 to"):
        convert_onnx("cancer", options=Options(opset=opset))


class Custom(ClassifierMixin, BaseEstimator):
    def fit(self, X: Any, y: Any) -> Any:
        self.classes_, self.n_features_in_ = np.unique(y), X.shape[1]
        return self

    def predict(self, X: Any) -> Any:
        return np.zeros(len(X), int)


def test_a_step_without_onnx_form_is_named(in_tmp_path: Path) -> None:
    model = make_pipeline(StandardScaler(), Custom()).fit(IRIS, SPECIES)
    trust = [f"{Custom.__module__}.Custom"]
    save_model(model, "custom", data=IRIS, trust=trust)
    with pytest.raises(UnsupportedEstimatorError, match="custom"):
        convert_onnx("custom", trust=trust)
