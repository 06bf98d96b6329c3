"""`mlserve convert-onnx`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.options import DEFAULT_MODELS, Json, Models, Trust, complete_model
from mlserve_cli.cli.output import fields, print_json, size, stdout, working
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from rich.console import RenderableType

    from mlserve_cli.conversion.speed import Speed
    from mlserve_cli.serialization.convert import OnnxReport
    from mlserve_cli.serialization.manifest import OnnxPayload


def convert_onnx(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A model file, an artifact, an MLflow model directory, NAME or NAME/VERSION. "
            "Default: the only model in the repository.",
            autocompletion=complete_model,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Argument(
            metavar="[OUT.onnx]",
            help="File to write. Default: into the model's version in the repository.",
        ),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Rows to compare on. Default: those saved with the model, else rows made from it.",
        ),
    ] = None,
    tolerance: Annotated[
        float,
        typer.Option(
            min=0, metavar="T", help="Largest difference of a probability or of a value, relative."
        ),
    ] = 1e-6,
    opset: Annotated[
        int | None,
        typer.Option(metavar="N", help="Version of the operators. Default: the lowest usable."),
    ] = None,
    precision: Annotated[
        str, typer.Option(metavar="auto|float32|float64", help="Numbers to compute with.")
    ] = "auto",
    outputs: Annotated[
        str | None,
        typer.Option(metavar="NAME,NAME,...", help="Outputs to keep. Default: what serving needs."),
    ] = None,
    allow_mismatch: Annotated[
        bool, typer.Option("--allow-mismatch", help="Keep a model that does not agree.")
    ] = False,
    models: Models = DEFAULT_MODELS,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Convert a model to ONNX, exactly: labels equal on every row, numbers within the tolerance.

    Exit code 1 and no file: the converted model does not agree with the estimator.
    """
    with working("Converting and comparing") as tell:
        from mlserve_cli.conversion.result import Options, Precision
        from mlserve_cli.serialization.convert import convert_onnx as convert

        if precision not in list(Precision):
            raise UsageError(f"--precision is {precision!r}; expected auto, float32 or float64.")
        report = convert(
            model,
            out,
            data=data,
            options=Options(
                precision=Precision(precision),
                tolerance=tolerance,
                opset=opset,
                outputs=None if outputs is None else tuple(outputs.split(",")),
                on_step=lambda step: tell(f"Converting: {step}"),
            ),
            allow_mismatch=allow_mismatch,
            models=models,
            trust=trust or (),
        )
    if json:
        print_json(report)
    else:
        _print(report)


def _print(report: "OnnxReport") -> None:
    onnx = report.onnx
    rows: list[tuple[str, RenderableType]] = [
        ("size", size(report.size_bytes)),
        ("opset", f"{onnx.opset}" + (f", ai.onnx.ml {onnx.ml_opset}" if onnx.ml_opset else "")),
        ("parity", parity(onnx)),
    ]
    console = stdout()
    console.print(f"Wrote {report.path}")
    console.print(fields(rows))
    console.print()
    console.print(speed_table(onnx.speeds))


def parity(onnx: "OnnxPayload") -> str:
    """The comparison in one sentence."""
    found = onnx.parity
    verdict = "agrees with" if found.passed else "DIFFERS from"
    return (
        f"{verdict} the estimator on {found.rows:,} rows ({found.source}): "
        f"{found.label_mismatches} labels differ, numbers by up to {found.max_difference:.2g}"
    )


def speed_table(speeds: "tuple[Speed, ...]") -> "RenderableType":
    """Both engines beside each other, by rows per call."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("rows per call", "estimator", "ONNX Runtime", "ratio"):
        table.add_column(heading, justify="right")
    for speed in speeds:
        table.add_row(
            f"{speed.rows:,}",
            _duration(speed.estimator_seconds),
            _duration(speed.onnx_seconds),
            f"{speed.ratio:.1f}x",
        )
    return table


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
