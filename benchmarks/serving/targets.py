"""What mlserve promises, as ratios in one run, and what was measured."""

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving.measure import Case
from serving.models import ModelKind
from serving.peers import CEILING, MODEL_SERVERS, OUR_ESTIMATOR, OURS, TITLES, TUTORIAL

if TYPE_CHECKING:
    from serving.measure import CaseResult, Run
    from serving.start_up import Start

    Runs = dict[str, list[Run]]

_ONE_ROW = Case(ModelKind.LOGISTIC, 1, 32)
_MANY_ROWS = Case(ModelKind.LOGISTIC, 100, 32)
_ONE_CONNECTION = Case(ModelKind.LOGISTIC, 1, 1)


@dataclass(frozen=True, slots=True)
class Target:
    """A promise.

    Attributes:
        text: What it says.
        wanted: The bound.
        measured: What was found; empty where it was not measured.
        by_cpu: The same by processor time, which other processes disturb less; may be empty.
        is_reached: By what was measured, not by processor time; None where it was not measured.
    """

    text: str
    wanted: str
    measured: str = ""
    by_cpu: str = ""
    is_reached: bool | None = None


@dataclass(frozen=True, slots=True)
class Ratio:
    """How many times one server is better than another: of each round, then the median.

    Attributes:
        by_rate: By requests per second.
        by_cpu: By processor time per request.
    """

    by_rate: float
    by_cpu: float


def ratio(runs: "Runs", ours: str, theirs: str) -> Ratio:
    """Compares two servers of one case.

    Args:
        runs: By name of the server.
        ours: Whose advantage is asked for.
        theirs: Over whom.
    """
    pairs = list(zip(runs[ours], runs[theirs], strict=True))
    rates = [_over(our.requests_per_second, their.requests_per_second) for our, their in pairs]
    costs = [_over(their.cpu_microseconds, our.cpu_microseconds) for our, their in pairs]
    return Ratio(statistics.median(rates), statistics.median(costs))


def find_targets(
    results: "list[CaseResult]", starts: "list[Start]", loaded_rss_mb: float
) -> list[Target]:
    """Every promise with what was measured.

    Args:
        results: The cases.
        starts: How mlserve started.
        loaded_rss_mb: Its resident memory after load, in millions of bytes; 0 for none.
    """
    runs = {result.case: result.runs for result in results}
    one, many = runs.get(_ONE_ROW, {}), runs.get(_MANY_ROWS, {})
    return [
        _times("1 row: tutorial FastAPI", 40, one, OURS, (TUTORIAL,)),
        _times("1 row: fastest model server", 30, one, OURS, MODEL_SERVERS),
        _times("1 row: nginx, static answer", 0.5, one, OURS, (CEILING,)),
        _times("1 row, estimator: fastest model server", 10, one, OUR_ESTIMATOR, MODEL_SERVERS),
        _times("100 rows: tutorial FastAPI", 8, many, OURS, (TUTORIAL,)),
        _slowest(runs.get(_ONE_CONNECTION, {})),
        *_start(starts, loaded_rss_mb),
    ]


def _times(text: str, wanted: float, runs: "Runs", ours: str, rivals: tuple[str, ...]) -> Target:
    bound = f"at least {wanted:g} times"
    found = {name: ratio(runs, ours, name) for name in rivals if name in runs and ours in runs}
    if not found:
        return Target(text, bound)
    fastest = min(found, key=lambda name: found[name].by_rate)
    cheapest = min(found, key=lambda name: found[name].by_cpu)
    rate, cost = found[fastest].by_rate, found[cheapest].by_cpu
    # The name says which one, where there was a choice.
    by_rate, by_cpu = (
        f"{times:.1f} ({TITLES[name]})" if len(rivals) > 1 else f"{times:.1f}"
        for times, name in ((rate, fastest), (cost, cheapest))
    )
    return Target(text, bound, by_rate, by_cpu, rate >= wanted)


def _slowest(runs: "Runs") -> Target:
    text, bound = "1 connection: p99 above that of nginx", "at most 0.3 ms"
    if OURS not in runs or CEILING not in runs:
        return Target(text, bound)
    ours, ceiling = (statistics.median(run.p99_ms for run in runs[n]) for n in (OURS, CEILING))
    found = ours - ceiling
    return Target(text, bound, f"{found:.2f} ms", is_reached=found <= 0.3)


def _start(starts: "list[Start]", loaded_rss_mb: float) -> list[Target]:
    texts = ("first answer after", "scikit-learn in the process", "resident memory")
    bounds = ("at most 0.6 s", "no", "below 110 MB")
    if not starts:
        return [Target(text, bound) for text, bound in zip(texts, bounds, strict=True)]
    seconds = statistics.median(start.seconds for start in starts)
    cpu = statistics.median(start.cpu_seconds for start in starts)
    memory = max(loaded_rss_mb, *(start.rss_mb for start in starts))
    loaded = any(start.has_scikit_learn for start in starts)
    return [
        Target(texts[0], bounds[0], f"{seconds:.2f} s", f"{cpu:.2f} s", seconds <= 0.6),
        Target(texts[1], bounds[1], "yes" if loaded else "no", is_reached=not loaded),
        Target(texts[2], bounds[2], f"{memory:.0f} MB", is_reached=memory < 110),
    ]


def _over(one: float, other: float) -> float:
    return one / other if other else float("inf")
