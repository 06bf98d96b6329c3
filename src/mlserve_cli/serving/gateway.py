"""From a request for predictions to its reply; the fast path and the application share it."""

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from mlserve_cli.errors import EngineError, MlserveError
from mlserve_cli.serving.exchange import Call, Headers, Reply, plain_body, too_large
from mlserve_cli.serving.metrics import ServingMetrics
from mlserve_cli.serving.routes import Endpoint
from mlserve_cli.serving.scheduling import Limits, Scheduler
from mlserve_cli.serving.scoring import score
from mlserve_cli.serving.security import ApiKeys

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.service import PredictionService

_LOGGER = logging.getLogger("mlserve")
# Bytes of a request's body, also after its encoding was undone.
DEFAULT_MAX_BODY_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class GatewayOptions:
    """What a server allows.

    Attributes:
        limits: Bounds on what is scored and what waits.
        max_body_bytes: Of one request, also after its encoding was undone.
        keys: API keys.
    """

    limits: Limits = field(default_factory=Limits)
    max_body_bytes: int = DEFAULT_MAX_BODY_BYTES
    keys: ApiKeys = field(default_factory=ApiKeys)


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
        self.scheduler = Scheduler(self.options.limits, self.metrics.count_batch)
        self.clock = clock

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

        Raises:
            MlserveError: It cannot be loaded; whatever was served before stays.
        """
        model = await asyncio.to_thread(self.service.fetch, name)
        await asyncio.to_thread(self.prepare_model, model)
        self.service.replace(model)
        self.scheduler.keep_only(self.service.models())
        return model

    def begin(self, endpoint: Endpoint, body: bytes, headers: Headers) -> Call:
        """The call that a request asks for.

        Raises:
            MlserveError: It cannot be read, or asks for what is not there.
        """
        model = self.service.resolve(endpoint.name, endpoint.version)
        if headers and b"content-encoding" in headers:
            body = plain_body(body, headers, self.options.max_body_bytes)
        try:
            return endpoint.protocol.read(model, body, headers)
        except MemoryError:
            raise too_large(self.options.max_body_bytes) from None

    def finish(
        self, endpoint: Endpoint, call: Call | None, outcome: Reply | MlserveError, started: float
    ) -> Reply:
        """The reply to a request, counted."""
        reply = endpoint.protocol.error(outcome) if isinstance(outcome, MlserveError) else outcome
        model = call.model if call is not None else None
        if reply.status == 500:
            _log_failure(endpoint, model, outcome)
        self.metrics.count_request(
            model, endpoint.protocol.name, reply.status, self.clock() - started
        )
        return reply

    async def answer(self, endpoint: Endpoint, body: bytes, headers: Headers) -> Reply:
        """The reply to a request for predictions; errors are replies too."""
        started = self.clock()
        call: Call | None = None
        outcome: Reply | MlserveError
        try:
            call = self.begin(endpoint, body, headers)
            outcome = await self.scheduler.answer(call)
        except MlserveError as error:
            outcome = error
        # A bug of ours must not show itself to clients.
        except Exception:
            _LOGGER.exception("unexpected error")
            outcome = EngineError("The server failed to answer.")
        return self.finish(endpoint, call, outcome, started)

    def answer_now(self, endpoint: Endpoint, body: bytes, headers: Headers) -> Reply:
        """As `answer`, for callers without an event loop: scored at once, and alone."""
        started = self.clock()
        call: Call | None = None
        outcome: Reply | MlserveError
        try:
            call = self.begin(endpoint, body, headers)
            max_rows = self.options.limits.max_batch_rows
            scored = score(call.model, [call.rows], call.wanted, max_rows)
            outcome = call.answer(scored, 0, call.rows.count)
        except MlserveError as error:
            outcome = error
        # A bug of ours must not show itself to clients.
        except Exception:
            _LOGGER.exception("unexpected error")
            outcome = EngineError("The server failed to answer.")
        return self.finish(endpoint, call, outcome, started)


def _log_failure(
    endpoint: Endpoint, model: "LoadedModel | None", outcome: Reply | MlserveError
) -> None:
    fields = {"protocol": endpoint.protocol.name, "status": 500}
    if model is not None:
        fields |= {"model": model.name, "version": model.version}
    message = outcome.message if isinstance(outcome, MlserveError) else "failed"
    _LOGGER.error("%s", message, extra=fields)
