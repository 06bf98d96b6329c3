"""One result rendered for a terminal, as JSON, as Markdown or as HTML."""

from typing import TYPE_CHECKING

from mlserve_cli.lazy import names_from

if TYPE_CHECKING:
    from mlserve_cli.reports.files import ReportFormat, render_report, report_files, write_report
    from mlserve_cli.reports.terminal import print_report

__all__ = ["ReportFormat", "print_report", "render_report", "report_files", "write_report"]

_HOMES = {
    "ReportFormat": "files",
    "print_report": "terminal",
    "render_report": "files",
    "report_files": "files",
    "write_report": "files",
}


__getattr__ = names_from(__name__, _HOMES)
