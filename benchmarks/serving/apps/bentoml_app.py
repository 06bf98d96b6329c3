"""BentoML: one worker."""

import os

import bentoml
import joblib
import numpy as np


@bentoml.service(workers=1, logging={"access": {"enabled": False}})
class Classifier:
    """Probabilities for rows of numbers."""

    def __init__(self) -> None:
        self.model = joblib.load("model.joblib")

    @bentoml.api(batchable="BATCHING" in os.environ)
    def predict(self, instances: list[list[float]]) -> list[list[float]]:
        """Probabilities, shape `(rows, classes)`."""
        return self.model.predict_proba(np.array(instances)).tolist()
