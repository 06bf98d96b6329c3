"""When rows are scored: requests of one event-loop turn together, with no timer."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from mlserve_cli.errors import MlserveError
from mlserve_cli.serving.model_queue import ModelQueue
from mlserve_cli.serving.waiting import Limits, OnBatch, OnScored

if TYPE_CHECKING:
    from mlserve_cli.serving.arrivals import Arrival
    from mlserve_cli.serving.drift_tap import Tap
    from mlserve_cli.serving.exchange import Call, Reply
    from mlserve_cli.serving.model import LoadedModel

__all__ = ["Limits", "Scheduler"]


class Scheduler:
    """One queue per loaded model.

    Args:
        limits: Bounds on calls and waiting.
        on_batch: See `ModelQueue`.
        clock: Gives the time in seconds.
        on_scored: See `ModelQueue`.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        on_batch: OnBatch = lambda *_: None,
        clock: Callable[[], float] = time.perf_counter,
        on_scored: OnScored = lambda *_: None,
    ) -> None:
        self.limits = limits or Limits()
        self._on_batch = on_batch
        self._on_scored = on_scored
        self._clock = clock
        self._queues: dict[LoadedModel, ModelQueue] = {}
        # Where to leave what a model has scored, for the watch of drift.
        self.tap_of: Callable[[LoadedModel], Tap | None] = lambda _: None

    def queue(self, model: "LoadedModel") -> ModelQueue:
        """The queue of a model."""
        found = self._queues.get(model)
        if found is None:
            found = ModelQueue(model, self.limits, self._on_batch, self._clock, self._on_scored)
            found.tap = self.tap_of(model)
            self._queues[model] = found
        return found

    def queues(self) -> list[ModelQueue]:
        """The queues of all models that were asked so far."""
        return list(self._queues.values())

    async def answer(self, call: "Call", arrival: "Arrival | None" = None) -> "Reply":
        """The reply to a call; where the caller is cancelled, it is not scored for nothing.

        Args:
            call: The call.
            arrival: What it is called.

        Raises:
            MlserveError: It could not be scored.
        """
        future: asyncio.Future[Reply | MlserveError] = asyncio.get_running_loop().create_future()

        def done(outcome: "Reply | MlserveError") -> None:
            if not future.done():
                future.set_result(outcome)

        queue = self.queue(call.model)
        waiting = queue.submit(call, done, self._clock(), arrival)
        try:
            outcome = await future
        except asyncio.CancelledError:
            queue.give_up(waiting)
            raise
        if isinstance(outcome, MlserveError):
            raise outcome
        return outcome

    def keep_only(self, models: Iterable["LoadedModel"]) -> None:
        """Drops the queues of models that are no longer served, once nobody waits in them."""
        kept = set(models)
        for model, queue in list(self._queues.items()):
            if model not in kept and queue.is_idle:
                queue.close()
                del self._queues[model]

    def close(self) -> bool:
        """Lets all threads go.

        Returns:
            Whether some of them still score what was given up.
        """
        is_busy = any(not queue.is_idle for queue in self._queues.values())
        for queue in self._queues.values():
            queue.close()
        return is_busy
