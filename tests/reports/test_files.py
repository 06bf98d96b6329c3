from pathlib import Path

import pytest
from tests.reports.samples import FIVE, QUIET, report

from mlserve_cli.errors import UsageError
from mlserve_cli.reports import ReportFormat, render_report, report_files, write_report


@pytest.mark.parametrize("format", list(ReportFormat))
def test_a_report_is_written_in_each_format(format: ReportFormat, tmp_path: Path) -> None:
    write_report(FIVE, tmp_path / "report", format)
    assert (tmp_path / "report").read_text("utf-8") == render_report(FIVE, format)
    assert list(tmp_path.iterdir()) == [tmp_path / "report"]


def test_without_a_format_it_is_a_page(tmp_path: Path) -> None:
    write_report(FIVE, tmp_path / "report.html")
    assert (tmp_path / "report.html").read_bytes().startswith(b"<!doctype html>")


def test_a_failed_check_leaves_the_old_report(tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    write_report(report(QUIET), target)
    before = target.read_bytes()
    with pytest.raises(ZeroDivisionError), report_files({ReportFormat.HTML: target}):
        _ = 1 / 0
    assert target.read_bytes() == before
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(
    ("path", "message"),
    [("nowhere/report.html", "does not exist"), (".", "is a directory")],
    ids=["no folder", "folder"],
)
def test_a_bad_path_is_told_before_the_work(path: str, message: str, in_tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message), report_files({ReportFormat.HTML: path}):
        pytest.fail("the work began")
