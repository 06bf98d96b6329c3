"""The model repository: `ROOT/NAME/VERSION/`, versions appear whole or not at all."""

import fcntl
import os
import re
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from mlserve_cli.errors import ModelNotFoundError, UsageError
from mlserve_cli.serialization.manifest import (
    MANIFEST_NAME,
    FileEntry,
    Manifest,
    check_file,
    describe_file,
    read_manifest,
    write_manifest,
)

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")
_STAGING_PREFIX = ".saving-"


@dataclass(frozen=True, slots=True)
class Artifact:
    """A saved version of a model.

    Attributes:
        path: Its folder.
        manifest: What it says about itself.
    """

    path: Path
    manifest: Manifest

    def entry(self, name: str) -> FileEntry | None:
        """The manifest's entry of a file, or None if the artifact has no such file."""
        return next((entry for entry in self.manifest.files if entry.name == name), None)

    def file(self, name: str) -> Path:
        """Path of a file of the artifact, after its digest was checked.

        Raises:
            ModelNotFoundError: The artifact has no such file.
            CorruptArtifactError: The file is not what was saved.
        """
        entry = self.entry(name)
        if entry is None:
            names = ", ".join(entry.name for entry in self.manifest.files)
            raise ModelNotFoundError(f"{self.path} holds no {name}; it holds {names}.")
        return check_file(self.path, entry)


class ModelRepository:
    """Artifacts under one folder, by name and version.

    Args:
        root: The folder; made when the first model is saved.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)

    def names(self) -> list[str]:
        """Names of the models that have a version, in alphabetical order."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if self.versions(path.name))

    def versions(self, name: str) -> list[int]:
        """Versions of a model, oldest first; empty if there is no such model."""
        folder = self.root / name
        if not _NAME.fullmatch(name) or not folder.is_dir():
            return []
        return sorted(
            int(path.name)
            for path in folder.iterdir()
            if path.name.isdecimal() and (path / MANIFEST_NAME).is_file()
        )

    def get(self, name: str, version: int | None = None) -> Artifact:
        """A version of a model; the newest where none is given.

        Raises:
            ModelNotFoundError: No such model or version; the message lists what there is.
            CorruptArtifactError: Its manifest cannot be read.
        """
        versions = self.versions(name)
        if not versions:
            known = ", ".join(self.names()) or "no models"
            raise ModelNotFoundError(
                f"No model '{name}' in {self.root}, which holds {known}.",
                hint="Save one with: mlserve save SOURCE --name NAME",
            )
        if version is not None and version not in versions:
            listed = ", ".join(map(str, versions))
            raise ModelNotFoundError(
                f"Model '{name}' has no version {version}; its versions are {listed}."
            )
        return open_artifact(self.root / name / str(version or versions[-1]))

    def publish(self, name: str, fill: Callable[[Path], Manifest]) -> Artifact:
        """Makes a new version of a model.

        Everything is written to a folder beside the versions, synced to disk and renamed, so that a
        reader sees the whole version or none, whenever the power goes.

        Args:
            name: Name of the model.
            fill: Writes the files into the folder it is given and returns the manifest, whose
                `name`, `version` and `files` are filled in here. When it raises, nothing appears.

        Raises:
            UsageError: The name is not one that a folder and a URL can carry.
        """
        check_name(name)
        parent = self.root / name
        _make_folder(parent)
        with _staging_folder(parent) as staging:
            draft = fill(staging)
            files = tuple(describe_file(path) for path in sorted(staging.iterdir()))
            for path in staging.iterdir():
                _sync(path)
            with _locked(parent):
                version = _next_version(parent)
                manifest = replace(draft, name=name, version=version, files=files)
                write_manifest(manifest, staging)
                _sync(staging / MANIFEST_NAME)
                _sync(staging)
                target = staging.rename(parent / str(version))
                _sync(parent)
        return Artifact(target, manifest)


def open_artifact(folder: Path) -> Artifact:
    """The artifact in a folder.

    Raises:
        CorruptArtifactError: Its manifest cannot be read.
    """
    return Artifact(folder, read_manifest(folder))


def add_file(
    artifact: Artifact, name: str, content: bytes, change: Callable[[Manifest], Manifest]
) -> Artifact:
    """Adds a file to a version, or replaces one.

    A file that is replaced leaves the manifest first and comes back last, so that a reader never
    finds a file that differs from the manifest's digest, whenever the power goes.

    Args:
        artifact: The version.
        name: Name of the file.
        content: What is in it.
        change: Makes the new manifest from the old one; `files` is filled in here.
    """
    folder = artifact.path
    with _locked(folder):
        _remove_leftovers(folder, name)
        manifest = read_manifest(folder)
        others = tuple(entry for entry in manifest.files if entry.name != name)
        if len(others) < len(manifest.files):
            _replace_manifest(folder, replace(manifest, files=others))
        staging = folder / f".{name}.{uuid.uuid4().hex}"
        try:
            staging.write_bytes(content)
            _sync(staging)
            path = staging.rename(folder / name)
        finally:
            staging.unlink(missing_ok=True)
        files = tuple(sorted([*others, describe_file(path)], key=lambda entry: entry.name))
        manifest = replace(change(manifest), files=files)
        _replace_manifest(folder, manifest)
    return Artifact(folder, manifest)


def check_name(name: str) -> None:
    """Raises `UsageError` unless a model can have this name."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"'{name}' cannot be the name of a model: expected letters, digits, '.', '_' and '-', "
            "beginning with a letter or digit.",
            hint="Choose one with: --name NAME",
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Holds the folder's lock; the system lets go of it when the process dies."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


@contextmanager
def _staging_folder(parent: Path) -> Iterator[Path]:
    """A folder that is locked while it is being filled and removed unless it was renamed."""
    staging = parent / f"{_STAGING_PREFIX}{uuid.uuid4().hex}"
    with ExitStack() as stack:
        with _locked(parent):
            _remove_abandoned(parent)
            _make_folder(staging)
            stack.enter_context(_locked(staging))
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        yield staging


def _remove_abandoned(parent: Path) -> None:
    """Removes what killed saves left behind: staging folders that nobody holds locked."""
    for path in parent.glob(f"{_STAGING_PREFIX}*"):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(path, ignore_errors=True)
        finally:
            os.close(descriptor)


def _remove_leftovers(folder: Path, name: str) -> None:
    """Removes what a killed `add_file` left behind; the lock keeps everybody else from writing."""
    for path in folder.glob(f".{name}.*"):
        path.unlink(missing_ok=True)
    for path in folder.glob(".manifest.*"):
        shutil.rmtree(path, ignore_errors=True)


def _next_version(parent: Path) -> int:
    taken = [int(path.name) for path in parent.iterdir() if path.name.isdecimal()]
    return 1 + max(taken, default=0)


def _replace_manifest(folder: Path, manifest: Manifest) -> None:
    staging = folder / f".manifest.{uuid.uuid4().hex}"
    staging.mkdir()
    try:
        write_manifest(manifest, staging)
        _sync(staging / MANIFEST_NAME)
        (staging / MANIFEST_NAME).rename(folder / MANIFEST_NAME)
        _sync(folder)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _make_folder(path: Path) -> None:
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(
            f"The folder {path} cannot be made: {error.strerror or error}.",
            hint="Choose another place for models: --models DIR",
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
