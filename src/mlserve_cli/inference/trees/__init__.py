"""Ensembles of trees, scored in other ways than by ONNX Runtime as it is where there are many rows."""
