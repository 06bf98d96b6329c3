"""Ensembles of small trees, scored without ONNX Runtime where there are many rows."""
