"""`mlserve metrics --watch`: the full screen, again and again."""

import sys
import time
from typing import TYPE_CHECKING

from mlserve_cli.cli.output import stdout
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlserve_cli.monitoring.summary import Observation

_WATCH_SECONDS = 1.0


def shows_blocks() -> bool:
    """Whether stdout takes the characters of lines over time."""
    return "utf" in (sys.stdout.encoding or "").lower()


def watch_models(observe: "Callable[[], Observation]", model: str | None) -> None:
    """Shows what models are doing until Ctrl+C.

    Args:
        observe: Looks at a server or its history.
        model: NAME or NAME/VERSION of a model; None for all.

    Raises:
        UsageError: There is no terminal.
    """
    if not sys.stdout.isatty():
        raise UsageError("--watch needs a terminal.", hint="Print it once, or take --json.")
    from rich.live import Live
    from rich.text import Text

    from mlserve_cli.errors import EngineError
    from mlserve_cli.monitoring.summary import summarize
    from mlserve_cli.reports.traffic import traffic_view

    before, then = observe(), time.monotonic()
    with Live(screen=True, console=stdout(), auto_refresh=False) as live:
        try:
            while True:
                try:
                    now, moment = observe(), time.monotonic()
                    rates = _rates(before, now, moment - then)
                    view = traffic_view(summarize(now, model), rates, ascii_only=not shows_blocks())
                    before, then = now, moment
                # It may come back.
                except EngineError as error:
                    view = Text(error.message, "bold red")
                live.update(view, refresh=True)
                time.sleep(_WATCH_SECONDS)
        except KeyboardInterrupt:
            return


def _rates(before: "Observation", now: "Observation", seconds: float) -> dict[str, float]:
    from mlserve_cli.reports.traffic import name_of

    rates = {}
    for subject, traffic in now.totals.items():
        known = before.totals.get(subject)
        requests = traffic.requests - (known.requests if known else 0)
        rates[name_of(subject.model, subject.version)] = requests / max(seconds, 0.001)
    return rates
