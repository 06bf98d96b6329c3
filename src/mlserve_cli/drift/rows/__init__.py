"""Whole rows compared: changes of how columns go together."""
