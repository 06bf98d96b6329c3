"""A drift report as one HTML page that needs nothing else: no network, no script."""

import base64
import hashlib
import re
from pathlib import Path
from typing import TYPE_CHECKING

from mlserve_cli.drift.evaluation.shares import share
from mlserve_cli.drift.report import QUANTILES, DriftReport, Verdict
from mlserve_cli.reports import course_plot, plots, sections, wording
from mlserve_cli.reports.legible import legible

if TYPE_CHECKING:
    from jinja2 import Environment

_TEMPLATES = Path(__file__).with_name("templates")
# The page grows by 3 to 5 kB with each of them; --json has them all.
_SHOWN_COLUMNS = 500
_NAME_CHARACTERS = 50
_DIRECTION_CHARACTERS = 100
_REMARKS_CHARACTERS = 200
# Where a long name may go on in the next line.
_BREAKABLE = re.compile(r"(?<=[_.:/-])(?=\w)")
# A bar ends at so many times the threshold.
_LONGEST_RATIO = 3.0


def render_html(report: DriftReport) -> str:
    """The whole page.

    It is below 300 kB for 50 columns, however many rows they have. Its policy forbids everything
    that does not stand in it, so that no name of a column can load or run anything.
    """
    style = (_TEMPLATES / "drift.css").read_text(encoding="utf-8")
    script = (_TEMPLATES / "drift.js").read_text(encoding="utf-8")
    return (
        _environment()
        .get_template("drift.html")
        .render(
            report=report,
            columns=report.columns[:_SHOWN_COLUMNS],
            hidden=report.columns[_SHOWN_COLUMNS:],
            courses=report.course.columns[:_SHOWN_COLUMNS] if report.course else (),
            style=style,
            script=script,
            policy=_policy(style, script),
        )
    )


def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True,
        loader=FileSystemLoader(_TEMPLATES),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "breakable": lambda text: _BREAKABLE.split(legible(text, _NAME_CHARACTERS)),
        "name": lambda text: legible(text, _NAME_CHARACTERS),
        "legible": legible,
        "number": wording.number,
        "probability": wording.probability,
        "share": share,
        "typeset": wording.typeset,
        "short": lambda text: legible(text, _REMARKS_CHARACTERS),
        "shorter": lambda text: legible(text, _DIRECTION_CHARACTERS),
    }
    environment.globals |= {
        "bar_length": _bar_length,
        "median": QUANTILES.index(0.5),
        "course_height": course_plot.HEIGHT,
        "course_plot": course_plot.course_plot,
        "course_width": course_plot.WIDTH,
        "plot": plots.plot,
        "plot_height": plots.HEIGHT,
        "plot_width": plots.WIDTH,
        "sections": sections,
        "severities": {verdict: verdict.severity for verdict in Verdict},
        "wording": wording,
    }
    return environment


def _policy(style: str, script: str) -> str:
    """A Content-Security-Policy under which only this style and this script are obeyed."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _bar_length(ratio: float) -> float:
    """Length of a bar whose threshold stands at 20 of 60."""
    return round(20 * min(ratio, _LONGEST_RATIO), 1)
