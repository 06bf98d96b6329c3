"""Labels and probabilities from one call, where scikit-learn's own labels are the likeliest."""

from typing import Any

import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import BaggingClassifier, ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier, ExtraTreeClassifier

from mlserve_cli.inference.describe import describe_estimator
from mlserve_cli.inference.estimator import EstimatorPredictor

_RANDOM = np.random.default_rng(3)
# Few different values and many contradictions, so that classes tie.
_X = _RANDOM.integers(0, 3, (300, 3)).astype(float)
_Y = np.array(["no", "perhaps", "yes"])[_RANDOM.integers(0, 3, 300)]


@pytest.mark.parametrize(
    "estimator",
    [
        RandomForestClassifier(4, random_state=0),
        ExtraTreesClassifier(4, random_state=0),
        DecisionTreeClassifier(max_depth=2, random_state=0),
        ExtraTreeClassifier(max_depth=2, random_state=0),
        BaggingClassifier(n_estimators=4, random_state=0),
        CalibratedClassifierCV(GaussianNB(), cv=2),
        make_pipeline(StandardScaler(), RandomForestClassifier(2, random_state=0)),
        make_pipeline(StandardScaler(), LogisticRegression()),
        GaussianNB(),
    ],
    ids=lambda estimator: type(estimator).__name__,
)
def test_labels_are_those_that_the_estimator_predicts(estimator: Any) -> None:
    estimator.fit(_X, _Y)
    predictor = EstimatorPredictor(estimator, describe_estimator(estimator))
    found = predictor.predict(_X, probabilities=True)
    assert found.labels.tolist() == estimator.predict(_X).tolist()
    assert found.labels.dtype == estimator.predict(_X).dtype
    assert found.probabilities is not None
    assert np.array_equal(found.probabilities, estimator.predict_proba(_X))


def test_a_forest_runs_once(monkeypatch: pytest.MonkeyPatch) -> None:
    forest = RandomForestClassifier(4, random_state=0).fit(_X, _Y)
    predictor = EstimatorPredictor(forest, describe_estimator(forest))
    calls: list[int] = []
    scored = forest.predict_proba

    def counted(rows: Any) -> Any:
        calls.append(len(rows))
        return scored(rows)

    monkeypatch.setattr(forest, "predict_proba", counted)
    predictor.predict(_X, probabilities=True)
    assert len(calls) == 1
