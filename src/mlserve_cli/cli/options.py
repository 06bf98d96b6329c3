"""Options that several commands share."""

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

DEFAULT_MODELS = Path("models")


def complete_model(incomplete: str) -> list[str]:
    """Names in the model repository, for shell completion."""
    from mlserve_cli.serialization.repository import ModelRepository

    names = ModelRepository(os.environ.get("MLSERVE_MODELS", DEFAULT_MODELS)).names()
    return [name for name in names if name.startswith(incomplete)]


def _find_trusted_modules_here(trust: list[str] | None) -> list[str] | None:
    """Lets trusted types come from modules in the current folder, as Python scripts do."""
    if trust:
        sys.path.append(str(Path.cwd()))
    return trust


Models = Annotated[
    Path,
    typer.Option(
        "--models",
        metavar="DIR",
        envvar="MLSERVE_MODELS",
        help="Folder of the model repository.",
    ),
]

Trust = Annotated[
    list[str] | None,
    typer.Option(
        "--trust",
        metavar="TYPE",
        envvar="MLSERVE_TRUST",
        callback=_find_trusted_modules_here,
        help="Load this type, `module.Name`, although mlserve does not know it. To trust a type "
        "means to run its code while loading. Repeat for more.",
    ),
]

Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        "-m",
        metavar="MODEL",
        envvar=["MLSERVE_MODEL", "MODEL_PATH"],
        help="A model file, an artifact, an MLflow model directory, NAME or NAME/VERSION. "
        "Default: the only model in the repository.",
        autocompletion=complete_model,
    ),
]

Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
