"""Message types: current, and those that clients know."""

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.descriptor_pb2 import FileDescriptorSet

import mlserve_cli.serving.grpc.messages
from mlserve_cli.errors import InputError
from mlserve_cli.serving.gateway import Gateway
from mlserve_cli.serving.grpc.messages import (
    HEALTH_SERVICE,
    INFERENCE_SERVICE,
    message_type,
    method_names,
    read_message,
)
from mlserve_cli.serving.grpc.methods import Methods
from mlserve_cli.serving.service import PredictionService

FOLDER = Path(mlserve_cli.serving.grpc.messages.__file__).parent


def test_the_described_services_are_those_of_the_proto_files(tmp_path: Path) -> None:
    pytest.importorskip("grpc_tools")
    assert mlserve_cli.serving.grpc.messages.__doc__ is not None
    command = next(
        line.strip()
        for line in mlserve_cli.serving.grpc.messages.__doc__.splitlines()
        if "protoc" in line
    )
    python, *arguments = command.replace("services.binpb", str(tmp_path / "new")).split()
    assert python == "python"
    subprocess.run([sys.executable, *arguments], cwd=FOLDER, check=True)
    new = FileDescriptorSet.FromString((tmp_path / "new").read_bytes())
    assert FileDescriptorSet.FromString((FOLDER / "services.binpb").read_bytes()) == new


def test_every_described_method_is_answered() -> None:
    methods = Methods(Gateway(PredictionService())).by_service()
    for service in (INFERENCE_SERVICE, HEALTH_SERVICE):
        assert sorted(methods[service]) == sorted(method_names(service))


@pytest.mark.parametrize("method", method_names(INFERENCE_SERVICE))
def test_messages_have_the_fields_of_tritons_client(method: str) -> None:
    theirs = pytest.importorskip("tritonclient.grpc.service_pb2").DESCRIPTOR
    known = theirs.services_by_name["GRPCInferenceService"].methods_by_name[method]
    for suffix, other in (("Request", known.input_type), ("Response", known.output_type)):
        assert_same_fields(message_type(f"inference.{method}{suffix}").DESCRIPTOR, other)


def assert_same_fields(ours: Any, theirs: Any) -> None:
    assert ours.name == theirs.name
    for field in ours.fields:
        other = theirs.fields_by_name[field.name]
        assert (field.number, field.type) == (other.number, other.type)
        assert field.is_repeated == other.is_repeated
        if field.message_type is not None:
            assert_same_fields(field.message_type, other.message_type)


def test_types_of_the_same_names_in_the_default_pool_are_others() -> None:
    theirs = pytest.importorskip("tritonclient.grpc.service_pb2").ModelInferRequest
    ours = message_type("inference.ModelInferRequest")
    assert theirs is not ours
    assert ours.FromString(theirs(model_name="iris").SerializeToString()).model_name == "iris"
    # Either may come first.
    assert importlib.reload(mlserve_cli.serving.grpc.messages).message_type is not message_type


@pytest.mark.parametrize("body", [b"\xff", b"\x0a\x05ab", b"\x0a\x02\xff\xfe"])
def test_bytes_that_are_no_message_are_refused(body: bytes) -> None:
    with pytest.raises(InputError, match=r"no inference\.ModelInferRequest"):
        read_message(message_type("inference.ModelInferRequest"), body)
