"""Types of messages, from `services.binpb`, which describes the `.proto` files beside it.

After a change to one of those, write it again, in this folder:

    python -m grpc_tools.protoc -I. --descriptor_set_out=services.binpb inference.proto health.proto

The types live in a pool of their own: clients such as tritonclient put types of the same names into
protobuf's default pool, and both are used in one process.
"""

from pathlib import Path
from typing import Any

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.descriptor_pool import DescriptorPool
from google.protobuf.message import DecodeError
from google.protobuf.message_factory import GetMessageClass

from mlserve_cli.errors import InputError

INFERENCE_SERVICE = "inference.GRPCInferenceService"
HEALTH_SERVICE = "grpc.health.v1.Health"


def _pool() -> Any:
    pool = DescriptorPool()
    described = Path(__file__).with_name("services.binpb").read_bytes()
    for file in FileDescriptorSet.FromString(described).file:
        pool.Add(file)
    return pool


_POOL = _pool()


def message_type(name: str) -> Any:
    """The class of a message, by its full name such as `inference.ModelInferRequest`."""
    return GetMessageClass(_POOL.FindMessageTypeByName(name))


def method_names(service: str) -> list[str]:
    """The methods of a service, by its full name."""
    return [method.name for method in _POOL.FindServiceByName(service).methods]


def read_message(kind: Any, body: bytes) -> Any:
    """A message of the given class from its bytes.

    Raises:
        InputError: They are not one.
    """
    try:
        return kind.FromString(body)
    except DecodeError as error:
        raise InputError(f"The message is no {kind.DESCRIPTOR.full_name}.") from error
