"""The address that `mlserve metrics` asks at: what a server did, exactly and minute by minute."""

import asyncio
import time
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.errors import InputError, ModelNotFoundError
from mlserve_cli.monitoring.history import Minute, Subject, Traffic, read_history
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
    """

    started: float
    until: float
    totals: list[tuple[Subject, Traffic]]
    minutes: list[Minute]


def history_answer(gateway: "Gateway") -> "Callable[[Asked], Awaitable[Reply]]":
    """Gives what answers at `HISTORY_PATH`: JSON of a `TrafficReport`."""
    started = time.time()

    def report(seconds: int) -> bytes:
        recording, now = gateway.recording, time.time()
        minutes: list[Minute] = []
        if recording is not None:
            try:
                minutes = read_history(recording.options.folder, now - seconds)
            except InputError:
                # The totals are known all the same.
                minutes = []
        totals = list(traffic_of(gateway.metrics).items())
        return msgspec.json.encode(TrafficReport(started, now, totals, minutes))

    async def answer(asked: "Asked") -> Reply:
        seconds = asked.path["seconds"]
        if not (seconds.isascii() and seconds.isdigit() and int(seconds[:9]) <= _MOST_SECONDS):
            raise ModelNotFoundError(
                f"There is nothing at this address; expected at most {_MOST_SECONDS} seconds."
            )
        return Reply(await asyncio.to_thread(report, int(seconds)), headers=_FRESH)

    return answer
