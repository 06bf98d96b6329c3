"""A model that would open files which requests name is not served."""

from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import RandomForestClassifier, VotingClassifier
from sklearn.feature_extraction.text import CountVectorizer, HashingVectorizer, TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from tests.conftest import Mlserve
from tests.serving.conftest import Trained

from mlserve_cli.errors import ArtifactError
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.serving.loading import ModelSource
from mlserve_cli.serving.model import LoadedModel
from mlserve_cli.signature import Column, DType, Layout, Signature, Task

TEXT = Signature(Task.CLASSIFICATION, (Column("text", DType.STRING),), Layout.FRAME)
KINDS = ["cat", "dog", "cat", "dog"]


def inner(vectorizer: Any) -> Pipeline:
    return Pipeline([("words", vectorizer), ("label", LogisticRegression())])


@pytest.fixture
def letters(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{position}.txt" for position in range(4)]
    for path, text in zip(paths, ["miau", "wuff", "miau miau", "wuff wuff"], strict=True):
        path.write_text(text)
    return [str(path) for path in paths]


@pytest.mark.parametrize(
    ("build", "step", "kind"),
    [
        (lambda: inner(CountVectorizer(input="filename")), "words", "CountVectorizer"),
        (lambda: inner(TfidfVectorizer(input="filename")), "words", "TfidfVectorizer"),
        (lambda: inner(HashingVectorizer(input="filename")), "words", "HashingVectorizer"),
        (
            lambda: inner(FeatureUnion([("a", CountVectorizer(input="filename"))])),
            "words.a",
            "CountVectorizer",
        ),
        (
            lambda: VotingClassifier([("v", inner(CountVectorizer(input="filename")))]),
            "words",
            "CountVectorizer",
        ),
        (
            lambda: GridSearchCV(inner(CountVectorizer(input="filename")), {}, cv=2),
            "words",
            "CountVectorizer",
        ),
    ],
)
def test_the_step_that_reads_files_is_named(
    build: Any, step: str, kind: str, letters: list[str]
) -> None:
    predictor = EstimatorPredictor(build().fit(letters, KINDS), TEXT)
    with pytest.raises(ArtifactError) as caught:
        LoadedModel("letters", 1, predictor)
    message = caught.value.message
    assert message.startswith(f"Model 'letters' cannot be served: step '{step}' is a {kind}(input=")
    assert str(caught.value.hint).endswith("and send the texts themselves.")


def test_it_is_found_among_the_columns_and_as_the_model_itself(letters: list[str]) -> None:
    frame = pd.DataFrame({"path": letters, "n": np.arange(4)})
    columns = ColumnTransformer([("t", CountVectorizer(input="filename"), "path")])
    fitted = make_pipeline(columns, LogisticRegression()).fit(frame, KINDS)
    for estimator in (fitted, columns.fit(frame), CountVectorizer(input="file")):
        with pytest.raises(ArtifactError, match="would open the files that requests name"):
            LoadedModel("m", 1, EstimatorPredictor(estimator, TEXT))


def test_models_that_read_texts_or_numbers_are_served(trained: Trained) -> None:
    texts = inner(TfidfVectorizer()).fit(["a cat", "a dog", "the cat", "the dog"], KINDS)
    LoadedModel("m", 1, EstimatorPredictor(texts, TEXT))
    forest = RandomForestClassifier(10).fit(trained.flowers[:60], [0, 1] * 30)
    LoadedModel("m", 1, EstimatorPredictor(forest, trained.load("iris").signature))


def test_the_command_refuses_such_a_file(
    mlserve: Mlserve, letters: list[str], tmp_path: Path
) -> None:
    joblib.dump(inner(CountVectorizer(input="filename")).fit(letters, KINDS), tmp_path / "m.joblib")
    with pytest.raises(ArtifactError):
        ModelSource().load(tmp_path / "m.joblib")
    finished = mlserve("serve", "m.joblib", "--port", "0")
    assert finished.exit_code == 3
    assert "step 'words' is a CountVectorizer(input='filename')" in " ".join(
        finished.stderr.split()
    )
