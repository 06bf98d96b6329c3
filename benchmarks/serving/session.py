"""One run of the benchmark: cold starts, then every case with every server."""

import contextlib
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from serving import accounting
from serving.measure import Case, CaseResult, Plan, measure
from serving.models import ModelKind, fit, save
from serving.peers import OURS
from serving.report import Report, show_case, show_memory, show_starts
from serving.servers import Server, StartError, prepare, running
from serving.start_up import Start, measure_starts

if TYPE_CHECKING:
    from serving.environments import Installed
    from serving.models import Question

_APPS = Path(__file__).parent / "apps"


class Session:
    """Measures, and prints as it goes.

    Args:
        installed: The servers; one that does not start is left out.
        plan: How long to measure.
    """

    def __init__(self, installed: "list[Installed]", plan: Plan) -> None:
        self._installed = installed
        self._plan = plan
        self._starts: dict[str, dict[str, list[Start]]] = {}
        self._loaded_rss_mb: dict[str, dict[str, float]] = {}
        self._results: list[CaseResult] = []

    def run(self, kind: ModelKind, rows: list[int], connections: list[int], folder: Path) -> None:
        """Measures everything with one model; how servers start only with the first one.

        Args:
            kind: The model.
            rows: Of a request; a case for each.
            connections: Open at the same time; a case for each.
            folder: Empty; the servers run in it.

        Raises:
            StartError: mlserve itself does not start.
        """
        shutil.copytree(_APPS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__*"))
        model = fit(kind)
        save(model, folder)
        first = model.questions(1)
        with contextlib.ExitStack() as stack:
            servers = self._start(stack, first[0], folder)
            # A first turn that does not count: it warms up, and ends the slow beginnings.
            measure(Case(kind, 1, max(connections)), servers, first, Plan(1, 1), folder)
            for case in (Case(kind, count, open_) for count in rows for open_ in connections):
                questions = model.questions(case.rows)
                self._results.append(measure(case, servers, questions, self._plan, folder))
                show_case(self._results[-1])
            self._loaded_rss_mb[kind] = {
                server.peer.name: accounting.rss_bytes(server.process.pid) / 1e6
                for server in servers
            }
        show_memory(kind, self._loaded_rss_mb[kind])
        if not self._starts:
            starts = measure_starts(self._installed, first[0], folder, self._plan.rounds)
            self._starts[kind] = starts
            show_starts(kind, starts)

    def report(self) -> Report:
        """All that was measured."""
        versions = {one.peer.name: one.version for one in self._installed}
        return Report(versions, self._starts, self._loaded_rss_mb, self._results)

    def _start(
        self, stack: contextlib.ExitStack, question: "Question", folder: Path
    ) -> list[Server]:
        """All servers, running until the stack is left."""
        servers, started = [], []
        for one in self._installed:
            try:
                prepare(one, folder)
                servers.append(stack.enter_context(running(one, folder, question)))
                started.append(one)
            except StartError as error:
                if one.peer.name == OURS:
                    raise
                print(f"Left out: {error}", flush=True)
        self._installed = started
        return servers
