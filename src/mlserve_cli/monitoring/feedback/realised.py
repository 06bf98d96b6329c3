"""How good predictions were whose labels have come."""

import contextlib
import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.feedback.database import (
    FEEDBACK_NAME,
    FORMAT,
    Described,
    decode_described,
    format_of,
    open_to_read,
)
from mlserve_cli.monitoring.judged import Judged, classified, regressed
from mlserve_cli.monitoring.quality_report import SCORES
from mlserve_cli.monitoring.weighted_figures import classification_figures
from mlserve_cli.signature import Task

# The latest labels of a version are judged; with fewer than the least, a drop is chance.
JUDGED_LABELS = 1000
LEAST_LABELS = 100


@dataclass(frozen=True, slots=True)
class RealisedQuality:
    """How good the latest predictions with a label were.

    Attributes:
        model: Name of the model.
        version: Its version.
        labels: How many predictions were judged; at most the latest 1,000.
        last: When the last label came, in seconds since 1970.
        figures: Metrics by name.
        stored: The same metrics when the model was saved, where they are known.
        drops: How far scores (accuracy, balanced accuracy, F1, ROC AUC, R2) are below what is
            stored; empty with fewer than 100 labels, which say little.
    """

    model: str
    version: str
    labels: int
    last: float
    figures: Mapping[str, float]
    stored: Mapping[str, float] = field(default_factory=dict)
    drops: Mapping[str, float] = field(default_factory=dict)


def realised_quality(folder: str | Path) -> list[RealisedQuality]:
    """How good predictions were, for each version of each model that has labels.

    Args:
        folder: Of the records.

    Raises:
        InputError: The labels cannot be read.
    """
    path = Path(folder) / FEEDBACK_NAME
    try:
        database = open_to_read(Path(folder))
        if database is None:
            return []
        with contextlib.closing(database):
            found = format_of(database)
            if found > FORMAT:
                raise InputError(
                    f"{path} has format {found}; this mlserve reads up to {FORMAT}.",
                    hint="Upgrade with: pip install --upgrade mlserve-cli",
                )
            models = database.execute("SELECT * FROM models ORDER BY name, id").fetchall()
            judged = (_quality(database, *model) for model in models)
            return [quality for quality in judged if quality is not None]
    except (sqlite3.Error, ValueError, msgspec.DecodeError) as error:
        raise InputError(f"{path} cannot be read: {error}.") from error


def _quality(
    database: sqlite3.Connection, number: int, name: str, version: str, described: bytes
) -> RealisedQuality | None:
    rows = database.execute(
        "SELECT truth, predicted, probabilities, labelled FROM labelled WHERE model = ? "
        "ORDER BY id DESC LIMIT ?",
        (number, JUDGED_LABELS),
    ).fetchall()
    if not rows:
        return None
    about = decode_described(described)
    figures = _figures(about, rows)
    stored = {key: value for key, value in about.stored.items() if key in figures}
    drops = {key: stored[key] - figures[key] for key in SCORES if key in stored}
    enough = len(rows) >= LEAST_LABELS
    last = max(row[3] for row in rows)
    return RealisedQuality(name, version, len(rows), last, figures, stored, drops if enough else {})


def _figures(about: Described, rows: Iterable[tuple[Any, ...]]) -> dict[str, float]:
    truth, predicted, shares, _ = zip(*rows, strict=True)
    probabilities = None
    if about.classes and all(share and len(share) == 8 * len(about.classes) for share in shares):
        probabilities = np.frombuffer(b"".join(shares)).reshape(len(shares), -1)
    judged = Judged(about.task, truth, predicted, probabilities, about.classes)
    is_regression = about.task is Task.REGRESSION
    figures_of = regressed(judged) if is_regression else classification_figures(classified(judged))
    found = figures_of(np.ones(len(truth)))
    return {name: value for name, value in found.items() if np.isfinite(value)}
