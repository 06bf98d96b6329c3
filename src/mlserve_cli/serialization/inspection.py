"""What a model is, without running it."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.errors import ArtifactError, CorruptArtifactError
from mlserve_cli.serialization.manifest import Manifest
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import DEFAULT_MODELS, find_model
from mlserve_cli.serialization.payload import file_name
from mlserve_cli.serialization.repository import Artifact, ModelRepository
from mlserve_cli.serialization.trust.audit import Audit, audit_file
from mlserve_cli.signature import Signature

if TYPE_CHECKING:
    from mlserve_cli.inference.onnx_graph import OnnxGraph


@dataclass(frozen=True, slots=True)
class Inspection:
    """What `inspect_model` found.

    Attributes:
        path: The artifact's folder or the model file.
        size_bytes: Size of the model on disk, all files together.
        manifest: What the artifact says about itself; None for a bare file.
        signature: What the model takes and returns, where that is known without loading it.
        audit: The types in the model file; None for ONNX, which holds no code.
        graph: The ONNX graph; None where there is none.
    """

    path: str
    size_bytes: int
    manifest: Manifest | None
    signature: Signature | None
    audit: Audit | None
    graph: "OnnxGraph | None"


@dataclass(frozen=True, slots=True)
class ModelSummary:
    """One model of the repository, its newest version.

    Attributes:
        name: Name of the model.
        versions: All its versions, oldest first.
        manifest: The newest version's manifest.
        size_bytes: Size of the newest version.
    """

    name: str
    versions: tuple[int, ...]
    manifest: Manifest
    size_bytes: int


def inspect_model(
    model: str | Path | None = None,
    *,
    models: str | Path = DEFAULT_MODELS,
    trust: Collection[str] = (),
) -> Inspection:
    """What a model is and what its file would load; none of its code runs.

    Args:
        model: See `load_model`.
        models: Folder of the model repository.
        trust: Types to count as known.

    Raises:
        ModelNotFoundError: There is no such model.
        CorruptArtifactError: The file is not what was saved, or cannot be read.
    """
    found = find_model(model, models=models)
    if isinstance(found, Artifact):
        manifest, onnx_name = found.manifest, file_name(ModelFormat.ONNX)
        for entry in manifest.files:
            found.file(entry.name)
        return Inspection(
            path=str(found.path),
            size_bytes=_size(manifest),
            manifest=manifest,
            signature=manifest.signature,
            audit=_audit(found.path / file_name(manifest.format), manifest.format, trust),
            graph=_graph(found.path / onnx_name) if found.entry(onnx_name) else None,
        )
    return Inspection(
        path=str(found.path),
        size_bytes=found.path.stat().st_size,
        manifest=None,
        signature=_onnx_signature(found.path) if found.format is ModelFormat.ONNX else None,
        audit=_audit(found.path, found.format, trust),
        graph=_graph(found.path) if found.format is ModelFormat.ONNX else None,
    )


def list_models(models: str | Path = DEFAULT_MODELS) -> list[ModelSummary]:
    """The models of a repository, in alphabetical order."""
    repository = ModelRepository(models)
    summaries = []
    for name in repository.names():
        manifest = repository.get(name).manifest
        versions = tuple(repository.versions(name))
        summaries.append(ModelSummary(name, versions, manifest, _size(manifest)))
    return summaries


def _size(manifest: Manifest) -> int:
    return sum(entry.size_bytes for entry in manifest.files)


def _audit(path: Path, format: ModelFormat, trust: Collection[str]) -> Audit | None:
    return None if format is ModelFormat.ONNX else audit_file(path, trust=trust)


def _graph(path: Path) -> "OnnxGraph":
    from mlserve_cli.inference.onnx_graph import read_graph

    return read_graph(path)


def _onnx_signature(path: Path) -> Signature | None:
    from mlserve_cli.inference.onnx import OnnxPredictor

    try:
        return OnnxPredictor(path).signature
    except CorruptArtifactError:
        raise
    except ArtifactError:
        # It takes no rows of a table, or does not say how wide they are; its graph still tells.
        return None
