"""When rows are scored: requests of one event-loop turn together, with no timer.

A model that answers fast is called on the event loop itself. One whose call is long is called in a
thread of its own, so that other models and health checks stay live; what arrives meanwhile goes in
its next call.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlserve_cli.errors import EngineError, MlserveError
from mlserve_cli.serving.refusals import DeadlineError, OverloadedError
from mlserve_cli.serving.scoring import Scored, Wanted, score

if TYPE_CHECKING:
    from mlserve_cli.serving.exchange import Call, Reply
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.rows import Rows

_LOGGER = logging.getLogger("mlserve")
# A call longer than this leaves the event loop: handing it over costs about a tenth of it.
_LONG_CALL_SECONDS = 0.002
# Weight of a new measurement in the running mean of a call's duration. A busy machine makes calls
# seem longer, never shorter: less is believed sooner than more.
_LONGER, _SHORTER = 0.05, 0.5
# Rows of the larger of the two calls that are measured at load.
_CALIBRATION_ROWS = 64

Done = Callable[["Reply | MlserveError"], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is scored and what waits.

    Attributes:
        max_batch_rows: Rows in one call of a model.
        max_queue_rows: Rows that wait for one model; more are refused.
        timeout_seconds: After which a waiting request is given up.
    """

    max_batch_rows: int = 4096
    max_queue_rows: int = 65_536
    timeout_seconds: float = 30.0


class _Waiting:
    """A call and the one who waits for it."""

    __slots__ = ("answered", "call", "deadline", "done", "key")

    def __init__(self, call: "Call", done: Done, deadline: float) -> None:
        self.call = call
        self.done = done
        self.deadline = deadline
        self.answered = False
        self.key: tuple[Wanted, str] = (call.wanted, call.rows.kinds)

    def finish(self, outcome: "Reply | MlserveError") -> None:
        if not self.answered:
            self.answered = True
            self.done(outcome)


_Outcomes = list[tuple[_Waiting, "Scored | MlserveError", int]]


class ModelQueue:
    """Requests that wait for one model.

    Args:
        model: The model.
        limits: Bounds on calls and waiting.
        on_batch: Told of every call of the model: its requests, rows and seconds.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        model: "LoadedModel",
        limits: Limits,
        on_batch: Callable[["LoadedModel", int, int, float], None],
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.model = model
        self.call_seconds = 0.0
        self.row_seconds = 0.0
        self._limits = limits
        self._on_batch = on_batch
        self._clock = clock
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._flush_planned = False
        self._in_flight: list[_Waiting] = []
        self._worker: ThreadPoolExecutor | None = None
        self._expiry: asyncio.TimerHandle | None = None
        # Requests, rows and seconds of calls that `on_batch` has not been told of.
        self._calls: list[tuple[int, int, float]] = []

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits."""
        return not self._waiting and not self._in_flight

    def submit(self, call: "Call", done: Done) -> None:
        """Queues a call; `done` is given its outcome, on the event loop.

        Raises:
            OverloadedError: The queue is full.
        """
        rows = call.rows.count
        if self._rows + rows > self._limits.max_queue_rows and self._waiting:
            raise OverloadedError(
                f"{self._rows} rows wait for model '{self.model.name}' already; the queue is full."
            )
        self._waiting.append(_Waiting(call, done, self._clock() + self._limits.timeout_seconds))
        self._rows += rows
        if not self._flush_planned and not self._in_flight:
            self._flush_planned = True
            asyncio.get_running_loop().call_soon(self._flush)

    def close(self) -> None:
        """Lets the thread go."""
        if self._worker is not None:
            self._worker.shutdown(wait=False, cancel_futures=True)
            self._worker = None

    def calibrate(self) -> None:
        """Measures calls of one and of many rows; each twice, since the first one warms up."""
        row = self.model.reader.from_records([dict(self.model.example)])
        self.call_seconds = self._measured([row])
        many = self._measured([row] * _CALIBRATION_ROWS)
        self.row_seconds = max(0.0, many - self.call_seconds) / _CALIBRATION_ROWS

    def _measured(self, rows: "list[Rows]") -> float:
        seconds = []
        for _ in range(2):
            started = self._clock()
            score(self.model, rows, self.model.wanted, self._limits.max_batch_rows)
            seconds.append(self._clock() - started)
        return min(seconds)

    def _flush(self) -> None:
        self._flush_planned = False
        while self._waiting and not self._in_flight:
            batch = self._take()
            if self._seconds_expected(batch) > _LONG_CALL_SECONDS:
                self._in_flight = batch
                self._hand_over(batch)
                return
            self._deliver(self._score(batch))

    def _take(self) -> list[_Waiting]:
        """The oldest calls that go together, at most as many rows as one call takes."""
        first = self._waiting.popleft()
        batch, rows = [first], first.call.rows.count
        passed: list[_Waiting] = []
        while self._waiting:
            waiting = self._waiting.popleft()
            count = waiting.call.rows.count
            if waiting.key != first.key:
                passed.append(waiting)
            elif rows + count > self._limits.max_batch_rows:
                passed.append(waiting)
                break
            else:
                batch.append(waiting)
                rows += count
        self._waiting.extendleft(reversed(passed))
        self._rows -= rows
        return batch

    def _seconds_expected(self, batch: list[_Waiting]) -> float:
        rows = sum(waiting.call.rows.count for waiting in batch)
        return self.call_seconds + rows * self.row_seconds

    def _hand_over(self, batch: list[_Waiting]) -> None:
        loop = asyncio.get_running_loop()
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, f"model-{self.model.name}")
        if self._expiry is None:
            self._expiry = loop.call_later(self._limits.timeout_seconds, self._expire)

        def run() -> None:
            outcomes = self._score(batch)
            loop.call_soon_threadsafe(self._return, outcomes)

        self._worker.submit(run)

    def _return(self, outcomes: _Outcomes) -> None:
        self._in_flight = []
        # The next call starts before the answers of this one are written.
        self._flush()
        self._deliver(outcomes)

    def _expire(self) -> None:
        """Answers those who have waited too long; their rows are scored all the same."""
        now = self._clock()
        self._expiry = None
        left = [w for w in (*self._in_flight, *self._waiting) if not w.answered]
        for waiting in [w for w in left if w.deadline <= now]:
            waiting.finish(
                DeadlineError(f"No answer within {self._limits.timeout_seconds:g} seconds.")
            )
        expired = [w for w in self._waiting if w.answered]
        self._rows -= sum(w.call.rows.count for w in expired)
        self._waiting = deque(w for w in self._waiting if not w.answered)
        pending = [w.deadline for w in left if not w.answered]
        if pending:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(max(min(pending) - now, 0.001), self._expire)

    def _score(self, batch: list[_Waiting]) -> _Outcomes:
        """Scores requests in one call; if it fails, one by one, so that only the guilty fail."""
        started = self._clock()
        parts = [waiting.call.rows for waiting in batch]
        try:
            scored = score(self.model, parts, batch[0].call.wanted, self._limits.max_batch_rows)
        except MlserveError as error:
            return self._score_apart(batch, error)
        # Everybody who waits must be answered, whatever was wrong.
        except Exception:
            _LOGGER.exception("unexpected error while scoring")
            return self._score_apart(batch, EngineError("The model failed while scoring."))
        outcomes: _Outcomes = []
        rows = 0
        for waiting in batch:
            outcomes.append((waiting, scored, rows))
            rows += waiting.call.rows.count
        seconds = self._clock() - started
        self._learn(seconds, rows)
        self._calls.append((len(batch), rows, seconds))
        return outcomes

    def _score_apart(self, batch: list[_Waiting], error: MlserveError) -> _Outcomes:
        if len(batch) == 1:
            return [(batch[0], error, 0)]
        return [outcome for waiting in batch for outcome in self._score([waiting])]

    def _learn(self, seconds: float, rows: int) -> None:
        if rows <= 2:
            self.call_seconds = _mean(self.call_seconds, seconds)
        else:
            found = max(0.0, seconds - self.call_seconds) / rows
            self.row_seconds = _mean(self.row_seconds, found)

    def _deliver(self, outcomes: _Outcomes) -> None:
        calls, self._calls = self._calls, []
        for requests, rows, seconds in calls:
            self._on_batch(self.model, requests, rows, seconds)
        for waiting, outcome, start in outcomes:
            if isinstance(outcome, MlserveError):
                waiting.finish(outcome)
                continue
            if not waiting.answered:
                waiting.answered = True
                waiting.done(_written(waiting.call, outcome, start))


