"""A method behind API keys, whose answers are counted and logged as those over HTTP are."""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

from mlserve_cli.errors import EngineError, MlserveError
from mlserve_cli.serving.arrivals import Arrival
from mlserve_cli.serving.exchange import Reply
from mlserve_cli.serving.grpc.inference import GrpcProtocol
from mlserve_cli.serving.request_log import Outcome
from mlserve_cli.serving.routes import Endpoint

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.grpc.methods import Method

_LOGGER = logging.getLogger("mlserve")
# Probes carry no keys.
_OPEN_METHODS = frozenset({"ServerLive", "ServerReady", "Check"})
_INFERENCE_METHOD = "ModelInfer"


class GuardedMethod:
    """One method of a service.

    Args:
        gateway: Says who is admitted, counts and logs.
        service: Full name of the service.
        name: Name of the method.
        method: What answers it.
    """

    def __init__(self, gateway: "Gateway", service: str, name: str, method: "Method") -> None:
        self._gateway = gateway
        self._path = f"/{service}/{name}"
        self._is_open = name in _OPEN_METHODS
        self._is_inference = name == _INFERENCE_METHOD
        self._method = method

    async def answer(self, body: bytes, metadata: Mapping[bytes, bytes], client: str) -> Reply:
        """The reply to a request; an error is one too, with the HTTP status of its kind.

        Args:
            body: The message.
            metadata: Of the call.
            client: Address and port.
        """
        options = self._gateway.options
        started = self._gateway.clock()
        arrival = Arrival(client, "POST", self._path, len(body))
        arrival.take_names(metadata, options.log.ids)
        outcome: Reply | MlserveError
        try:
            if not self._is_open:
                options.keys.check(metadata)
            # gRPC has read it already; what is made of it would take several times as much.
            with self._gateway.room.holding(len(body)):
                outcome = await self._method(body, arrival)
        except MlserveError as error:
            outcome = error
        # A bug of ours must not show itself to clients.
        except Exception:
            _LOGGER.exception("unexpected error")
            outcome = EngineError("The server failed to answer.")
        return self._finish(outcome, arrival, started)

    def _finish(self, outcome: Reply | MlserveError, arrival: Arrival, started: float) -> Reply:
        gateway = self._gateway
        if self._is_inference:
            if isinstance(outcome, Reply):
                # The gateway has finished it.
                return outcome
            return gateway.finish(Endpoint(GrpcProtocol(), ""), None, outcome, started, arrival)
        message = outcome.message if isinstance(outcome, MlserveError) else None
        reply = GrpcProtocol().error(outcome) if isinstance(outcome, MlserveError) else outcome
        gateway.metrics.count_other_request(self._path, reply.status)
        log = gateway.options.log
        if not log.needs_name(arrival, reply.status):
            return reply
        seconds = gateway.clock() - started
        log.write(arrival, Outcome(reply.status, seconds, len(reply.body), message=message))
        return log.named(reply, arrival)
