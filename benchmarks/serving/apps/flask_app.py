"""Flask as tutorials write it."""

import joblib
from flask import Flask, jsonify, request

app = Flask(__name__)
model = joblib.load("model.joblib")


@app.post("/predict")
def predict():
    features = request.get_json()["features"]
    many = isinstance(features[0], list)
    rows = features if many else [features]
    labels = model.predict(rows).tolist()
    probabilities = model.predict_proba(rows).max(axis=1).tolist()
    if many:
        return jsonify(prediction=labels, probability=probabilities)
    return jsonify(prediction=labels[0], probability=probabilities[0])
