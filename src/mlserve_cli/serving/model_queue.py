"""Requests that wait for one model, and when they are scored.

A model that answers fast is called on the event loop itself. One whose call is long is called in a
thread of its own, so that other models and health checks stay live; what arrives meanwhile goes in
its next call.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from mlserve_cli.errors import EngineError, MlserveError
from mlserve_cli.serving.gathering import Gathering
from mlserve_cli.serving.refusals import OverloadedError
from mlserve_cli.serving.replies import replies_to, with_replies
from mlserve_cli.serving.rows import Rows
from mlserve_cli.serving.scoring import Scored, Wanted, score, score_batch
from mlserve_cli.serving.waiting import (
    MANY_ROWS,
    Batch,
    Done,
    Limits,
    OnBatch,
    OnScored,
    Outcome,
    Waiting,
)

if TYPE_CHECKING:
    from mlserve_cli.serving.arrivals import Arrival
    from mlserve_cli.serving.drift_tap import Tap
    from mlserve_cli.serving.exchange import Call
    from mlserve_cli.serving.model import LoadedModel

_LOGGER = logging.getLogger("mlserve")
# A call longer than this leaves the event loop: handing it over costs about a tenth of it.
_LONG_CALL_SECONDS = 0.002
# Weight of a new measurement in the running mean of a call's duration. A busy machine makes calls
# seem longer, never shorter: less is believed sooner than more.
_LONGER, _SHORTER = 0.05, 0.5
# Rows of the larger of the two calls that are measured at load.
_CALIBRATION_ROWS = 64


class ModelQueue:
    """Requests that wait for one model.

    Args:
        model: The model.
        limits: Bounds on calls and waiting.
        on_batch: Told of every call of the model: its requests, rows and seconds, and for how many
            seconds the oldest request had waited.
        clock: Gives the time in seconds.
        on_scored: Told what the model said, before it is answered; not of `score_now`.
    """

    def __init__(
        self,
        model: "LoadedModel",
        limits: Limits,
        on_batch: OnBatch,
        clock: Callable[[], float] = time.perf_counter,
        on_scored: OnScored = lambda *_: None,
    ) -> None:
        self.model = model
        self.call_seconds = 0.0
        self.row_seconds = 0.0
        # Watches for drift; given every micro-batch once it is answered.
        self.tap: Tap | None = None
        self._limits = limits
        self._on_batch = on_batch
        self._on_scored = on_scored
        self._clock = clock
        self._waiting: deque[Waiting] = deque()
        self._rows = 0
        # What the first of them asks for, and whether others ask for something else.
        self._wanted: Wanted | None = None
        self._kinds = ""
        self._is_mixed = False
        self._flush_planned = False
        self._gathering = Gathering(clock)
        self._in_flight: list[Waiting] = []
        self._worker: ThreadPoolExecutor | None = None
        self._expiry: asyncio.TimerHandle | None = None
        # What `on_batch` has not been told yet.
        self._calls: list[tuple[int, int, float, float]] = []

    @property
    def is_idle(self) -> bool:
        """Whether nobody waits."""
        return not self._waiting and not self._in_flight

    @property
    def requests(self) -> int:
        """How many requests wait for a call."""
        return len(self._waiting)

    @property
    def rows(self) -> int:
        """How many rows they have."""
        return self._rows

    @property
    def in_flight(self) -> int:
        """How many requests wait or are being scored."""
        return len(self._waiting) + len(self._in_flight)

    def submit(
        self, call: "Call", done: Done, since: float, arrival: "Arrival | None" = None
    ) -> Waiting:
        """Queues a call; `done` is given its outcome, on the event loop.

        Args:
            call: The call.
            done: Called once.
            since: When it came, by the same clock.
            arrival: What it is called.

        Returns:
            What `give_up` takes.

        Raises:
            OverloadedError: The queue is full.
        """
        rows = call.rows
        if not self._waiting:
            self._wanted, self._kinds, self._is_mixed = call.wanted, rows.kinds, False
        elif self._rows + rows.count > self._limits.max_queue_rows:
            raise OverloadedError(
                f"{self._rows} rows wait for model '{self.model.name}' already; the queue is full."
            )
        elif call.wanted is not self._wanted or rows.kinds != self._kinds:
            self._is_mixed = True
        waiting = Waiting(call, done, since, arrival)
        self._waiting.append(waiting)
        self._rows += rows.count
        if not self._flush_planned and not self._in_flight:
            self._flush_planned = True
            self._gathering.begin(lambda: self._rows, self._flush)
        return waiting

    def give_up(self, waiting: Waiting) -> None:
        """Nobody waits for this call any more: it is not scored, unless that has begun."""
        waiting.answered = True
        self._drop_answered()

    def score_now(self, numbers: bytes, count: int, since: float) -> Scored | None:
        """What the model says about rows that nobody else's need to be merged with.

        Args:
            numbers: Of requests of one row each, as `Rows.data`.
            count: How many, at least one.
            since: When the first of them came, by the same clock.

        Returns:
            None where others wait, where it would take long, and where the model refuses: `submit`
            them, and those to whom it applies are told.
        """
        if self._is_long(count) or count > self._limits.max_batch_rows or not self.is_idle:
            return None
        model = self.model
        started = self._clock()
        try:
            batch = model.reader.packed((numbers,))
            scored = score_batch(model, batch, count, model.wanted)
        except MlserveError:
            return None
        seconds = self._clock() - started
        self._learn(seconds, count)
        self._on_batch(model, count, count, seconds, started - since)
        if self.tap is not None:
            self.tap([Rows(count, numbers)], count, scored)
        return scored

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
            if self._is_long(batch.rows):
                self._in_flight = batch.waiting
                self._hand_over(batch)
                return
            self._deliver(self._score(batch))

    def _is_long(self, rows: int) -> bool:
        seconds = self.call_seconds + rows * self.row_seconds
        return seconds > _LONG_CALL_SECONDS or rows > MANY_ROWS

    def _take(self) -> Batch:
        """The oldest calls that go together, at most as many rows as one call takes."""
        if not self._is_mixed and self._rows <= self._limits.max_batch_rows:
            batch = Batch(list(self._waiting), self._rows)
            self._waiting.clear()
        else:
            batch = self._pick()
        self._rows -= batch.rows
        return batch

    def _pick(self) -> Batch:
        first = self._waiting.popleft()
        key = (first.call.wanted, first.call.rows.kinds)
        batch = Batch([first], first.call.rows.count)
        passed: list[Waiting] = []
        while self._waiting:
            waiting = self._waiting.popleft()
            count = waiting.call.rows.count
            if (waiting.call.wanted, waiting.call.rows.kinds) != key:
                passed.append(waiting)
            elif batch.rows + count > self._limits.max_batch_rows:
                passed.append(waiting)
                break
            else:
                batch.waiting.append(waiting)
                batch.rows += count
        self._waiting.extendleft(reversed(passed))
        return batch

    def _hand_over(self, batch: Batch) -> None:
        loop = asyncio.get_running_loop()
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, f"model-{self.model.name}")
        if self._expiry is None:
            self._expiry = loop.call_later(self._limits.timeout_seconds, self._expire)

        def run() -> None:
            outcomes = [with_replies(outcome) for outcome in self._score(batch)]
            loop.call_soon_threadsafe(self._return, outcomes)

        self._worker.submit(run)

    def _return(self, outcomes: list[Outcome]) -> None:
        self._in_flight = []
        # The next call starts before the answers of this one are written.
        self._flush()
        self._deliver(outcomes)

    def _expire(self) -> None:
        """Answers those who have waited too long; their rows are scored all the same."""
        latest = self._clock() - self._limits.timeout_seconds
        self._expiry = None
        left = [w for w in (*self._in_flight, *self._waiting) if not w.answered]
        for waiting in [w for w in left if w.since <= latest]:
            waiting.finish(self._limits.too_late())
        self._drop_answered()
        pending = [w.since for w in left if not w.answered]
        if pending:
            loop = asyncio.get_running_loop()
            self._expiry = loop.call_later(max(min(pending) - latest, 0.001), self._expire)

    def _drop_answered(self) -> None:
        self._waiting = deque(w for w in self._waiting if not w.answered)
        self._rows = sum(w.call.rows.count for w in self._waiting)

    def _score(self, batch: Batch) -> list[Outcome]:
        """Scores requests in one call; if it fails, one by one, so that only the guilty fail."""
        waiting = batch.waiting
        started = self._clock()
        parts = [one.call.rows for one in waiting]
        wanted = waiting[0].call.wanted
        try:
            scored = score(self.model, parts, wanted, self._limits.max_batch_rows)
        except MlserveError as error:
            return self._score_apart(batch, error)
        # Everybody who waits must be answered, whatever was wrong.
        except Exception:
            _LOGGER.exception("unexpected error while scoring")
            return self._score_apart(batch, EngineError("The model failed while scoring."))
        seconds = self._clock() - started
        self._learn(seconds, batch.rows)
        self._calls.append((len(waiting), batch.rows, seconds, started - waiting[0].since))
        return [Outcome(waiting, scored)]

    def _score_apart(self, batch: Batch, error: MlserveError) -> list[Outcome]:
        if len(batch.waiting) == 1:
            return [Outcome(batch.waiting, error)]
        return [
            outcome
            for waiting in batch.waiting
            for outcome in self._score(Batch([waiting], waiting.call.rows.count))
        ]

    def _learn(self, seconds: float, rows: int) -> None:
        if rows <= 2:
            self.call_seconds = _mean(self.call_seconds, seconds)
        else:
            found = max(0.0, seconds - self.call_seconds) / rows
            self.row_seconds = _mean(self.row_seconds, found)

    def _deliver(self, outcomes: list[Outcome]) -> None:
        calls, self._calls = self._calls, []
        for requests, rows, seconds, waited in calls:
            self._on_batch(self.model, requests, rows, seconds, waited)
        for outcome in outcomes:
            scored = outcome.scored
            if isinstance(scored, MlserveError):
                for waiting in outcome.waiting:
                    waiting.finish(scored)
                continue
            self._on_scored(self.model, outcome.waiting, scored)
            replies = outcome.replies or replies_to(outcome.waiting, scored)
            for waiting, reply in zip(outcome.waiting, replies, strict=True):
                waiting.finish(reply)
            if self.tap is not None:
                parts = [waiting.call.rows for waiting in outcome.waiting]
                self.tap(parts, sum(part.count for part in parts), scored)


def _mean(before: float, now: float) -> float:
    return before + (_LONGER if now > before else _SHORTER) * (now - before)
