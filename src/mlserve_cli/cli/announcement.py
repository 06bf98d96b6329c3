"""What `mlserve serve` says once it listens."""

import shlex
import sys
from typing import TYPE_CHECKING
from urllib.parse import quote

import typer

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.run import RunningServer


def announce(running: "RunningServer") -> None:
    """Prints the addresses, and for each model a curl line that works."""
    service, address = running.gateway.service, running.address
    found = service.models()
    typer.echo(f"Listening on {address}")
    typer.echo(f"Docs         {address}/docs")
    typer.echo(f"Metrics      {address}/metrics")
    typer.echo(f"Dashboard    {address}/dashboard")
    records = running.gateway.options.records
    if records is not None and records.rows_per_second:
        typer.echo(f"Records      {records.folder}")
    if running.grpc_address is not None:
        typer.echo(f"gRPC         {running.grpc_address}")
    for model in found:
        typer.echo(
            f"\nModel {model.name}, version {model.version}, engine {model.predictor.engine}"
        )
        key = "-H 'Authorization: Bearer KEY' " if running.needs_key else ""
        body = shlex.quote(model.example_body.decode())
        where = shlex.quote(address + _path(model, found))
        typer.echo(f"  curl {key}{where} -d {body}")
    sys.stdout.flush()
    if running.is_open:
        typer.secho("warning: ", fg="yellow", bold=True, err=True, nl=False)
        typer.echo(
            "Anybody who reaches this machine can use these models and unload them; "
            "--api-key-file FILE asks for a key.",
            err=True,
        )


def _path(model: "LoadedModel", served: "Sequence[LoadedModel]") -> str:
    if len(served) == 1:
        return "/predict"
    path = f"/models/{quote(model.name, safe='')}"
    if sum(other.name == model.name for other in served) > 1:
        path += f"/versions/{model.version}"
    return f"{path}/predict"
