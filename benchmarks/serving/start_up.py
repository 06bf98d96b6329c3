"""Cold starts: from the start of the process to the first prediction."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from serving import accounting
from serving.servers import running

if TYPE_CHECKING:
    from pathlib import Path

    from serving.environments import Installed
    from serving.models import Question


@dataclass(frozen=True, slots=True)
class Start:
    """One start of one server.

    Attributes:
        seconds: To the first answer with status 200.
        cpu_seconds: Processor time of all its processes until then.
        rss_mb: Their resident memory after it, in millions of bytes.
        has_scikit_learn: Whether one of them has loaded scikit-learn.
    """

    seconds: float
    cpu_seconds: float
    rss_mb: float
    has_scikit_learn: bool


def measure_starts(
    installed: "list[Installed]", question: "Question", folder: "Path", rounds: int
) -> dict[str, list[Start]]:
    """Starts every server in turn, and again; nothing else runs meanwhile.

    Args:
        installed: The servers.
        question: What they are asked.
        folder: With the model.
        rounds: How often.

    Raises:
        StartError: A server does not start.
    """
    found: dict[str, list[Start]] = {one.peer.name: [] for one in installed}
    for _ in range(rounds):
        for one in installed:
            with running(one, folder, question) as server:
                process = server.process.pid
                measured = Start(
                    server.start_seconds,
                    server.cpu_seconds(),
                    accounting.rss_bytes(process) / 1e6,
                    accounting.has_loaded(process, "sklearn"),
                )
            found[one.peer.name].append(measured)
    return found
