"""What a conversion wrote, in a module that needs no scikit-learn to be imported."""

from dataclasses import dataclass

from mlserve_cli.serialization.manifest import OnnxPayload


@dataclass(frozen=True, slots=True)
class OnnxReport:
    """What `convert_onnx` wrote.

    Attributes:
        path: The ONNX file.
        size_bytes: Its size.
        onnx: What is in it, how far it agrees and how fast it is.
    """

    path: str
    size_bytes: int
    onnx: OnnxPayload
