"""Realised quality while serving: looks for new labels, apart from the requests."""

import logging
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.errors import InputError
from mlserve_cli.monitoring.feedback.database import labels_mark
from mlserve_cli.monitoring.registry import Reading
from mlserve_cli.serving import quality_families as families

if TYPE_CHECKING:
    from mlserve_cli.monitoring.feedback.realised import RealisedQuality
    from mlserve_cli.monitoring.registry import Registry
    from mlserve_cli.serving.model import LoadedModel

_LOGGER = logging.getLogger("mlserve")


class QualityWatch:
    """Measures the quality of the models that are served, whenever labels have come.

    Args:
        folder: Of the records.
        metrics: Of the server.
        models: Gives the models that are served now.
    """

    def __init__(
        self, folder: Path, metrics: "Registry", models: "Callable[[], Iterable[LoadedModel]]"
    ) -> None:
        self._folder = folder
        self._models = models
        self._mark: object = None
        self._found: list[RealisedQuality] = []
        self._has_failed = False
        metrics.collect_from(self.readings, *families.FAMILIES)

    def look(self) -> None:
        """Measures again where a label has come since; for one thread."""
        try:
            mark = labels_mark(self._folder)
            if mark != self._mark:
                # With the first label only: what it imports takes some megabytes.
                from mlserve_cli.monitoring.feedback.realised import realised_quality

                self._found = realised_quality(self._folder)
                self._mark = mark
        except (InputError, OSError, sqlite3.Error) as error:
            if not self._has_failed:
                _LOGGER.warning("The quality of predictions is not measured: %s", error)
            self._has_failed = True
        else:
            self._has_failed = False

    def readings(self) -> Iterator[Reading]:
        """Gauges of the models that are served; any thread may ask."""
        served = {(model.name, str(model.version)) for model in self._models()}
        for quality in self._found:
            labels = (quality.model, quality.version)
            if labels not in served:
                continue
            yield Reading(families.LABELS, labels, quality.labels)
            for family, values in (
                (families.QUALITY, quality.figures),
                (families.STORED, quality.stored),
                (families.DROP, quality.drops),
            ):
                for metric, value in values.items():
                    yield Reading(family, (*labels, metric), value)
