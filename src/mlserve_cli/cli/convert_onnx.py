"""`mlserve convert-onnx`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.options import DEFAULT_MODELS, Json, Models, Trust, complete_model
from mlserve_cli.cli.output import fields, print_json, size, stdout, working
from mlserve_cli.errors import ParityError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import RenderableType

    from mlserve_cli.conversion.result import Variant
    from mlserve_cli.conversion.speed import Speed
    from mlserve_cli.serialization.manifest import OnnxPayload
    from mlserve_cli.serialization.onnx_report import OnnxReport

# Less is the noise of the measurement.
_LEAST_GAIN = 1.1


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
    timeout: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="Longest time that this may take.")
    ] = 600,
    models: Models = DEFAULT_MODELS,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Convert a model to ONNX, or say where it would differ.

    Labels are equal on every row, and numbers within the tolerance.

    Exit code 1 and no file: the converted model does not agree with the estimator.

    The work is done in a process of its own: a model that crashes it, hangs or eats memory is one
    error that names the step, and leaves nothing behind.
    """
    from mlserve_cli.conversion.child import Limits, in_child

    def convert(tell: "Callable[[str], None]") -> "OnnxReport":
        from mlserve_cli.conversion.result import Options, Precision
        from mlserve_cli.serialization.convert import convert_onnx as convert_model

        if precision not in list(Precision):
            raise UsageError(f"--precision is {precision!r}; expected auto, float32 or float64.")
        return convert_model(
            model,
            out,
            data=data,
            options=Options(
                precision=Precision(precision),
                tolerance=tolerance,
                opset=opset,
                outputs=None if outputs is None else tuple(map(str.strip, outputs.split(","))),
                on_step=tell,
            ),
            allow_mismatch=allow_mismatch,
            models=models,
            trust=trust or (),
        )

    limits = Limits(seconds=timeout)
    with in_child(convert, "The conversion", limits) as child, working("Converting") as tell:
        try:
            report = child.result(lambda step: tell(f"Converting: {step}"))
        except ParityError as error:
            if json:
                print_json({"path": None, "onnx": {"parity": error.conversion.parity}})
            raise
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
    if onnx.speeds:
        console.print()
        console.print(speed_table(onnx.speeds))
    if onnx.variants:
        console.print()
        console.print(_variants_table(onnx.variants))
    if (advice := _advice(onnx.variants)) is not None:
        console.print(advice)


def parity(onnx: "OnnxPayload") -> str:
    """The comparison in one sentence."""
    from mlserve_cli.conversion.parity import shown_difference

    found = onnx.parity
    verdict = "agrees with" if found.passed else "DIFFERS from"
    return (
        f"{verdict} the estimator on {found.rows:,} rows ({found.source}): "
        f"{found.label_mismatches} labels differ, numbers by up to "
        f"{shown_difference(found.max_difference)}"
    )


def speed_table(speeds: "tuple[Speed, ...]") -> "RenderableType":
    """Both engines beside each other, by rows per call."""
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("rows per call", "estimator", "ONNX", "ratio"):
        table.add_column(heading, justify="right")
    for speed in speeds:
        table.add_row(
            f"{speed.rows:,}",
            _duration(speed.estimator_seconds),
            _duration(speed.onnx_seconds),
            f"{speed.ratio:.1f}x",
        )
    return table


def _variants_table(variants: "tuple[Variant, ...]") -> "RenderableType":
    """What was tried, and what was taken."""
    from rich.table import Table

    from mlserve_cli.conversion.parity import shown_difference

    rows = sorted({count for one in variants for count in one.seconds})
    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("precision")
    table.add_column("agrees")
    for heading in ("labels differ", "numbers by", *(f"{count:,} rows" for count in rows)):
        table.add_column(heading.replace("1 rows", "1 row"), justify="right")
    for one in variants:
        name = f"{one.precision}{', taken' * one.chosen}"
        if one.reason:
            table.add_row(name, one.reason)
            continue
        found = (f"{one.label_mismatches}", shown_difference(one.max_difference))
        times = (_duration(one.seconds[count]) for count in rows)
        table.add_row(name, "yes" if one.agrees else "no", *found, *times)
    return table


def _advice(variants: "tuple[Variant, ...]") -> str | None:
    """What another precision would gain; None where that is nothing."""
    taken = next((one for one in variants if one.chosen), None)
    for one in variants:
        if taken is None or one.chosen or not one.agrees:
            continue
        gains = {rows: taken.seconds[rows] / seconds for rows, seconds in one.seconds.items()}
        rows, gain = max(gains.items(), key=lambda entry: entry[1])
        if gain >= _LEAST_GAIN:
            return (
                f"{one.precision} agrees within {one.max_difference:.1g} and is {gain:.1f} times "
                f"as fast at {rows:,} row{'s' * (rows > 1)}: --precision {one.precision} takes it."
            )
    return None


def _duration(seconds: float) -> str:
    if seconds < 1e-3:
        return f"{seconds * 1e6:.0f} µs"
    return f"{seconds * 1e3:.1f} ms" if seconds < 1 else f"{seconds:.2f} s"
