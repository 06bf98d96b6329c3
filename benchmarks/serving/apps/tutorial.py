"""FastAPI as tutorials write it: typed models in and out, the estimator inside `async def`."""

import joblib
from fastapi import FastAPI
from pydantic import BaseModel

app = FastAPI()
model = joblib.load("model.joblib")


class Request(BaseModel):
    """One row, or several."""

    features: list[float] | list[list[float]]


class Response(BaseModel):
    """For each row the label and its probability."""

    prediction: int | list[int]
    probability: float | list[float]


@app.post("/predict", response_model=Response)
async def predict(request: Request):
    many = isinstance(request.features[0], list)
    rows = request.features if many else [request.features]
    labels = model.predict(rows)
    probabilities = model.predict_proba(rows).max(axis=1)
    if many:
        return Response(prediction=labels.tolist(), probability=probabilities.tolist())
    return Response(prediction=int(labels[0]), probability=float(probabilities[0]))
