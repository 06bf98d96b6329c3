"""The `mlserve` command with all its subcommands."""

from typing import Annotated

import typer

from mlserve_cli.cli.batch_predict import batch_predict
from mlserve_cli.cli.convert_onnx import convert_onnx
from mlserve_cli.cli.demo import demo
from mlserve_cli.cli.deploy import deploy
from mlserve_cli.cli.drift_check import drift_check
from mlserve_cli.cli.inspect import inspect
from mlserve_cli.cli.metrics import metrics
from mlserve_cli.cli.outcome import OutcomeGroup
from mlserve_cli.cli.save import save
from mlserve_cli.cli.serve import serve

app = typer.Typer(
    cls=OutcomeGroup,
    no_args_is_help=True,
    # Plain help is on the screen in half the time that help in boxes takes.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        # Costs more to import than everything else that --help needs.
        import importlib.metadata

        typer.echo(f"mlserve {importlib.metadata.version('mlserve-cli')}")
        raise typer.Exit


@app.callback()
def mlserve(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    """From model.fit to a monitored production service, from the command line."""


app.command("save")(save)
app.command("convert-onnx")(convert_onnx)
app.command("inspect")(inspect)
app.command("batch-predict")(batch_predict)
app.command("serve")(serve)
app.command("drift-check")(drift_check)
app.command("deploy")(deploy)
app.command("metrics")(metrics)
app.command("demo")(demo)
