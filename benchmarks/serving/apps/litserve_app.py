"""LitServe: its API process and one process with the model."""

import sys

import joblib
import litserve
import numpy as np


class Classifier(litserve.LitAPI):
    """Probabilities for rows of numbers."""

    def setup(self, device):  # noqa: ARG002
        """Loads the model, in the process that scores."""
        self.model = joblib.load("model.joblib")

    def decode_request(self, request):
        """Rows as an array."""
        return np.array(request["instances"])

    def predict(self, rows):
        """Probabilities, shape `(rows, classes)`."""
        return self.model.predict_proba(rows)

    def encode_response(self, probabilities):
        """As JSON."""
        return {"predictions": probabilities.tolist()}


if __name__ == "__main__":
    server = litserve.LitServer(Classifier(), accelerator="cpu", workers_per_device=1)
    server.run(
        host="127.0.0.1", port=int(sys.argv[1]), generate_client_file=False, log_level="error"
    )
