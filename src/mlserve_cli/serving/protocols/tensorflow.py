"""`/v1/models/NAME:predict` as TensorFlow Serving, KServe V1 and Vertex AI speak it.

`instances` are rows and `inputs` are columns. `signature_name` chooses what is answered: the labels
(`serving_default` or `predict`), `predict_proba` or `decision_function`. Vertex's `parameters` are
accepted and change nothing.
"""

from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.errors import InputError
from mlserve_cli.serving.exchange import Call, Reply, check_json_type, decode_json, error_reply
from mlserve_cli.serving.protocols.mlflow import read_plain_rows, read_values
from mlserve_cli.serving.protocols.v2 import output_values, outputs_of, wanted_for
from mlserve_cli.serving.protocols.v2_metadata import input_tensors, output_tensor

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.scoring import Scored


# What a request means that names no signature.
DEFAULT_SIGNATURE = "serving_default"


class _Request(msgspec.Struct):
    instances: Any = msgspec.UNSET
    inputs: Any = msgspec.UNSET
    signature_name: str | None = None


_REQUEST = msgspec.json.Decoder(_Request)


class TensorflowProtocol:
    """See `InferenceProtocol`."""

    name = "tensorflow"

    def read(self, model: "LoadedModel", body: bytes, headers: "Headers") -> Call:
        """See `InferenceProtocol.read`: `instances` are rows, `inputs` are columns."""
        check_json_type(headers)
        plain = read_plain_rows(body, model.reader, {"instances"})
        if plain is not None:
            output = _output(model, None)
            return Call(model, plain, wanted_for([output]), _Answer("predictions", output))
        request = decode_json(body, _REQUEST)
        if (request.instances is msgspec.UNSET) == (request.inputs is msgspec.UNSET):
            raise InputError("Expected either 'instances' (rows) or 'inputs' (columns).")
        output = _output(model, request.signature_name)
        if request.inputs is msgspec.UNSET:
            rows = read_values(request.instances, model.reader, "instances")
            return Call(model, rows, wanted_for([output]), _Answer("predictions", output))
        rows = read_values(request.inputs, model.reader, "inputs")
        return Call(model, rows, wanted_for([output]), _Answer("outputs", output))

    def error(self, error: "MlserveError") -> Reply:
        """See `InferenceProtocol.error`: TensorFlow Serving says 400 where others say 422."""
        reply = error_reply(error, {"error": error.message})
        return reply if reply.status != 422 else msgspec.structs.replace(reply, status=400)


def model_status(versions: list[int]) -> dict[str, Any]:
    """The answer of `/v1/models/NAME`."""
    return {
        "model_version_status": [
            {
                "version": str(version),
                "state": "AVAILABLE",
                "status": {"error_code": "OK", "error_message": ""},
            }
            for version in sorted(versions, reverse=True)
        ]
    }


def model_metadata(model: "LoadedModel") -> dict[str, Any]:
    """The answer of `/v1/models/NAME/metadata`."""
    inputs = {tensor["name"]: _described(tensor) for tensor in input_tensors(model)}
    signatures = {DEFAULT_SIGNATURE: "predict"} | {name: name for name in outputs_of(model)}
    return {
        "model_spec": {
            "name": model.name,
            "signature_name": "",
            "version": str(model.version),
        },
        "metadata": {
            "signature_def": {
                "signature_def": {
                    name: {
                        "inputs": inputs,
                        "outputs": {output: _described(output_tensor(model.signature, output))},
                        "method_name": "tensorflow/serving/predict",
                    }
                    for name, output in signatures.items()
                }
            }
        },
    }


_DTYPES = {"FP64": "DT_DOUBLE", "INT64": "DT_INT64", "BOOL": "DT_BOOL", "BYTES": "DT_STRING"}


def _described(tensor: dict[str, Any]) -> dict[str, Any]:
    return {
        "dtype": _DTYPES[tensor["datatype"]],
        "tensor_shape": {"dim": [{"size": str(size)} for size in tensor["shape"]]},
    }


def _output(model: "LoadedModel", signature_name: str | None) -> str:
    """The output that a request means."""
    if signature_name in {None, "", DEFAULT_SIGNATURE}:
        return "predict"
    known = outputs_of(model)
    if signature_name not in known:
        raise InputError(
            f"Found {str(signature_name)[:60]!r} as 'signature_name', expected one of "
            f"{', '.join([DEFAULT_SIGNATURE, *known])}."
        )
    return signature_name


class _Answer(msgspec.Struct, frozen=True, gc=False):
    """Writes the answer.

    Attributes:
        key: Under which the values stand.
        output: Which values.
    """

    key: str
    output: str

    def __call__(self, scored: "Scored", start: int, stop: int) -> Reply:
        if self.output == "predict":
            values = scored.label_list[start:stop]
        else:
            values = output_values(scored, self.output)[start:stop].tolist()
        return Reply(msgspec.json.encode({self.key: values}))
