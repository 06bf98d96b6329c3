"""`mlserve demo`."""

import contextlib
import shlex
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from mlserve_cli.cli.output import stdout
from mlserve_cli.errors import EngineError, UsageError

_STEPS = (
    (
        "Save the model. Its data give the signature and prove that the saved file predicts alike.",
        "save train.py:model --name penguins --data penguins_2007_2008.csv --target species",
    ),
    ("See what was saved.", "inspect penguins"),
    (
        "Convert it to ONNX. Both are compared on the rows that were saved with the model.",
        "convert-onnx penguins",
    ),
    (
        "Score the penguins of 2009. Their own columns come back byte for byte.",
        "batch-predict penguins_2009.csv scored.csv --model penguins --output both",
    ),
)

_SHOWN_ROWS = 5
_DRIFT = "drift-check penguins_2007_2008.csv penguins_2009.csv"
_SERVED = "penguins --port 0"
_METRICS = "metrics --records .mlserve/records"


def demo(
    keep: Annotated[
        Path | None,
        typer.Option("--keep", metavar="DIR", help="Leave the files in this folder to play with."),
    ] = None,
) -> None:
    """Show all of it on real data, command by command.

    The data are 344 penguins (Gorman, Williams and Fraser 2014, CC0), measured from 2007 to 2009.
    """
    with contextlib.ExitStack() as stack:
        if keep is None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mlserve-demo-")))
        else:
            folder = _new_folder(keep)
        stack.enter_context(contextlib.chdir(folder))
        _run()
    if keep is not None:
        typer.echo(f"\nThe files are in {keep}. Go there and try the commands yourself.")


def _run() -> None:
    from rich.syntax import Syntax

    from mlserve_cli.demo import TRAIN_SCRIPT, write_demo_files

    write_demo_files(Path())
    console = stdout()
    console.print("A model that tells the species of a penguin, and 344 penguins to try it on.\n")
    _print_command(f"cat {TRAIN_SCRIPT}")
    code = Path(TRAIN_SCRIPT).read_text(encoding="utf-8").rstrip()
    console.print(Syntax(code, "python", background_color="default"))
    for explanation, command in _STEPS:
        console.print(f"\n# {explanation}", style="dim")
        _print_command(f"mlserve {command}")
        _invoke(command)
    console.print()
    _print_command(f"head -{_SHOWN_ROWS + 1} scored.csv")
    lines = Path("scored.csv").read_text(encoding="utf-8").splitlines()
    console.print("\n".join(lines[: _SHOWN_ROWS + 1]))
    _print_accuracy(lines)
    _check_drift()
    _serve()


def _check_drift() -> None:
    stdout().print(
        "\n# Have the penguins changed? The year has, of course; exit code 1 tells a pipeline.",
        style="dim",
    )
    _print_command(f"mlserve {_DRIFT}")
    _invoke(_DRIFT, expected=1)


def _serve() -> None:
    from mlserve_cli.demo.server import running_server

    console = stdout()
    console.print("\n# Serve it on a free port, ask it over HTTP, stop it.", style="dim")
    _print_command(f"mlserve serve {_SERVED} &")
    with running_server(_SERVED) as server:
        console.print(server.announced.rstrip())
        _print_command(server.curl)
        console.print(server.ask())
        _print_command("kill %1")
    console.print("The server has finished what it was asked, and ended with exit code 0.")
    console.print("\n# What it did is still known.", style="dim")
    _print_command(f"mlserve {_METRICS}")
    _invoke(_METRICS)


def _print_accuracy(lines: list[str]) -> None:
    import csv

    rows = list(csv.DictReader(lines))
    right = sum(row["species"] == row["prediction"] for row in rows)
    stdout().print(
        f"\n{right} of {len(rows)} penguins of 2009 got their true species, by a model that has "
        "never seen that year."
    )


def _print_command(command: str) -> None:
    from rich.text import Text

    stdout().print(Text.assemble(("$", "bold green"), (f" {command}", "bold")))


def _invoke(command: str, *, expected: int = 0) -> None:
    from mlserve_cli.cli.app import app

    exit_code = app(shlex.split(command), prog_name="mlserve", standalone_mode=False)
    if (exit_code or 0) != expected:
        raise EngineError(f"The demo stopped: mlserve {command} ended with exit code {exit_code}.")


def _new_folder(path: Path) -> Path:
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise UsageError(f"{path} exists and is not an empty folder.", hint="Name a new folder.")
    path.mkdir(parents=True, exist_ok=True)
    return path
