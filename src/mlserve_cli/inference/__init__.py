"""Predictors: one interface over an estimator and over ONNX Runtime."""
