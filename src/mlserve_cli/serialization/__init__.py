"""Artifacts on disk: formats, trust, manifest, model repository, save and load."""
