"""`mlserve deploy`."""

import shlex
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.options import DEFAULT_MODELS, Models, complete_model

if TYPE_CHECKING:
    from collections.abc import Iterator


class TargetChoice(StrEnum):
    """What the files are for."""

    DOCKER = "docker"
    COMPOSE = "compose"
    KUBERNETES = "kubernetes"
    PROMETHEUS = "prometheus"
    GRAFANA = "grafana"


def deploy(
    target: Annotated[
        TargetChoice,
        typer.Argument(
            help="docker: an image that serves the model; compose, kubernetes: what runs it; "
            "prometheus: alerts on any server; grafana: a dashboard."
        ),
    ],
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="NAME or NAME/VERSION of a saved model. Default: the only model in the "
            "repository. prometheus and grafana need none.",
            autocompletion=complete_model,
        ),
    ] = None,
    out: Annotated[
        Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for the files.")
    ] = Path("deploy"),
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files that are there already.")
    ] = False,
    models: Models = DEFAULT_MODELS,
) -> None:
    """Write the files that run and watch a server elsewhere.

    They are starting points: read them, change them, and keep them beside your code.
    """
    from mlserve_cli.deploy import Target
    from mlserve_cli.deploy import deploy as write

    written = write(Target(target), model, models=models, out=out, force=force)
    for path in written:
        typer.echo(f"Wrote {path}")
    for line in _next_steps(target, out, written[0]):
        typer.echo(f"  {line}")


def _next_steps(target: TargetChoice, out: Path, first: Path) -> "Iterator[str]":
    if target is TargetChoice.PROMETHEUS:
        yield shlex.join(["promtool", "check", "rules", str(first)])
        yield shlex.join(["prometheus", f"--config.file={out / 'prometheus.yaml'}"])
    elif target is TargetChoice.GRAFANA:
        yield "Import it in Grafana: Dashboards, New, Import."
    elif target is TargetChoice.COMPOSE:
        compose = str(out / "compose.yaml")
        yield shlex.join(["docker", "compose", "--file", compose, "up", "--build"])
    else:
        # The image's name stands in the file, in a command to be copied.
        yield first.read_text(encoding="utf-8").splitlines()[1].removeprefix("#").strip()
        if target is TargetChoice.KUBERNETES:
            yield shlex.join(["kubectl", "apply", "--filename", str(out / "kubernetes.yaml")])
