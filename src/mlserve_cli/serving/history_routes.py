"""The address that `mlserve metrics` asks at: what a server did, exactly and minute by minute."""

import asyncio
import contextlib
import time
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.errors import InputError, ModelNotFoundError
from mlserve_cli.monitoring.drift_state import DriftState
from mlserve_cli.monitoring.feedback.realised import RealisedQuality, realised_quality
from mlserve_cli.monitoring.history import read_history
from mlserve_cli.monitoring.traffic import Minute, Subject, Traffic
from mlserve_cli.serving.exchange import Reply
from mlserve_cli.serving.traffic import traffic_of

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from mlserve_cli.serving.admin import Asked
    from mlserve_cli.serving.gateway import Gateway

HISTORY_PATH = "/metrics/history/{seconds}"
# A day's minutes of a busy server are some hundred kilobytes.
_MOST_SECONDS = 7 * 86_400
_FRESH = ((b"cache-control", b"no-store"),)


class TrafficReport(msgspec.Struct, frozen=True):
    """What a server did.

    Attributes:
        started: When it began, in seconds since 1970.
        until: When it was asked.
        totals: All that each version of each model did.
        minutes: What they did minute by minute; empty where no history is kept.
        drift: What is known of the drift of its models.
        quality: How good the latest predictions with a label were.
    """

    started: float
    until: float
    totals: list[tuple[Subject, Traffic]]
    minutes: list[Minute]
    drift: list[DriftState] = []
    quality: list[RealisedQuality] = []


def history_answer(gateway: "Gateway") -> "Callable[[Asked], Awaitable[Reply]]":
    """Gives what answers at `HISTORY_PATH`: JSON of a `TrafficReport`."""
    started = time.time()

    def report(seconds: int) -> bytes:
        recording, now = gateway.recording, time.time()
        minutes: list[Minute] = []
        quality: list[RealisedQuality] = []
        if recording is not None:
            folder = recording.options.folder
            # The totals are known all the same.
            with contextlib.suppress(InputError):
                minutes = read_history(folder, now - seconds)
            with contextlib.suppress(InputError):
                quality = realised_quality(folder)
        totals = list(traffic_of(gateway.metrics).items())
        drift = gateway.drift.states() if gateway.drift is not None else []
        served = {(model.name, str(model.version)) for model in gateway.service.models()}
        quality = [found for found in quality if (found.model, found.version) in served]
        return msgspec.json.encode(TrafficReport(started, now, totals, minutes, drift, quality))

    async def answer(asked: "Asked") -> Reply:
        seconds = asked.path["seconds"]
        if not (seconds.isascii() and seconds.isdigit() and int(seconds[:9]) <= _MOST_SECONDS):
            raise ModelNotFoundError(
                f"There is nothing at this address; expected at most {_MOST_SECONDS} seconds."
            )
        return Reply(await asyncio.to_thread(report, int(seconds)), headers=_FRESH)

    return answer
