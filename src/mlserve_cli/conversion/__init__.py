"""Estimators to ONNX, with proof that both agree."""
