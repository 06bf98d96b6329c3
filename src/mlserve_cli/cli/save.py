"""`mlserve save`."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.options import DEFAULT_MODELS, Json, Models, Trust
from mlserve_cli.cli.output import fields, print_json, stdout, working
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlserve_cli.serialization.repository import Artifact


class Format(StrEnum):
    """Ways to store a model."""

    AUTO = "auto"
    SKOPS = "skops"
    JOBLIB = "joblib"
    PICKLE = "pickle"
    ONNX = "onnx"


def save(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE",
            help="A .joblib, .pkl, .skops or .onnx file, an MLflow model directory, FILE.py:NAME "
            "or package.module:NAME.",
        ),
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the model. Default: taken from SOURCE.")
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rows of the model's data (CSV, Parquet, Arrow, JSON Lines, npy). They give exact "
            "column types, the reference for drift checks and an example, and prove that the saved "
            "file predicts the same.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of the data that the model predicts: stores quality metrics.",
        ),
    ] = None,
    format: Annotated[
        Format,
        typer.Option(help="How to store the model; auto takes skops where it works, else joblib."),
    ] = Format.AUTO,
    tag: Annotated[
        list[str] | None, typer.Option(metavar="K=V", help="Note to keep. Repeat for more.")
    ] = None,
    models: Models = DEFAULT_MODELS,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Save a fitted model as a new version in the repository.

    The version appears only after the saved file was loaded again and, with `--data`, predicted the
    same values as SOURCE.
    """
    tags = dict(_parse_tag(text) for text in tag or [])

    def save_it() -> "Artifact":
        from mlserve_cli.serialization.model_format import ModelFormat
        from mlserve_cli.serialization.save import save_model

        return save_model(
            source,
            name,
            data=data,
            target=target,
            format=None if format is Format.AUTO else ModelFormat(format),
            models=models,
            tags=tags,
            trust=trust or (),
        )

    artifact = _in_child(save_it, source) if format is Format.ONNX else _here(save_it, source)
    if json:
        print_json({"path": str(artifact.path), **_as_dict(artifact)})
    else:
        _print(artifact)


def _here(save_it: "Callable[[], Artifact]", source: str) -> "Artifact":
    with working(f"Saving {source}"):
        return save_it()


def _in_child(save_it: "Callable[[], Artifact]", source: str) -> "Artifact":
    """A conversion may crash, hang or eat memory, and then leaves nothing behind."""
    from mlserve_cli.conversion.child import in_child

    def work(tell: "Callable[[str], None]") -> "Artifact":
        tell(f"saving {source} as ONNX")
        return save_it()

    with in_child(work, "The conversion") as child, working(f"Saving {source}") as tell:
        return child.result(tell)


def _parse_tag(text: str) -> tuple[str, str]:
    key, separator, value = text.partition("=")
    if not separator or not key:
        raise UsageError(f"The tag '{text}' is not of the form KEY=VALUE.")
    return key, value


def _as_dict(artifact: "Artifact") -> dict[str, object]:
    import msgspec

    manifest: dict[str, object] = msgspec.to_builtins(artifact.manifest)
    return manifest


def _print(artifact: "Artifact") -> None:
    from mlserve_cli.cli.output import size

    manifest = artifact.manifest
    total = sum(entry.size_bytes for entry in manifest.files)
    rows = [
        ("format", f"{manifest.format} ({manifest.format_reason})"),
        ("inputs", f"{len(manifest.signature.columns)} columns"),
        ("size", size(total)),
    ]
    if manifest.verified_rows:
        rows.append(("verified", f"same predictions on {manifest.verified_rows:,} rows"))
    if manifest.metrics:
        shown = {name: value for name, value in manifest.metrics.items() if name != "rows"}
        rows.append(("metrics", ", ".join(f"{key} {value:.4g}" for key, value in shown.items())))
    console = stdout()
    console.print(f"Saved {manifest.name} version {manifest.version} in {artifact.path}")
    console.print(fields(rows))
