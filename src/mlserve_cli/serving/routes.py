"""Which address asks which model for predictions, in which protocol."""

import re
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from mlserve_cli.errors import UsageError
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


# Nothing that a client would have to encode, nor what the frameworks take for a pattern.
_PATH = re.compile(r"/[A-Za-z0-9._~:@/-]*")


@dataclass(frozen=True, slots=True)
class PlatformPaths:
    """Addresses that a platform asks at, beside our own; Vertex AI chooses them for each server.

    Attributes:
        predict: Answers `{"instances": [..]}` with `{"predictions": [..]}`.
        health: Says whether the server is ready, without a key.

    Raises:
        UsageError: One of them is no path.
    """

    predict: str | None = None
    health: str | None = None

    def __post_init__(self) -> None:
        for path in (self.predict, self.health):
            if path is not None and not _PATH.fullmatch(path):
                raise UsageError(
                    f"Found {path!r} as a path, expected one such as /v1/predict: a slash, then "
                    "letters, digits and -._~:@/ only."
                )


_PATTERNS = [(route.value[0], re.compile(route.value[1])) for route in Route]


def find_endpoint(path: str, platform: PlatformPaths) -> Endpoint | None:
    """The endpoint at a path; None where no predictions are answered."""
    if path == platform.predict:
        return Endpoint(TensorflowProtocol())
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
