"""`POST /feedback`: what was true, by the ids of the requests that asked for predictions."""

import asyncio
import logging
import sqlite3
from typing import TYPE_CHECKING, Annotated, Any

import msgspec

from mlserve_cli.errors import ModelNotFoundError
from mlserve_cli.monitoring.feedback.labels import Feedback, Taken, take_labels
from mlserve_cli.serving import quality_families as families
from mlserve_cli.serving.exchange import Reply, decode_json
from mlserve_cli.serving.refusals import OverloadedError, TooLargeError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from mlserve_cli.serving.admin import Asked
    from mlserve_cli.serving.gateway import Gateway

FEEDBACK_PATH = "/feedback"
MOST_LABELS = 10_000
_MOST_BYTES = 4 << 20
_LOGGER = logging.getLogger("mlserve")
_DECODER = msgspec.json.Decoder(
    Feedback | Annotated[list[Feedback], msgspec.Meta(min_length=1, max_length=MOST_LABELS)]
)
# A prediction is known a moment after it was answered: its worker writes twice a second.
_LOOK_AGAIN_SECONDS = (0.6, 1.2)
# Requests that wait for their turn, or for what they are about.
_MOST_WAITING = 64
# Ids that an answer lists.
_SHOWN_UNKNOWN = 100
_HINT = (
    "Name the request when you ask for the prediction, in its header field X-Request-Id, and give "
    "that name here. Rows beyond --record-rate are not recorded."
)


def feedback_answer(gateway: "Gateway") -> "Callable[[Asked], Awaitable[Reply]]":
    """Gives what answers at `FEEDBACK_PATH`."""
    records = gateway.options.records
    if records is not None and records.rows_per_second > 0:
        return _Feedback(gateway, records.folder).answer

    async def answer(_: "Asked") -> Reply:
        raise ModelNotFoundError(
            "This server records no predictions, so it takes no labels for them.",
            hint="Start it with --records DIR, and a --record-rate above 0.",
        )

    return answer


class _Feedback:
    """Takes labels.

    Args:
        gateway: Counts them.
        folder: Of the records.
    """

    def __init__(self, gateway: "Gateway", folder: "Path") -> None:
        self._folder = folder
        self._turns = asyncio.Semaphore(1)
        self._waiting = 0
        self._has_failed = False
        self._counters = {
            outcome: gateway.metrics.counter(families.FEEDBACK, outcome)
            for outcome in ("new", "replaced", "unknown")
        }

    async def answer(self, asked: "Asked") -> Reply:
        """Answers a request."""
        labels = _labels(asked.body)
        if self._waiting >= _MOST_WAITING:
            raise OverloadedError("Too many labels come at once.")
        self._waiting += 1
        try:
            found = await self._take(labels)
        finally:
            self._waiting -= 1
        self._counters["new"].add(found.taken - found.replaced)
        self._counters["replaced"].add(found.replaced)
        self._counters["unknown"].add(len(found.unknown))
        return _reply(labels, found)

    async def _take(self, labels: "Sequence[Feedback]") -> Taken:
        found = await self._keep(labels)
        for seconds in _LOOK_AGAIN_SECONDS:
            if not found.unknown:
                break
            await asyncio.sleep(seconds)
            again = await self._keep([labels[place] for place in found.unknown])
            unknown = tuple(found.unknown[place] for place in again.unknown)
            found = Taken(found.taken + again.taken, found.replaced + again.replaced, unknown)
        return found

    async def _keep(self, labels: "Sequence[Feedback]") -> Taken:
        try:
            # One at a time, so that others find a thread.
            async with self._turns:
                taken = await asyncio.to_thread(take_labels, self._folder, labels)
        except (OSError, sqlite3.Error, msgspec.DecodeError) as error:
            if not self._has_failed:
                _LOGGER.warning("Labels are not kept in %s: %s", self._folder, error)
            self._has_failed = True
            raise OverloadedError("Labels cannot be kept now.", retry_after_seconds=5) from error
        self._has_failed = False
        return taken


def _labels(body: bytes) -> list[Feedback]:
    # Nothing is decoded of what would take the server's time and memory.
    if len(body) > _MOST_BYTES:
        raise TooLargeError(
            f"The body is larger than {_MOST_BYTES} bytes, the most that labels take.",
            hint=f"Send at most {MOST_LABELS} labels at a time.",
        )
    sent: Feedback | list[Feedback] = decode_json(body, _DECODER)
    return sent if isinstance(sent, list) else [sent]


def _reply(labels: "Sequence[Feedback]", found: Taken) -> Reply:
    unknown = [labels[place] for place in found.unknown]
    content: dict[str, Any] = {
        "taken": found.taken,
        "replaced": found.replaced,
        "unknown": len(unknown),
    }
    if unknown:
        shown = unknown[:_SHOWN_UNKNOWN]
        content["unknown_ids"] = [
            {"request_id": label.request_id, "row": label.row or 1} for label in shown
        ]
        content["hint"] = _HINT
    if not found.taken:
        error = f"No prediction is known by {_shown(unknown[0])}"
        more = "" if len(unknown) == 1 else f", nor by the {len(unknown) - 1} others"
        return Reply(msgspec.json.encode({"error": f"{error}{more}.", **content}), 404)
    return Reply(msgspec.json.encode(content))


def _shown(label: Feedback) -> str:
    """What a label says about which prediction it means."""
    row = "" if label.row is None else f", row {label.row}"
    model = "" if label.model is None else f", of model {label.model!r}"
    return f"the request id {label.request_id!r}{row}{model}"
