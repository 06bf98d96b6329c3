"""Which address asks which model for predictions, in which protocol."""

import re
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mlserve_cli.serving.protocols.mlflow import MlflowProtocol
from mlserve_cli.serving.protocols.native import NativeProtocol
from mlserve_cli.serving.protocols.tensorflow import TensorflowProtocol
from mlserve_cli.serving.protocols.v2 import V2Protocol

if TYPE_CHECKING:
    from mlserve_cli.serving.protocols.interface import InferenceProtocol


class Endpoint(NamedTuple):
    """An address that answers predictions.

    Attributes:
        protocol: How requests and answers are written.
        name: Of the model; None for the only one.
        version: Of the model; None for the newest.
    """

    protocol: "InferenceProtocol"
    name: str | None = None
    version: int | None = None


class Route(Enum):
    """Addresses of predictions: protocol and pattern of the path."""

    PREDICT = (NativeProtocol(), r"/predict")
    MODEL_PREDICT = (
        NativeProtocol(),
        r"/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?/predict",
    )
    INFER = (
        V2Protocol(),
        r"/v2/models/(?P<name>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer",
    )
    INVOCATIONS = (MlflowProtocol(), r"/invocations")
    TENSORFLOW = (
        TensorflowProtocol(),
        r"/v1/models/(?P<name>[^/:]+)(?:/versions/(?P<version>[^/:]+))?:predict",
    )


_PATTERNS = [(route.value[0], re.compile(route.value[1])) for route in Route]


def find_endpoint(path: str) -> Endpoint | None:
    """The endpoint at a path; None where no predictions are answered."""
    for protocol, pattern in _PATTERNS:
        match = pattern.fullmatch(path)
        if match:
            found = match.groupdict()
            return Endpoint(protocol, found.get("name"), version_number(found.get("version")))
    return None


def version_number(text: str | None) -> int | None:
    """A version as clients write it; -1, which no model has, where it is no number."""
    if text is None:
        return None
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 19 else -1
