"""Truth that arrives later finds the predictions that it is about."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_diabetes, load_iris
from sklearn.linear_model import LinearRegression, LogisticRegression
from tests.monitoring.records.test_writer import Written

from mlserve_cli import load_predictor, save_model
from mlserve_cli.errors import InputError, ModelNotFoundError, UsageError
from mlserve_cli.monitoring.quality_report import QualityReport
from mlserve_cli.monitoring.records.entry import Entry
from mlserve_cli.serialization.realised_quality import quality_of_file, quality_of_records
from mlserve_cli.serialization.truth_join import Truth
from mlserve_cli.signature import Task

NOON = 1_700_000_000.0
FLOWERS, SPECIES = load_iris(return_X_y=True, as_frame=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[SPECIES]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1 of `iris`, saved with its data."""
    root = tmp_path_factory.mktemp("models")
    model = LogisticRegression(max_iter=500).fit(FLOWERS, NAMES)
    save_model(model, name="iris", models=root, data=FLOWERS.assign(kind=NAMES), target="kind")
    return root


class Recorded:
    """Predictions of `iris` as a server records them."""

    def __init__(self, folder: Path, models: Path, version: int = 1) -> None:
        self.predictor = load_predictor("iris", models=models)
        self.written = Written(folder)
        self.name, self.version = "iris", version
        self.signature = self.predictor.signature
        self.metrics: dict[str, float] = {}

    def predict(self, rows: Any, request_id: str, time: float = NOON) -> None:
        """One request."""
        matrix = np.ascontiguousarray(rows, np.float64)
        found = self.predictor.predict(matrix, probabilities=True)
        count = len(matrix)
        said = (found.labels, found.probabilities)
        ids = [request_id.encode()]
        entry = Entry(self, time, [matrix.tobytes()], count, count, *said, [0.1], [count], ids)
        self.written.write(entry)


@pytest.fixture
def recorded(tmp_path: Path, models: Path) -> Recorded:
    return Recorded(tmp_path / "records", models)


def figures(report: QualityReport) -> dict[str, float]:
    return {figure.name: figure.value for figure in report.figures}


def table(path: Path, **columns: Any) -> Truth:
    pd.DataFrame(columns).to_csv(path, index=False)
    return Truth(path)


