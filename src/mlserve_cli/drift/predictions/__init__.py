"""Columns that hold predictions: how good they are, and which class each probability is of."""
