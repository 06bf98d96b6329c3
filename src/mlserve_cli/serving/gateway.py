"""From a request for predictions to its reply; the fast path and the application share it."""

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING

from mlserve_cli.errors import EngineError, MlserveError, ModelNotFoundError
from mlserve_cli.serving.arrivals import Arrival
from mlserve_cli.serving.background import collections_paused
from mlserve_cli.serving.body_room import BodyRoom
from mlserve_cli.serving.dashboard.activity import RecentActivity
from mlserve_cli.serving.exchange import (
    LARGE_BODY_BYTES,
    Call,
    Headers,
    Reply,
    check_count,
    check_values,
    plain_body,
    too_large,
)
from mlserve_cli.serving.gauges import log_readings, model_gauges, queue_gauges
from mlserve_cli.serving.metrics import ServingMetrics
from mlserve_cli.serving.recording import Recording
from mlserve_cli.serving.refusals import DeadlineError
from mlserve_cli.serving.request_log import Outcome, RequestLog
from mlserve_cli.serving.routes import Endpoint, PlatformPaths
from mlserve_cli.serving.scheduling import Limits, Scheduler
from mlserve_cli.serving.security import OPEN_PATHS, ApiKeys

if TYPE_CHECKING:
    from mlserve_cli.serving.drift_watch import DriftWatch
    from mlserve_cli.serving.fleet import Fleet
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.recording import RecordOptions
    from mlserve_cli.serving.service import ModelState, PredictionService