def test_records_are_judged_by_request_ids(
    recorded: Recorded, models: Path, tmp_path: Path
) -> None:
    for place in range(0, 150, 3):
        recorded.predict(FLOWERS.iloc[[place]], f"r{place}", NOON + 3600 * (place // 50))
    places = [*range(0, 150, 3), 1000]
    kinds = [*NAMES[::3], "setosa"]
    truth = table(tmp_path / "t.csv", request_id=[f"r{k}" for k in places], kind=kinds)
    (report,) = quality_of_records(truth, tmp_path / "records", models=models)
    assert (report.model, report.version, report.task) == ("iris", 1, Task.CLASSIFICATION)
    assert (report.rows, report.unmatched) == (50, 1)
    expected = recorded.predictor.predict(FLOWERS.to_numpy()[::3]).labels == NAMES[::3]
    assert figures(report)["accuracy"] == pytest.approx(expected.mean())
    assert report.figures[0].stored == pytest.approx(0.9733, abs=1e-3)
    assert [period.rows for period in report.periods] == [17, 17, 16]
    assert "roc_auc" in figures(report)


def test_rows_of_requests_are_told_apart_by_their_number(
    recorded: Recorded, models: Path, tmp_path: Path
) -> None:
    recorded.predict(FLOWERS.iloc[[0, 60, 120]], "a")
    recorded.predict(FLOWERS.iloc[[1, 61]], "b")
    truth = table(
        tmp_path / "t.csv",
        request_id=["a", "a", "a", "b"],
        row=[1, 2, 3, 2],
        kind=["setosa", "setosa", "virginica", "versicolor"],
    )
    (report,) = quality_of_records(truth, tmp_path / "records", models=models)
    assert (report.rows, figures(report)["accuracy"]) == (4, 0.75)
    one = table(tmp_path / "one.csv", request_id=["a"], kind=["setosa"])
    with pytest.raises(InputError, match="request a has several rows") as caught:
        quality_of_records(one, tmp_path / "records", models=models)
    assert "'row'" in str(caught.value.hint)
    twice = table(tmp_path / "two.csv", request_id=["a", "a"], kind=["setosa"] * 2)
    with pytest.raises(InputError, match="more than once what was true for request_id a"):
        quality_of_records(twice, tmp_path / "records", models=models)


def test_the_last_prediction_of_a_request_counts(
    recorded: Recorded, models: Path, tmp_path: Path
) -> None:
    recorded.predict(FLOWERS.iloc[[0]], "a", NOON + 10)
    recorded.predict(FLOWERS.iloc[[120]], "a", NOON)
    truth = table(tmp_path / "t.csv", request_id=["a"], kind=["setosa"])
    (report,) = quality_of_records(truth, tmp_path / "records", models=models)
    assert figures(report)["accuracy"] == 1


def test_any_column_can_be_the_key(recorded: Recorded, models: Path, tmp_path: Path) -> None:
    recorded.predict(FLOWERS.iloc[[0, 60, 120]], "")
    name = FLOWERS.columns[2]
    lengths = FLOWERS[name].iloc[[0, 60]]
    table(tmp_path / "t.csv", **{name: lengths, "kind": ["setosa", "setosa"], "note": ["x", "y"]})
    truth = Truth(tmp_path / "t.csv", on=name)
    (report,) = quality_of_records(truth, tmp_path / "records", models=models)
    assert (report.rows, figures(report)["accuracy"]) == (2, 0.5)


def test_every_version_has_its_report(recorded: Recorded, models: Path, tmp_path: Path) -> None:
    newer = Recorded(tmp_path / "records", models, version=2)
    recorded.predict(FLOWERS.iloc[[0]], "a")
    newer.predict(FLOWERS.iloc[[120]], "b")
    truth = table(tmp_path / "t.csv", request_id=["a", "b"], kind=["setosa", "setosa"])
    first, second = quality_of_records(truth, tmp_path / "records", models=models)
    assert (first.version, figures(first)["accuracy"]) == (1, 1)
    assert (second.version, figures(second)["accuracy"]) == (2, 0)
    # It is not in the repository.
    assert second.figures[0].stored is None
    (only,) = quality_of_records(truth, tmp_path / "records", model="iris/2", models=models)
    assert only.version == 2
    with pytest.raises(InputError, match="no records of iris/3"):
        quality_of_records(truth, tmp_path / "records", model="iris/3", models=models)


def scored(path: Path, **columns: Any) -> Path:
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def test_a_scored_file_is_judged(models: Path, tmp_path: Path) -> None:
    predictor = load_predictor("iris", models=models)
    found = predictor.predict(FLOWERS.to_numpy(), probabilities=True)
    assert found.probabilities is not None
    probabilities = {
        f"probability_{name}": found.probabilities[:, k]
        for k, name in enumerate(("setosa", "versicolor", "virginica"))
    }
    path = scored(tmp_path / "out.csv", id=range(150), prediction=found.labels, **probabilities)
    truth = table(tmp_path / "t.csv", id=range(149, -1, -1), kind=NAMES[::-1])
    (known,) = quality_of_file(truth, path, model="iris", models=models)
    (unknown,) = quality_of_file(truth, path)
    assert (known.model, known.version, known.periods) == ("iris", 1, ())
    assert (unknown.model, unknown.task) == ("", Task.CLASSIFICATION)
    assert figures(known) == figures(unknown)
    for figure in known.figures:
        assert figure.stored is None or figure.value == pytest.approx(figure.stored), figure.name
    assert known.figures[0].drop == pytest.approx(0)
    with pytest.raises(ModelNotFoundError):
        quality_of_file(truth, path, model="pets", models=models)


def test_numbers_are_quantities_or_classes(tmp_path: Path) -> None:
    features, target = load_diabetes(return_X_y=True)
    predicted = LinearRegression().fit(features, target).predict(features)
    path = scored(tmp_path / "out.csv", id=range(len(target)), prediction=predicted)
    (report,) = quality_of_file(table(tmp_path / "t.csv", id=range(len(target)), y=target), path)
    assert report.task is Task.REGRESSION
    assert figures(report)["r2"] == pytest.approx(0.5177, abs=1e-3)
    path = scored(tmp_path / "out.csv", id=range(6), prediction=[0, 1, 1, 0, 1, 1])
    (report,) = quality_of_file(table(tmp_path / "t.csv", id=range(6), y=[0, 1, 1, 0, 0, 1]), path)
    assert (report.task, figures(report)["accuracy"]) == (Task.CLASSIFICATION, 5 / 6)


def test_rows_without_a_truth_do_not_count(tmp_path: Path) -> None:
    path = scored(tmp_path / "out.csv", id=["a", "b", "c"], prediction=[1, 0, 1])
    truth = table(tmp_path / "t.csv", id=["a", "b", "c"], y=[1, None, 1])
    (report,) = quality_of_file(truth, path)
    assert (report.rows, report.unmatched, figures(report)["accuracy"]) == (2, 0, 1)


@pytest.mark.parametrize(
    ("columns", "options", "error", "message"),
    [
        ({"x": [1], "y": [1]}, {}, UsageError, "the columns of both are: none"),
        ({"id": [1], "a": [1], "y": [1]}, {}, UsageError, "which column of .* is the truth: a, y"),
        ({"id": [1], "y": [1]}, {"on": "key"}, UsageError, "there is no column 'key'"),
        ({"key": [1], "y": [1]}, {"on": "key"}, UsageError, "The predictions: there is no column"),
        ({"id": [1], "y": [1]}, {"target": "z"}, UsageError, "there is no column 'z'"),
        ({"id": [9], "y": [1]}, {}, InputError, "No row of .* is about a prediction"),
        ({"id": [1, 1], "y": [1, 0]}, {}, InputError, "more than once what was true for id 1"),
    ],
)
def test_what_is_not_clear_is_asked_for(
    tmp_path: Path, columns: Any, options: Any, error: type[Exception], message: str
) -> None:
    path = scored(tmp_path / "out.csv", id=[1, 2], prediction=[1, 0])
    table(tmp_path / "t.csv", **columns)
    with pytest.raises(error, match=message):
        quality_of_file(Truth(tmp_path / "t.csv", **options), path)


def test_a_file_without_predictions_is_named(tmp_path: Path) -> None:
    path = scored(tmp_path / "in.csv", id=[1])
    with pytest.raises(InputError, match="no column 'prediction'; it has id"):
        quality_of_file(table(tmp_path / "t.csv", id=[1], y=[1]), path)
