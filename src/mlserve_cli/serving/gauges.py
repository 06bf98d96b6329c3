"""What can be measured of a server at any moment: its models and what waits for them."""

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mlserve_cli.monitoring.registry import Reading
from mlserve_cli.serving import metric_families as families

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.request_log import RequestLog
    from mlserve_cli.serving.scheduling import Scheduler
    from mlserve_cli.serving.service import PredictionService


def model_gauges(service: "PredictionService") -> Iterator[Reading]:
    """Which models are served, how long they took to load, and how old they are."""
    for model in service.models():
        labels = _labels(model)
        yield Reading(families.MODEL_INFO, (*labels, str(model.predictor.engine)), 1.0)
        yield Reading(families.MODEL_LOADED, labels, model.loaded)
        yield Reading(families.MODEL_LOAD_SECONDS, labels, model.load_seconds)
        if model.created is not None:
            yield Reading(families.MODEL_CREATED, labels, model.created)


def queue_gauges(scheduler: "Scheduler") -> Iterator[Reading]:
    """What waits for each model. A version that was loaded twice counts as one."""
    requests: Counter[tuple[str, str]] = Counter()
    rows: Counter[tuple[str, str]] = Counter()
    in_flight: Counter[tuple[str, str]] = Counter()
    for queue in scheduler.queues():
        labels = _labels(queue.model)
        requests[labels] += queue.requests
        rows[labels] += queue.rows
        in_flight[labels] += queue.in_flight
    for family, found in (
        (families.QUEUE_REQUESTS, requests),
        (families.QUEUE_ROWS, rows),
        (families.IN_FLIGHT, in_flight),
    ):
        for labels, value in found.items():
            yield Reading(family, labels, value)


def log_readings(log: "RequestLog") -> Iterator[Reading]:
    """How many lines nobody read fast enough."""
    if log.writer is not None:
        yield Reading(families.DROPPED_LINES, (), log.writer.dropped)


def _labels(model: "LoadedModel") -> tuple[str, str]:
    return (model.name, str(model.version))