_LOGGER = logging.getLogger("mlserve")
# Bytes of a request's body, also after its encoding was undone.
DEFAULT_MAX_BODY_BYTES = 32 << 20
# How long one worker waits for the others to load what it has loaded, and how often it looks.
_FOLLOW_SECONDS = 60
_FOLLOW_LOOK_SECONDS = 0.01


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What a server allows.

    Attributes:
        limits: Bounds on what is scored and what waits.
        max_body_bytes: Of one request, also after its encoding was undone.
        keys: API keys.
        paths: Addresses that a platform asks at.
        log: Where requests are written down.
        records: What is kept of predictions; None for nothing.
    """

    limits: Limits = field(default_factory=Limits)
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    keys: ApiKeys = field(default_factory=ApiKeys)
    paths: PlatformPaths = field(default_factory=PlatformPaths)
    log: RequestLog = field(default_factory=RequestLog)
    records: "RecordOptions | None" = None

    @property
    def open_paths(self) -> frozenset[str]:
        """Addresses that need no key."""
        return OPEN_PATHS | {self.paths.health} if self.paths.health else OPEN_PATHS


class Gateway:
    """Reads requests, has them scored, and counts the replies.

    Args:
        service: The models.
        options: What the server allows.
        clock: Gives the time in seconds.
    """

    def __init__(
        self,
        service: "PredictionService",
        options: GatewayOptions | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self.service = service
        self.options = options or GatewayOptions()
        self.metrics = ServingMetrics()
        self.clock = clock
        self.recording = self._recording()
        self.scheduler = Scheduler(
            self.options.limits,
            self.metrics.count_batch,
            clock,
            self.recording.note if self.recording else lambda *_: None,
        )
        self.metrics.collect_from(partial(model_gauges, service))
        self.metrics.collect_from(partial(queue_gauges, self.scheduler))
        self.metrics.collect_from(partial(log_readings, self.options.log))
        self.recent = RecentActivity()
        self.metrics.collect_from(self.recent.publish)
        # Where there are several workers.
        self.fleet: Fleet | None = None
        # Where drift is watched.
        self.drift: DriftWatch | None = None
        self.room = BodyRoom(self.options.max_body_bytes)
        self._loading = asyncio.Lock()
        # Reads large bodies, one at a time: of what they take in memory there is one at a time too.
        self._reader = ThreadPoolExecutor(1, "bodies")

    def in_background(self) -> AbstractContextManager[None]:
        """Records what is predicted as long as it is entered, and keeps the history."""
        if self.recording is None:
            return nullcontext()
        is_first = self.fleet is None or self.fleet.place == 0
        return self.recording.in_background(keeps_history=is_first)

    def prepare(self) -> None:
        """Warms up every model and measures how long its calls take."""
        for model in self.service.models():
            self.prepare_model(model)

    def prepare_model(self, model: "LoadedModel") -> None:
        """Warms up a model and measures its calls; an example that was made up may not fit."""
        try:
            self.scheduler.queue(model).calibrate()
        except MlserveError:
            # The model is measured as it is used.
            return

    async def load(self, name: str) -> "LoadedModel":
        """Loads the newest version of a model and lets it take over, while requests go on.

        With several workers it returns when all of them have done so.

        Raises:
            MlserveError: It cannot be loaded; whatever was served before stays.
        """
        model = await self._take_over(name)
        await self._have_followed(name, model.version)
        return model

    async def unload(self, name: str) -> None:
        """Stops to serve a model, in all workers.

        Raises:
            ModelNotFoundError: It is not served.
        """
        self._drop(name)
        await self._have_followed(name, None)

    async def index(self) -> "list[ModelState]":
        """Every model that is served or could be loaded, by name."""
        return await asyncio.to_thread(self.service.index)

    async def catch_up(self) -> None:
        """Does what other workers were asked to do; see `Fleet`."""
        assert self.fleet is not None
        posts, mark = self.fleet.unread()
        for post in posts:
            try:
                if post.version is None:
                    self._drop(post.name)
                elif not self.service.serves_only(post.name, post.version):
                    await self._take_over(post.name, post.version)
            except ModelNotFoundError:
                # It was not there in the first place, or its files are gone since.
                continue
            # Another worker could; this one goes on with what it has.
            except Exception:
                _LOGGER.exception("%s cannot be loaded, though another worker has", post.name)
        self.fleet.follow(mark)

    async def _take_over(self, name: str, version: int | None = None) -> "LoadedModel":
        # One at a time: of two versions, the one that was asked for last stays.
        async with self._loading:
            model = await asyncio.to_thread(self.service.fetch, name, version)
            await asyncio.to_thread(self.prepare_model, model)
            self.service.replace(model)
            self._forget_old_models()
        return model

    def _drop(self, name: str) -> None:
        self.service.remove(name)
        self._forget_old_models()

    def _forget_old_models(self) -> None:
        def forget() -> None:
            self.scheduler.keep_only(self.service.models())
            self.metrics.forget_all_but(self.service.models())

        forget()
        # Somebody may still wait for one of them, but no longer than that.
        asyncio.get_running_loop().call_later(self.options.limits.timeout_seconds, forget)

    async def _have_followed(self, name: str, version: int | None) -> None:
        if self.fleet is None:
            return
        mark = self.fleet.post(name, version)
        deadline = self.clock() + _FOLLOW_SECONDS
        while not self.fleet.all_follow(mark):
            if self.clock() > deadline:
                raise DeadlineError(f"Not every worker has followed in {_FOLLOW_SECONDS} seconds.")
            await asyncio.sleep(_FOLLOW_LOOK_SECONDS)

    def begin(self, endpoint: Endpoint, body: bytes, headers: Headers) -> Call:
        """The call that a request asks for.

        Raises:
            MlserveError: It cannot be read, or asks for what is not there.
        """
        model = self.service.resolve(endpoint.name, endpoint.version)
        if headers and b"content-encoding" in headers:
            body = plain_body(body, headers, self.options.max_body_bytes)
        is_large = len(body) > LARGE_BODY_BYTES
        if is_large:
            check_values(body, headers, self.options.max_body_bytes)
        try:
            call = endpoint.protocol.read(model, body, headers)
        except MemoryError:
            raise too_large(self.options.max_body_bytes) from None
        if is_large:
            check_count(call.rows.count, "rows", self.options.max_body_bytes)
        return call

    @staticmethod
    def is_long_to_read(body: bytes, headers: Headers) -> bool:
        """Whether `begin` may keep the event loop for long; `answer` has it done in a thread."""
        return len(body) > LARGE_BODY_BYTES or b"content-encoding" in headers

    def finish(
        self,
        endpoint: Endpoint,
        call: Call | None,
        outcome: Reply | MlserveError,
        started: float,
        arrival: Arrival | None = None,
    ) -> Reply:
        """The reply to a request, counted, and logged where it must be.

        Args:
            endpoint: Who was asked.
            call: What was asked; None where it could not be read.
            outcome: What became of it.
            started: When the request was complete, by `clock`.
            arrival: Where it came from and what it is called.
        """
        reply = endpoint.protocol.error(outcome) if isinstance(outcome, MlserveError) else outcome
        seconds = self.clock() - started
        protocol = endpoint.protocol.name
        if arrival is None:
            arrival = Arrival()
        sizes = (arrival.size_bytes, len(reply.body))
        model = call.model if call is not None else self.asked_model(endpoint)
        self.metrics.count_request(model, protocol, reply.status, seconds, sizes)
        rows = None if call is None else call.rows.count
        log = self.options.log
        # As `needs_name`, which this is too often called for.
        if reply.status < 400 and not arrival.request_id and not log.logs_all:
            self.recent.note(model, rows, seconds, reply.status)
            return reply
        message = outcome.message if isinstance(outcome, MlserveError) else None
        fate = Outcome(reply.status, seconds, sizes[1], protocol, model, rows, message)
        log.write(arrival, fate)
        reply = log.named(reply, arrival)
        self.recent.note(model, rows, seconds, reply.status, arrival.request_id)
        return reply

    async def answer(
        self, endpoint: Endpoint, body: bytes, headers: Headers, arrival: Arrival | None = None
    ) -> Reply:
        """The reply to a request for predictions; errors are replies too.

        Args:
            endpoint: Who is asked.
            body: The body as it was sent.
            headers: Of `MEANINGFUL_HEADERS` those that the request has.
            arrival: Where it came from and what it is called.
        """
        started = self.clock()
        call: Call | None = None
        outcome: Reply | MlserveError
        arrival = Arrival() if arrival is None else arrival
        arrival.size_bytes = len(body)
        try:
            if self.is_long_to_read(body, headers):
                call = await self._begin_in_thread(endpoint, body, headers, started)
            else:
                call = self.begin(endpoint, body, headers)
            outcome = await self.scheduler.answer(call, arrival)
        except MlserveError as error:
            outcome = error
        # A bug of ours must not show itself to clients.
        except Exception:
            _LOGGER.exception("unexpected error")
            outcome = EngineError("The server failed to answer.")
        return self.finish(endpoint, call, outcome, started, arrival)

    async def _begin_in_thread(
        self, endpoint: Endpoint, body: bytes, headers: Headers, started: float
    ) -> Call:
        def read() -> Call:
            if self.clock() - started > self.options.limits.timeout_seconds:
                raise self.options.limits.too_late()
            with collections_paused():
                return self.begin(endpoint, body, headers)

        return await asyncio.get_running_loop().run_in_executor(self._reader, read)

    def _recording(self) -> Recording | None:
        if self.options.records is None:
            return None
        models, log = self.service.models, self.options.log
        # Made up where the answer shows it.
        name_of = log.name if log.logs_all else attrgetter("request_id")
        return Recording(self.options.records, self.metrics, models, self.clock, name_of)

    def asked_model(self, endpoint: Endpoint) -> "LoadedModel | None":
        """The model behind an endpoint; None where there is no such model."""
        try:
            return self.service.resolve(endpoint.name, endpoint.version)
        except ModelNotFoundError:
            return None
