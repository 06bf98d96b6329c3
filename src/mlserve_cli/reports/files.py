"""Writes reports to files that appear whole or not at all."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from mlserve_cli.drift.report import DriftReport
    from mlserve_cli.tables.sink import Sink


class ReportFormat(StrEnum):
    """The forms of a report that are files."""

    HTML = "html"
    MARKDOWN = "markdown"


def render_report(report: "DriftReport", format: ReportFormat) -> str:
    """The report as text in that format."""
    match format:
        case ReportFormat.HTML:
            from mlserve_cli.reports.page import render_html

            return render_html(report)
        case ReportFormat.MARKDOWN:
            from mlserve_cli.reports.markdown import render_markdown

            return render_markdown(report)
        case _:
            assert_never(format)


@contextmanager
def report_files(
    targets: Mapping[ReportFormat, str | Path],
) -> Iterator[Callable[["DriftReport"], None]]:
    """Opens files for a report that is yet to be made, so that a bad path shows before the work.

    Args:
        targets: Where to write which format; `-` is standard output.

    Yields:
        A function that takes the report. The files get their names when the `with` block is left
        normally; an exception leaves what was there before.

    Raises:
        UsageError: A file cannot be written there.
        EngineError: The disk is full or failed.
    """
    with ExitStack() as stack:
        sinks = {format: stack.enter_context(_opened(path)) for format, path in targets.items()}
        for sink in sinks.values():
            sink.begin()

        def write(report: "DriftReport") -> None:
            for format, sink in sinks.items():
                sink.write(render_report(report, format).encode())

        yield write


def _opened(path: str | Path) -> "Sink":
    # It imports pyarrow, which a check that writes no file need not wait for.
    from mlserve_cli.tables.sink import Sink

    return Sink(path)


def write_report(
    report: "DriftReport", path: str | Path, format: ReportFormat = ReportFormat.HTML
) -> None:
    """Writes a report to a file; see `report_files`."""
    with report_files({format: path}) as write:
        write(report)
