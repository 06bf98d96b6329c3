"""Rounds: every server in turn under the same load."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving import accounting
from serving.load import Load, put_load, write_script
from serving.samples import Sampler
from serving.wire import request_body

if TYPE_CHECKING:
    from pathlib import Path

    from serving.models import ModelKind, Question
    from serving.servers import Server


@dataclass(frozen=True, slots=True)
class Case:
    """What all servers are asked.

    Attributes:
        model: Which model.
        rows: In one request.
        connections: Open at the same time, each with one request under way.
    """

    model: "ModelKind"
    rows: int
    connections: int


@dataclass(frozen=True, slots=True)
class Run:
    """One turn of one server.

    Attributes:
        requests_per_second: Good answers.
        p50_ms: Median latency.
        p99_ms: 99th percentile of the latency.
        cpu_microseconds: Processor time of all the server's processes, per request.
        generator_cpu_microseconds: Processor time of the load generator, per request.
        other_cores: Processors that were busy with neither, on average.
        failed: Requests without a good answer.
        checked: Answers that were compared with the estimator's.
        wrong: Those that differed.
    """

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    cpu_microseconds: float
    generator_cpu_microseconds: float
    other_cores: float
    failed: int
    checked: int
    wrong: int


@dataclass(frozen=True, slots=True)
class CaseResult:
    """What a case showed.

    Attributes:
        case: The case.
        runs: By name of the server, one for each round.
    """

    case: Case
    runs: dict[str, list[Run]]


@dataclass(frozen=True, slots=True)
class Plan:
    """How long to measure.

    Attributes:
        rounds: How often every server has its turn.
        seconds: How long a turn takes.
    """

    rounds: int
    seconds: int


def measure(
    case: Case, servers: "list[Server]", questions: "list[Question]", plan: Plan, folder: "Path"
) -> CaseResult:
    """Puts load on the servers, one after the other, and again.

    Args:
        case: What to ask.
        servers: All of them run.
        questions: With as many rows as the case says.
        plan: How long.
        folder: For files of the load generator.
    """
    runs: dict[str, list[Run]] = {server.peer.name: [] for server in servers}
    scripts = {}
    for server in servers:
        script = scripts[server.peer.name] = folder / f"{server.peer.name}.lua"
        protocol = server.peer.protocol
        write_script(script, [request_body(protocol, question.rows) for question in questions])
    for _ in range(plan.rounds):
        for server in servers:
            name = server.peer.name
            sampler = Sampler(server, questions, plan.seconds)
            runs[name].append(_turn(server, sampler, scripts[name], case.connections, plan.seconds))
    return CaseResult(case, runs)


def _turn(
    server: "Server", sampler: Sampler, script: "Path", connections: int, seconds: int
) -> Run:
    busy, cpu = accounting.busy_seconds(), server.cpu_seconds()
    with sampler:
        load = put_load(server.address, script, connections, seconds)
        used = server.cpu_seconds() - cpu
        busy = accounting.busy_seconds() - busy
    # What is still under way must not take from the next one's turn.
    server.settle()
    return _run(load, sampler, used, busy)


def _run(load: Load, sampler: Sampler, used: float, busy: float) -> Run:
    requests = max(load.requests, 1)
    return Run(
        requests_per_second=max(0, load.requests - load.failed) / load.seconds,
        p50_ms=load.p50_ms,
        p99_ms=load.p99_ms,
        cpu_microseconds=used / requests * 1e6,
        generator_cpu_microseconds=load.generator_cpu_seconds / requests * 1e6,
        other_cores=max(0.0, busy - used - load.generator_cpu_seconds) / load.seconds,
        failed=load.failed + sampler.failed,
        checked=sampler.checked,
        wrong=sampler.wrong,
    )