def _written(call: "Call", scored: Scored, start: int) -> "Reply | MlserveError":
    try:
        return call.answer(scored, start, start + call.rows.count)
    # What a model predicts may be anything; the others of the micro-batch must be answered too.
    except Exception:
        _LOGGER.exception("a prediction cannot be written")
        return EngineError("The prediction cannot be written in the form that was asked for.")


def _mean(before: float, now: float) -> float:
    return before + (_LONGER if now > before else _SHORTER) * (now - before)


class Scheduler:
    """One queue per loaded model.

    Args:
        limits: Bounds on calls and waiting.
        on_batch: See `ModelQueue`.
    """

    def __init__(
        self,
        limits: Limits | None = None,
        on_batch: Callable[["LoadedModel", int, int, float], None] = lambda *_: None,
    ) -> None:
        self.limits = limits or Limits()
        self._on_batch = on_batch
        self._queues: dict[int, ModelQueue] = {}

    def queue(self, model: "LoadedModel") -> ModelQueue:
        """The queue of a model."""
        found = self._queues.get(id(model))
        if found is None:
            found = self._queues[id(model)] = ModelQueue(model, self.limits, self._on_batch)
        return found

    def submit(self, call: "Call", done: Done) -> None:
        """See `ModelQueue.submit`."""
        self.queue(call.model).submit(call, done)

    async def answer(self, call: "Call") -> "Reply":
        """The reply to a call.

        Raises:
            MlserveError: It could not be scored.
        """
        future: asyncio.Future[Reply | MlserveError] = asyncio.get_running_loop().create_future()

        def done(outcome: "Reply | MlserveError") -> None:
            if not future.done():
                future.set_result(outcome)

        self.submit(call, done)
        outcome = await future
        if isinstance(outcome, MlserveError):
            raise outcome
        return outcome

    def keep_only(self, models: Iterable["LoadedModel"]) -> None:
        """Drops the queues of models that are no longer served, once nobody waits in them."""
        kept = {id(model) for model in models}
        for key, queue in list(self._queues.items()):
            if key not in kept and queue.is_idle:
                queue.close()
                del self._queues[key]

    def close(self) -> None:
        """Lets all threads go."""
        for queue in self._queues.values():
            queue.close()
