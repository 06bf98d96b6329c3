"""What answers the methods of the two services: bytes of a request in, those of its answer out."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import InputError, MlserveError, ModelNotFoundError
from mlserve_cli.serving.arrivals import Arrival
from mlserve_cli.serving.exchange import Reply
from mlserve_cli.serving.grpc.inference import MESSAGE, GrpcProtocol
from mlserve_cli.serving.grpc.messages import (
    HEALTH_SERVICE,
    INFERENCE_SERVICE,
    message_type,
    read_message,
)
from mlserve_cli.serving.protocols import v2_metadata
from mlserve_cli.serving.routes import Endpoint, version_number

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway
    from mlserve_cli.serving.model import LoadedModel

Method = Callable[[bytes, Arrival], Awaitable[Reply]]

_ModelInferRequest = message_type("inference.ModelInferRequest")


class Methods:
    """The methods over a gateway; each raises `MlserveError` for what it cannot answer.

    Args:
        gateway: Answers predictions.
    """

    def __init__(self, gateway: "Gateway") -> None:
        self._gateway = gateway
        self._service = gateway.service

    def by_service(self) -> dict[str, dict[str, Method]]:
        """The methods of each service, by their names in the `.proto` files."""
        inference: dict[str, Method] = {
            "ServerLive": self.server_live,
            "ServerReady": self.server_ready,
            "ModelReady": self.model_ready,
            "ServerMetadata": self.server_metadata,
            "ModelMetadata": self.model_metadata,
            "ModelInfer": self.model_infer,
            "RepositoryIndex": self.repository_index,
            "RepositoryModelLoad": self.repository_model_load,
            "RepositoryModelUnload": self.repository_model_unload,
        }
        return {INFERENCE_SERVICE: inference, HEALTH_SERVICE: {"Check": self.check}}

    async def model_infer(self, body: bytes, arrival: Arrival) -> Reply:
        """Predictions; what the gateway refuses is a reply too."""
        request = read_message(_ModelInferRequest, body)
        version = version_number(request.model_version or None)
        endpoint = Endpoint(GrpcProtocol(request), request.model_name, version)
        return await self._gateway.answer(endpoint, body, {}, arrival)

    async def server_live(self, _body: bytes, _: Arrival) -> Reply:
        """That the server runs."""
        return _reply("ServerLiveResponse", live=True)

    async def server_ready(self, _body: bytes, _: Arrival) -> Reply:
        """Whether a model is loaded and the server is not stopping."""
        return _reply("ServerReadyResponse", ready=self._service.ready)

    async def check(self, body: bytes, _: Arrival) -> Reply:
        """The same in the words of gRPC's own health checks."""
        name = read_message(message_type("grpc.health.v1.HealthCheckRequest"), body).service
        if name not in {"", INFERENCE_SERVICE, HEALTH_SERVICE}:
            raise ModelNotFoundError(
                f"Found the service {name[:60]!r}, expected {INFERENCE_SERVICE} or none."
            )
        status = "SERVING" if self._service.ready else "NOT_SERVING"
        answer = message_type("grpc.health.v1.HealthCheckResponse")(status=status)
        return Reply(answer.SerializeToString(), 200, MESSAGE)

    async def model_ready(self, body: bytes, _: Arrival) -> Reply:
        """Whether a model answers."""
        self._asked("ModelReadyRequest", body)
        return _reply("ModelReadyResponse", ready=self._service.ready)

    async def server_metadata(self, _body: bytes, _: Arrival) -> Reply:
        """Name, version and extensions of the server."""
        return _reply("ServerMetadataResponse", **v2_metadata.server_metadata())

    async def model_metadata(self, body: bytes, _: Arrival) -> Reply:
        """The tensors that a model takes and returns."""
        model = self._asked("ModelMetadataRequest", body)
        versions = self._service.versions(model.name)
        return _reply("ModelMetadataResponse", **v2_metadata.model_metadata(model, versions))

    async def repository_index(self, body: bytes, _: Arrival) -> Reply:
        """Every model that is served or could be loaded."""
        request = read_message(message_type("inference.RepositoryIndexRequest"), body)
        states = await self._gateway.index()
        found = [state for state in states if state.ready or not request.ready]
        return _reply("RepositoryIndexResponse", models=v2_metadata.index(found))

    async def repository_model_load(self, body: bytes, _: Arrival) -> Reply:
        """Loads the newest version of a model, which takes over."""
        name = self._named("RepositoryModelLoadRequest", body)
        try:
            await self._gateway.load(name)
        except ModelNotFoundError:
            raise
        except MlserveError as error:
            # Where files lie is nobody's business outside.
            raise InputError(f"Model '{name[:60]}' cannot be loaded.") from error
        return _reply("RepositoryModelLoadResponse")

    async def repository_model_unload(self, body: bytes, _: Arrival) -> Reply:
        """Stops to serve a model."""
        await self._gateway.unload(self._named("RepositoryModelUnloadRequest", body))
        return _reply("RepositoryModelUnloadResponse")

    def _asked(self, kind: str, body: bytes) -> "LoadedModel":
        request = read_message(message_type(f"inference.{kind}"), body)
        return self._service.resolve(request.name, version_number(request.version or None))

    def _named(self, kind: str, body: bytes) -> str:
        name: str = read_message(message_type(f"inference.{kind}"), body).model_name
        return name


def _reply(kind: str, **values: Any) -> Reply:
    message = message_type(f"inference.{kind}")(**values)
    return Reply(message.SerializeToString(), 200, MESSAGE)
