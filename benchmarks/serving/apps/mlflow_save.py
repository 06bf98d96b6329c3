"""Saves `model.joblib` in MLflow's layout; `mlflow models serve` then answers probabilities."""

import joblib
import mlflow.sklearn

# In skops' format, the default, it would refuse the trees of a forest.
mlflow.sklearn.save_model(
    joblib.load("model.joblib"),
    "mlflow",
    serialization_format="cloudpickle",
    pyfunc_predict_fn="predict_proba",
)
