"""What an artifact says about itself: `manifest.json`."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from mlserve_cli.conversion.parity import ParityReport
from mlserve_cli.conversion.result import Precision, Variant
from mlserve_cli.conversion.speed import Speed
from mlserve_cli.errors import CorruptArtifactError
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.signature import Signature

SCHEMA_VERSION = 1
MANIFEST_NAME = "manifest.json"


@dataclass(frozen=True, slots=True)
class FileEntry:
    """One file of an artifact.

    Attributes:
        name: Its name in the artifact's folder.
        size_bytes: Its size.
        sha256: Hexadecimal digest of its content.
    """

    name: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OnnxPayload:
    """The ONNX model that was converted from an artifact's estimator.

    Attributes:
        parity: How far both agree.
        precision: Numbers that the graph computes with.
        opset: Version of the standard operators.
        ml_opset: Version of the `ai.onnx.ml` operators; None where there are none.
        operators: How many nodes of each operator the graph has.
        speeds: Seconds per call of both engines, by rows per call.
        variants: Every precision that was tried, where the choice was left to the conversion.
    """

    parity: ParityReport
    precision: Precision
    opset: int
    ml_opset: int | None
    operators: dict[str, int]
    speeds: tuple[Speed, ...]
    variants: tuple[Variant, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The content of `manifest.json`.

    Attributes:
        schema_version: Version of this format; readers refuse newer ones.
        name: Name of the model.
        version: Its version, 1, 2, 3, ...
        created: When it was saved, ISO 8601 in UTC.
        estimator: Type of the estimator, as `module.Name`; empty where only ONNX exists.
        format: How the model is stored.
        format_reason: Why in this format.
        signature: What the model takes and returns.
        files: Every file of the artifact but this one.
        libraries: Versions of the libraries that the model was saved with.
        metrics: Quality of the model on the data it was saved with.
        tags: Free text by key, as given at save.
        target: Column of the data that the model predicts, where it was named.
        data_rows: Rows of the data given at save.
        verified_rows: Rows of it on which the saved file predicted the same as the source.
        onnx: What is known of `model.onnx`, where the estimator was converted.
    """

    schema_version: int
    name: str
    version: int
    created: str
    estimator: str
    format: ModelFormat
    format_reason: str
    signature: Signature
    files: tuple[FileEntry, ...] = ()
    libraries: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, float] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    target: str | None = None
    data_rows: int = 0
    verified_rows: int = 0
    onnx: OnnxPayload | None = None


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Writes `manifest.json` into the folder."""
    content = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
    (folder / MANIFEST_NAME).write_bytes(content + b"\n")


def read_manifest(folder: Path) -> Manifest:
    """The manifest of an artifact.

    Raises:
        CorruptArtifactError: It is missing, not valid, or of a later format.
    """
    path = folder / MANIFEST_NAME
    try:
        content = path.read_bytes()
        found = msgspec.json.decode(content, type=dict[str, object]).get("schema_version")
        if isinstance(found, int) and found > SCHEMA_VERSION:
            raise CorruptArtifactError(
                f"{path} has schema version {found}; this mlserve reads up to {SCHEMA_VERSION}.",
                hint="Upgrade with: pip install --upgrade mlserve-cli",
            )
        return msgspec.json.decode(content, type=Manifest)
    except OSError as error:
        raise CorruptArtifactError(f"{path} cannot be read: {error.strerror}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CorruptArtifactError(f"{path} is not a valid manifest: {error}.") from error


def describe_file(path: Path) -> FileEntry:
    """Name, size and digest of a file."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return FileEntry(path.name, path.stat().st_size, digest)


def check_file(folder: Path, entry: FileEntry) -> Path:
    """The path of an artifact's file, once its content is known to be what was saved.

    Raises:
        CorruptArtifactError: The file is missing or its content has changed.
    """
    path = folder / entry.name
    try:
        found = describe_file(path)
    except OSError as error:
        raise CorruptArtifactError(f"{path} cannot be read: {error.strerror}.") from error
    if found.sha256 != entry.sha256:
        raise CorruptArtifactError(
            f"{path} is not the file that was saved: its SHA-256 digest is {found.sha256[:12]}... "
            f"({found.size_bytes} bytes), the manifest has {entry.sha256[:12]}... "
            f"({entry.size_bytes} bytes).",
            hint="Save the model again, or restore the file from where it came.",
        )
    return path
