"""The model that a deployment is about."""

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from mlserve_cli.errors import UsageError
from mlserve_cli.serialization.models import DEFAULT_MODELS, find_model
from mlserve_cli.serialization.repository import Artifact

# The longest name of a Kubernetes service, which is a label of DNS (RFC 1123).
_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class Packaged:
    """A saved model, as images and manifests see it.

    Attributes:
        model: Its name.
        version: Its version.
        folder: Where it is, relative to the folder that images are built from.
        libraries: Versions of Python and of the libraries it was saved with.
    """

    model: str
    version: int
    folder: PurePosixPath
    libraries: dict[str, str]

    @property
    def resource(self) -> str:
        """Its name as that of an image or a Kubernetes object."""
        name = re.sub(r"[^a-z0-9]+", "-", self.model.lower())
        # A service's name begins with a letter.
        name = name if name[0].isalpha() else f"model-{name}"
        return name[:_LONGEST_NAME].rstrip("-")

    @property
    def image(self) -> str:
        """Name and tag of its image."""
        return f"{self.resource}:{self.version}"


def packaged_model(
    model: str | Path | None = None, *, models: str | Path = DEFAULT_MODELS
) -> Packaged:
    """A saved model below the current folder, from which images are built.

    Args:
        model: As in `find_model`.
        models: Folder of the model repository.

    Raises:
        ModelNotFoundError: There is no such model.
        UsageError: It was never saved, or is not below the current folder.
    """
    found = find_model(model, models=models)
    if not isinstance(found, Artifact):
        raise UsageError(
            f"{found.path} is a bare model file, which does not say what it was made with.",
            hint=f"Save it first: mlserve save {found.path}",
        )
    folder = os.path.relpath(found.path.resolve(), Path.cwd())
    if folder.startswith(".."):
        raise UsageError(
            f"{found.path} is outside of {Path.cwd()}, and an image can only hold what is below "
            "the folder that it is built from.",
            hint=f"Go to the folder above the model's: cd {found.path.resolve().parent.parent}",
        )
    manifest = found.manifest
    path = PurePosixPath(Path(folder).as_posix())
    return Packaged(manifest.name, manifest.version, path, dict(manifest.libraries))
