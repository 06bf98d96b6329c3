"""Results as tables and as JSON."""

import json
import os
import platform
import statistics
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table

from serving.models import TITLES as MODEL_TITLES
from serving.models import ModelKind
from serving.peers import OUR_ESTIMATOR, OURS, TITLES
from serving.targets import find_targets, ratio

if TYPE_CHECKING:
    from serving.measure import CaseResult, Run
    from serving.start_up import Start
    from serving.targets import Target

# Wider than a pipe's 80 columns, so that no cell is cut in a file.
_CONSOLE = Console(width=None if os.isatty(1) else 120)


@dataclass(frozen=True, slots=True)
class Report:
    """All that was measured.

    Attributes:
        versions: Of the servers, by name.
        starts: Cold starts, by name of the model, then of the server.
        loaded_rss_mb: Resident memory after all load, by the same names.
        results: One for each case.
    """

    versions: dict[str, str]
    starts: "dict[str, dict[str, list[Start]]]"
    loaded_rss_mb: dict[str, dict[str, float]]
    results: "list[CaseResult]"

    @property
    def targets(self) -> "list[Target]":
        """Every promise with what was measured."""
        starts = self.starts.get(ModelKind.LOGISTIC, {}).get(OURS, [])
        loaded = self.loaded_rss_mb.get(ModelKind.LOGISTIC, {}).get(OURS, 0.0)
        return find_targets(self.results, starts, loaded)

    @property
    def our_failures(self) -> int:
        """Answers of mlserve that were wrong, or did not come."""
        return sum(
            run.failed + run.wrong
            for result in self.results
            for name in (OURS, OUR_ESTIMATOR)
            for run in result.runs.get(name, [])
        )

    def to_json(self) -> str:
        """Every single run, and the targets."""
        machine = {"cores": os.cpu_count(), "platform": platform.platform()}
        targets = [asdict(target) for target in self.targets]
        return json.dumps({"machine": machine, **asdict(self), "targets": targets}, indent=2)


def show_starts(model: ModelKind, starts: "dict[str, list[Start]]") -> None:
    """Prints how servers start."""
    title = f"{MODEL_TITLES[model]}: from the start of the process to the first prediction"
    table = Table("server", title=title)
    for heading in ("seconds", "CPU seconds", "RSS MB", "scikit-learn"):
        table.add_column(heading, justify="right")
    for name, found in starts.items():
        table.add_row(
            TITLES[name],
            f"{_median(found, lambda start: start.seconds):.2f}",
            f"{_median(found, lambda start: start.cpu_seconds):.2f}",
            f"{_median(found, lambda start: start.rss_mb):.0f}",
            "loaded" if any(start.has_scikit_learn for start in found) else "",
        )
    _CONSOLE.print(table)


def show_case(result: "CaseResult") -> None:
    """Prints one case; how many times mlserve is better stands beside each number."""
    case = result.case
    title = f"{MODEL_TITLES[case.model]}, rows: {case.rows}, connections: {case.connections}"
    table = Table("server", title=title)
    for heading in ("requests/s", "times", "CPU us", "times", "p50 ms", "p99 ms", "others"):
        table.add_column(heading, justify="right")
    table.add_column("answers")
    for name, runs in result.runs.items():
        against = ratio(result.runs, OURS, name)
        table.add_row(
            TITLES[name],
            f"{_median(runs, lambda run: run.requests_per_second):,.0f}",
            f"{against.by_rate:.2f}",
            f"{_median(runs, lambda run: run.cpu_microseconds):,.1f}",
            f"{against.by_cpu:.2f}",
            f"{_median(runs, lambda run: run.p50_ms):.2f}",
            f"{_median(runs, lambda run: run.p99_ms):.2f}",
            f"{_median(runs, lambda run: run.other_cores):.2f}",
            _answers(runs),
        )
    _CONSOLE.print(table)


def show_memory(model: ModelKind, loaded_rss_mb: dict[str, float]) -> None:
    """Prints what servers hold after the load."""
    found = ", ".join(f"{TITLES[name]} {size:.0f}" for name, size in loaded_rss_mb.items())
    _CONSOLE.print(f"RSS after this load, {MODEL_TITLES[model]}, MB: {found}\n")


def show_targets(targets: "list[Target]") -> None:
    """Prints the promises."""
    table = Table(
        "target",
        "wanted",
        "measured",
        "by CPU",
        "",
        title="Targets: logistic regression, 32 connections, one process each",
    )
    states = {True: "reached", False: "not reached", None: "not measured"}
    for target in targets:
        state = states[target.is_reached]
        table.add_row(target.text, target.wanted, target.measured, target.by_cpu, state)
    _CONSOLE.print(table)
    _CONSOLE.print(
        "Measured by requests per second. Where others, the processors that were busy with neither "
        "server nor load, are far from 0, go by CPU: processor time per request."
    )


def _answers(runs: "list[Run]") -> str:
    checked, wrong, failed = (
        sum(getattr(run, name) for run in runs) for name in ("checked", "wrong", "failed")
    )
    parts = [f"{checked - wrong} right"]
    parts += [f"{wrong} wrong"] if wrong else []
    parts += [f"{failed} failed"] if failed else []
    return ", ".join(parts)


def _median(found: list[Any], value: Callable[[Any], float]) -> float:
    return statistics.median(map(value, found))
