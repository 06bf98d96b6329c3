"""`mlserve metrics --labels`: how good predictions were."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlserve_cli.cli.output import print_json, stdout, working
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from mlserve_cli.monitoring.quality_report import QualityReport
    from mlserve_cli.serialization.truth_join import Truth

# The check ran and found that quality fell.
_FELL = 1


def judge(
    truth: "Truth",
    records: Path,
    predictions: Path | None,
    *,
    model: str | None,
    models: Path,
    max_drop: float | None,
    json: bool,
) -> None:
    """Prints how good predictions were; exits with 1 where that fell by more than `max_drop`."""
    from mlserve_cli.serialization.realised_quality import quality_of_file, quality_of_records

    with working("Comparing with the truth"):
        if predictions is not None:
            reports = quality_of_file(truth, predictions, model=model, models=models)
        else:
            reports = quality_of_records(truth, records, model=model, models=models)
    if max_drop is not None:
        _require_stored(reports)
    if json:
        print_json({"reports": reports})
    else:
        _print(reports, max_drop)
    if max_drop is not None and any(report.fell(max_drop) for report in reports):
        raise typer.Exit(_FELL)


def _require_stored(reports: "list[QualityReport]") -> None:
    for report in reports:
        if all(figure.drop is None for figure in report.figures):
            name = f"{report.model}/{report.version}" if report.model else "the model"
            raise UsageError(
                f"It is not known how good {name} was when it was saved, so that nothing can fall.",
                hint="Save models with their data: mlserve save SOURCE --data FILE --target COLUMN"
                + ("" if report.model else ". Name the model of a scored file: --model NAME"),
            )


def _print(reports: "list[QualityReport]", max_drop: float | None) -> None:
    from mlserve_cli.reports.quality import quality_view

    console = stdout()
    for number, report in enumerate(reports):
        if number:
            console.print()
        console.print(quality_view(report, max_drop))
        if report.unknown:
            names = ", ".join(map(repr, report.unknown))
            console.print(
                f"The truth has classes that the model does not know: {names}. Is that a matter of "
                "spelling? Its probabilities are not judged.",
                style="yellow",
            )
        for figure in report.fell(max_drop) if max_drop is not None else ():
            console.print(
                f"{figure.name} fell by {figure.drop:.4g}, more than {max_drop:g}.",
                style="bold red",
            )
