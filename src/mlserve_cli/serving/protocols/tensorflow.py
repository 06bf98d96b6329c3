"""`/v1/models/NAME:predict` as TensorFlow Serving and KServe V1 speak it."""

from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.errors import InputError
from mlserve_cli.serving.exchange import Call, Reply, check_json_type, decode_json, error_reply
from mlserve_cli.serving.protocols.mlflow import read_values
from mlserve_cli.serving.protocols.v2_metadata import input_tensors
from mlserve_cli.serving.scoring import Wanted

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.exchange import Headers
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.scoring import Scored


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
        request = decode_json(body, _REQUEST)
        if (request.instances is msgspec.UNSET) == (request.inputs is msgspec.UNSET):
            raise InputError("Expected either 'instances' (rows) or 'inputs' (columns).")
        if request.inputs is msgspec.UNSET:
            rows = read_values(request.instances, model.reader, "instances")
            return Call(model, rows, Wanted.LABELS, _as_rows)
        rows = read_values(request.inputs, model.reader, "inputs")
        return Call(model, rows, Wanted.LABELS, _as_columns)

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
    inputs = {
        tensor["name"]: {
            "dtype": _DTYPES[tensor["datatype"]],
            "tensor_shape": {"dim": [{"size": str(size)} for size in tensor["shape"]]},
        }
        for tensor in input_tensors(model)
    }
    return {
        "model_spec": {"name": model.name, "version": str(model.version)},
        "metadata": {
            "signature_def": {
                "signature_def": {
                    "serving_default": {
                        "inputs": inputs,
                        "method_name": "tensorflow/serving/predict",
                    }
                }
            }
        },
    }


_DTYPES = {"FP64": "DT_DOUBLE", "INT64": "DT_INT64", "BOOL": "DT_BOOL", "BYTES": "DT_STRING"}


def _as_rows(scored: "Scored", start: int, stop: int) -> Reply:
    return Reply(msgspec.json.encode({"predictions": scored.label_list[start:stop]}))


def _as_columns(scored: "Scored", start: int, stop: int) -> Reply:
    return Reply(msgspec.json.encode({"outputs": scored.label_list[start:stop]}))
