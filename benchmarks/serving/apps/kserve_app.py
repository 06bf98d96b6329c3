"""KServe's Python SDK, protocol V1."""

import logging
import sys

import joblib
import kserve
import numpy as np

# A line per request would be measured with it.
logging.disable(logging.INFO)


class Classifier(kserve.Model):
    """Probabilities for rows of numbers."""

    def load(self):
        """Loads the model."""
        self.model = joblib.load("model.joblib")
        self.ready = True

    def predict(self, payload, headers=None):  # noqa: ARG002
        """Probabilities, shape `(rows, classes)`."""
        rows = np.array(payload["instances"])
        return {"predictions": self.model.predict_proba(rows).tolist()}


if __name__ == "__main__":
    model = Classifier("model")
    model.load()
    server = kserve.ModelServer(
        http_port=int(sys.argv[1]), workers=1, enable_grpc=False, enable_latency_logging=False
    )
    server.start([model])
