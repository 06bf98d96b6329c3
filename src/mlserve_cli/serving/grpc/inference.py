"""Requests for predictions and their answers, as messages of the Open Inference Protocol."""

from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.serving.exchange import Call, Reply, error_reply
from mlserve_cli.serving.grpc.messages import message_type
from mlserve_cli.serving.grpc.tensors import is_raw, read_tensors, write_tensors
from mlserve_cli.serving.protocols.v2 import (
    output_values,
    requested_outputs,
    tensor_rows,
    wanted_for,
)

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.scoring import Scored

_TEXT = b"text/plain"
MESSAGE = b"application/grpc"
_ModelInferResponse = message_type("inference.ModelInferResponse")


class GrpcProtocol:
    """See `InferenceProtocol`. One request has one of these.

    Args:
        request: A `ModelInferRequest`; it was read before, since it is what names the model.
    """

    __slots__ = ("_request",)

    name = "grpc"

    def __init__(self, request: Any = None) -> None:
        self._request = request

    def read(self, model: "LoadedModel", _body: bytes, _headers: "Headers") -> Call:
        """See `InferenceProtocol.read`."""
        request = self._request
        rows = tensor_rows(model, read_tensors(request))
        outputs = requested_outputs(model, [output.name for output in request.outputs])
        answer = _Answer(model, request.id, outputs, is_raw(request))
        return Call(model, rows, wanted_for(outputs), answer)

    def error(self, error: "MlserveError") -> Reply:
        """See `InferenceProtocol.error`: the text alone, with the HTTP status of its kind."""
        reply = error_reply(error, {})
        status = 400 if reply.status == 422 else reply.status
        text = error.message.encode()
        return msgspec.structs.replace(reply, body=text, status=status, content_type=_TEXT)


class _Answer(msgspec.Struct, frozen=True):
    """Writes the answer; raw where the request was."""

    model: "LoadedModel"
    id: str
    outputs: list[str]
    raw: bool

    def __call__(self, scored: "Scored", start: int, stop: int) -> Reply:
        model = self.model
        response = _ModelInferResponse(
            model_name=model.name, model_version=str(model.version), id=self.id
        )
        values = {name: output_values(scored, name)[start:stop] for name in self.outputs}
        write_tensors(response, values, raw=self.raw)
        return Reply(response.SerializeToString(), 200, MESSAGE)
