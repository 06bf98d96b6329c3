"""What a server did, on a terminal."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from mlserve_cli.reports.model_state import drift_table, quality_table
from mlserve_cli.reports.plain_table import plain_table

if TYPE_CHECKING:
    from mlserve_cli.monitoring.summary import LatestLatency, ModelTraffic, Point, Summary

_BLOCKS = "▁▂▃▄▅▆▇█"
_LETTERS = ".:-=+*#@"
# Characters of a line over time; with what stands beside it, it fits 80 columns.
_LINE_CHARACTERS = 48
_MINUTE = 60
_ALL = "all"
_NOBODY = "(no such model)"
_COUNTS = ("requests", "rows", "errors", "requests/s", "rows/s")
_DURATIONS = ("average", "min", "p50", "p95", "p99", "p99.9", "max")


def traffic_view(
    summary: "Summary", rates: "Mapping[str, float] | None" = None, *, ascii_only: bool = False
) -> RenderableType:
    """A table of models and lines over time.

    Args:
        summary: What the server did.
        rates: Requests per second at this moment, by `name_of`; None where nobody watches.
        ascii_only: Whether the terminal shows nothing else.
    """
    named = [(name_of(model.model, model.version), model) for model in summary.models]
    if len(named) > 1:
        named.append((_ALL, summary.total))
    # Two tables, since one would be too wide for many a terminal.
    now = () if rates is None else ("now/s",)
    counts = plain_table("model", *_COUNTS, *now, first_characters=len(_NOBODY))
    durations = plain_table("latency", *_DURATIONS, first_characters=len(_NOBODY))
    for name, model in named:
        style = "bold" if name == _ALL else ""
        rate = [] if rates is None else [_now(name, rates)]
        counts.add_row(name, *_counts(model), *rate, style=style)
        durations.add_row(name, *_durations(model), style=style)
    if summary.window is not None:
        durations.add_row(*_window(summary.window))
    parts: list[RenderableType] = [Text(_heading(summary)), "", counts, "", durations]
    lines = _lines(summary.minutes, ascii_only=ascii_only)
    if lines is not None:
        parts += ["", lines]
    # The longest last: it is what a small screen may cut.
    if summary.drift:
        parts += ["", drift_table(summary.drift)]
    if summary.quality:
        parts += ["", quality_table(summary.quality)]
    return Group(*parts)


def _heading(summary: "Summary") -> str:
    since, until = (
        datetime.fromtimestamp(moment).astimezone() for moment in (summary.since, summary.until)
    )
    style = "%H:%M:%S" if since.date() == until.date() else "%Y-%m-%d %H:%M"
    return f"{summary.source}   {since:%Y-%m-%d %H:%M:%S} to {until.strftime(style)}"


def name_of(model: str, version: str) -> str:
    """What a version of a model is called here; a name of its own for no model."""
    return f"{model}/{version}" if model else _NOBODY


def _counts(model: "ModelTraffic") -> list[RenderableType]:
    rates = (model.requests_per_second, model.rows_per_second)
    return [f"{model.requests:,}", f"{model.rows:,}", _errors(model), *map(_rate, rates)]


def _now(name: str, rates: "Mapping[str, float]") -> Text:
    return Text(_rate(sum(rates.values()) if name == _ALL else rates.get(name, 0.0)), "cyan")


def _durations(model: "ModelTraffic") -> list[str]:
    found = (
        *(model.average_seconds, model.min_seconds, model.p50_seconds, model.p95_seconds),
        *(model.p99_seconds, model.p999_seconds, model.max_seconds),
    )
    return ["-" if seconds is None else duration(seconds) for seconds in found]


def _window(latest: "LatestLatency") -> list[str]:
    before = (latest.average_seconds, latest.min_seconds, latest.p50_seconds, latest.p95_seconds)
    shown = [duration(seconds) for seconds in (*before, latest.p99_seconds)]
    rows = f"last {latest.rows:,} rows" if latest.rows > 1 else "last row"
    return [rows, *shown, "", duration(latest.max_seconds)]


def _errors(model: "ModelTraffic") -> Text:
    if not model.errors:
        return Text("0", "green")
    style = "bold red" if model.server_errors else "yellow"
    return Text(f"{model.errors:,} ({model.errors / model.requests:.1%})", style)


def _rate(rate: float) -> str:
    return f"{rate:,.0f}" if rate >= 100 else f"{rate:.1f}" if rate >= 1 else f"{rate:.3g}"


def duration(seconds: float) -> str:
    """A duration with its unit, in three figures."""
    for unit, size in (("s", 1.0), ("ms", 1e-3)):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e6:.3g} us"


def _lines(minutes: "Sequence[Point]", *, ascii_only: bool) -> RenderableType | None:
    if len(minutes) < 2:
        return None
    first, last = minutes[0].time, minutes[-1].time
    count = (last - first) // _MINUTE + 1
    each = -(-count // _LINE_CHARACTERS)
    by_place = {
        place: list(points)
        for place, points in groupby(minutes, lambda point: (point.time - first) // _MINUTE // each)
    }
    grid = Table.grid(padding=(0, 2))
    requests, errors, p99 = [], [], []
    for place in range(-(-count // each)):
        points = by_place.get(place, [])
        requests.append(sum(point.requests for point in points))
        errors.append(sum(point.errors for point in points))
        p99.append(max((point.p99_seconds or 0.0 for point in points), default=0.0))
    rows: list[tuple[str, Sequence[float], str]] = [
        ("requests", requests, f"{max(requests):,}"),
        ("errors", errors, f"{max(errors):,}"),
        ("p99", p99, duration(max(p99))),
    ]
    for name, values, most in rows:
        line = _sparkline(values, ascii_only=ascii_only)
        grid.add_row(Text(name, "dim"), Text(line), f"at most {most}")
    unit = "minute" if each == 1 else f"{each} minutes"
    return Group(Text(f"per {unit}, the last one on the right", "dim"), grid)


def _sparkline(values: Sequence[float], *, ascii_only: bool) -> str:
    levels = _LETTERS if ascii_only else _BLOCKS
    most = max(values)
    return "".join(
        levels[min(len(levels) - 1, int(value / most * len(levels)))] if value else " "
        for value in values
    )
