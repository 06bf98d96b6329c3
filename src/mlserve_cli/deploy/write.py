"""`mlserve deploy` as one call."""

import os
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import assert_never

from mlserve_cli.deploy.container import compose, dockerfile, dockerignore
from mlserve_cli.deploy.grafana import grafana_dashboard
from mlserve_cli.deploy.kubernetes import kubernetes
from mlserve_cli.deploy.packaged import Packaged, packaged_model
from mlserve_cli.deploy.prometheus import RULES_NAME, prometheus_configuration, prometheus_rules
from mlserve_cli.errors import EngineError, UsageError
from mlserve_cli.serialization.models import DEFAULT_MODELS
from mlserve_cli.tables.sink import Sink


class Target(StrEnum):
    """What the files are for."""

    DOCKER = "docker"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"
    PROMETHEUS = "prometheus"
    GRAFANA = "grafana"


def deploy(
    target: Target | str,
    model: str | Path | None = None,
    *,
    models: str | Path = DEFAULT_MODELS,
    out: str | Path = "deploy",
    force: bool = False,
) -> list[Path]:
    """Writes the files that run or watch a model elsewhere, and returns their paths.

    Args:
        target: What they are for; `prometheus` and `grafana` are about all models.
        model: A saved model below the current folder; None for the only one of the repository.
        models: Folder of the model repository.
        out: Folder for the files; it is made where it does not exist.
        force: Whether files that are there and differ are overwritten.

    Raises:
        ModelNotFoundError: There is no such model.
        UsageError: A file is there already, or the model cannot be in an image.
    """
    target, folder = Target(target), Path(out)
    contents = _contents(target, model, models, folder)
    paths = [folder / name for name in contents]
    differing = [path for path in paths if path.exists() and not _holds(path, contents[path.name])]
    if differing and not force:
        raise UsageError(
            f"{' and '.join(map(str, differing))} would be overwritten, and may hold your changes.",
            hint="Write elsewhere with --out DIR, or overwrite with --force.",
        )
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}.") from error
    for path in paths:
        with Sink(path) as sink:
            sink.begin()
            sink.write(contents[path.name].encode())
    return paths


def _contents(
    target: Target, model: str | Path | None, models: str | Path, folder: Path
) -> Mapping[str, str]:
    """Contents by the names of the files."""
    match target:
        case Target.DOCKER:
            return _image(packaged_model(model, models=models), folder)
        case Target.COMPOSE:
            packaged = packaged_model(model, models=models)
            context = os.path.relpath(Path.cwd(), folder)
            written = compose(packaged, context, _dockerfile_in(folder))
            return {**_image(packaged, folder), "compose.yaml": written}
        case Target.KUBERNETES:
            packaged = packaged_model(model, models=models)
            return {**_image(packaged, folder), "kubernetes.yaml": kubernetes(packaged)}
        case Target.PROMETHEUS:
            return {RULES_NAME: prometheus_rules(), "prometheus.yaml": prometheus_configuration()}
        case Target.GRAFANA:
            return {"grafana.json": grafana_dashboard()}
        case _:
            assert_never(target)


def _image(packaged: Packaged, folder: Path) -> Mapping[str, str]:
    return {
        "Dockerfile": dockerfile(packaged, _dockerfile_in(folder)),
        # Docker reads the file of this name before that of the folder.
        "Dockerfile.dockerignore": dockerignore(packaged),
    }


def _dockerfile_in(folder: Path) -> str:
    return Path(os.path.relpath(folder / "Dockerfile")).as_posix()


def _holds(path: Path, content: str) -> bool:
    try:
        return path.read_bytes() == content.encode()
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}.") from error
