"""Ensembles of trees, scored in other ways than ONNX Runtime's where there are many rows."""
