"""`mlserve drift-check`."""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.drift_inputs import find_reference, read_rule
from mlserve_cli.cli.options import DEFAULT_MODELS, Json, Models
from mlserve_cli.cli.output import print_json, stdout, working
from mlserve_cli.drift.choices import Correction, Method
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from mlserve_cli.drift.report import DriftReport
    from mlserve_cli.reports.files import ReportFormat

# The check ran and found drift.
_DRIFTED = 1
_STANDARD_OUTPUT = Path("-")


def drift_check(
    reference: Annotated[
        str,
        typer.Argument(
            metavar="REFERENCE",
            help="A file (npy, npz, CSV, Parquet, Arrow, JSON Lines), a folder or pattern of "
            "files, a URI, a saved profile, or a MODEL saved with --data.",
        ),
    ],
    current: Annotated[
        str, typer.Argument(metavar="CURRENT", help="A file, a folder or pattern of files, a URI.")
    ],
    alpha: Annotated[
        float | None,
        typer.Option(metavar="X", help="Level of significance.  [default: 0.01]"),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option(help="How distributions are compared.  [default: auto]"),
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME,NAME,...", help="Columns to compare. Default: all."),
    ] = None,
    threshold: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN=X", help="--min-effect of one column. Repeat for more."),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="TOML, YAML or JSON with parts of the rule: alpha, method, correction, "
            "min_effect, min_share, thresholds, max_drifted_share, strict.",
        ),
    ] = None,
    correction: Annotated[
        Correction | None,
        typer.Option(help="Of p-values, for the number of tests.  [default: bh]"),
    ] = None,
    min_effect: Annotated[
        float | None,
        typer.Option(metavar="X", help="Effect from which it is drift.  [default: 0.1]"),
    ] = None,
    max_drifted_share: Annotated[
        float | None,
        typer.Option(metavar="X", help="Share of drifted columns that is accepted.  [default: 0]"),
    ] = None,
    strict: Annotated[
        bool,
        typer.Option(
            "--strict", help="Insufficient data and every difference of the columns fail, too."
        ),
    ] = False,
    predictions: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME,NAME,...",
            help="Columns with predictions or probabilities (probability_CLASS): tested by "
            "themselves, shown first. From probabilities their quality is estimated.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column with the truth: where both sides have it, the quality of --predictions "
            "is compared.",
        ),
    ] = None,
    multivariate: Annotated[
        bool,
        typer.Option(
            "--multivariate", help="Also compare whole rows: do columns go together as they did?"
        ),
    ] = False,
    time: Annotated[
        str | None,
        typer.Option(metavar="COLUMN", help="Column of CURRENT with times, for --window."),
    ] = None,
    window: Annotated[
        str | None,
        typer.Option(
            metavar="N|SPAN",
            help="Also compare each window of CURRENT: so many rows, or a span such as 6h or 1d.",
        ),
    ] = None,
    save_profile: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Write what is known of REFERENCE, to take its place later."
        ),
    ] = None,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report as a page for a browser."),
    ] = None,
    markdown: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Write the report for a pull request."),
    ] = None,
    models: Models = DEFAULT_MODELS,
    json: Json = False,
) -> None:
    """Tell whether the data have changed, column by column.

    A column has drifted where the change is both significant and large enough to matter. Drift of
    whole rows (--multivariate) and worse predictions (--target) fail the check, too; windows only
    inform. The exit code is 0 without drift, 1 with drift, and another one where the check could
    not be made.
    """
    _one_thread_for_blas()
    targets = _targets(html, markdown, json=json, inputs=(reference, current))
    _check_profile_target(save_profile, targets, inputs=(reference, current))
    from mlserve_cli.reports.files import report_files

    with working("Comparing"), report_files(targets) as write:
        from mlserve_cli.drift.check import drift_check as check

        given = {
            "alpha": alpha,
            "method": method,
            "correction": correction,
            "min_effect": min_effect,
            "max_drifted_share": max_drifted_share,
            "strict": strict or None,
        }
        rule = read_rule(config, given, threshold or [])
        report = check(
            find_reference(reference, models),
            current,
            rule,
            columns=_names(columns),
            profile=save_profile,
            predictions=_names(predictions) or (),
            target=target,
            multivariate=multivariate,
            time=time,
            window=window,
        )
        write(report)
    if json:
        print_json(report)
    elif _STANDARD_OUTPUT not in targets.values():
        from mlserve_cli.reports.terminal import print_report

        print_report(report, stdout())
    if report:
        raise typer.Exit(_DRIFTED)
    _warn_of_few_rows(report)


def _targets(
    html: Path | None, markdown: Path | None, *, json: bool, inputs: tuple[str, str]
) -> "dict[ReportFormat, Path]":
    """Where reports are written, checked before the work."""
    from mlserve_cli.reports.files import ReportFormat

    given = {ReportFormat.HTML: html, ReportFormat.MARKDOWN: markdown}
    targets = {format: path for format, path in given.items() if path is not None}
    if [*targets.values(), *[_STANDARD_OUTPUT] * json].count(_STANDARD_OUTPUT) > 1:
        raise UsageError("Only one form of the report fits on standard output.")
    for path in targets.values():
        _refuse_input(path, inputs)
    if html is not None and html == markdown:
        raise UsageError(f"Both reports would be written to {html}.", hint="Name two files.")
    return targets


def _check_profile_target(
    path: Path | None, targets: "dict[ReportFormat, Path]", inputs: tuple[str, str]
) -> None:
    if path is None:
        return
    _refuse_input(path, inputs)
    if path == _STANDARD_OUTPUT:
        raise UsageError("A profile is no text for standard output.", hint="Name a file for it.")
    if path in targets.values():
        raise UsageError(f"A report and the profile would be written to {path}.")


def _refuse_input(path: Path, inputs: tuple[str, str]) -> None:
    # Unlike Path.is_file this also takes names that are too long.
    files = [Path(name) for name in inputs if os.path.isfile(name)]  # noqa: PTH113
    if path.is_file() and any(path.samefile(file) for file in files):
        raise UsageError(
            f"{path} is an input of the check; it would be overwritten.",
            hint="Name another file to write to.",
        )


def _one_thread_for_blas() -> None:
    """Nothing here multiplies matrices, and idle threads of OpenBLAS cost start-up time."""
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def _names(columns: list[str] | None) -> list[str] | None:
    import csv

    # Names with commas are quoted, as in a file.
    return None if columns is None else [name for line in csv.reader(columns) for name in line]


def _warn_of_few_rows(report: "DriftReport") -> None:
    from mlserve_cli.drift.report import Verdict

    few = report.count(Verdict.INSUFFICIENT_DATA)
    if few:
        noun = "column has" if few == 1 else "columns have"
        warnings.warn(
            f"{few} {noun} too few rows to show a change of the size that counts; with --strict "
            "the check fails then.",
            stacklevel=2,
        )
