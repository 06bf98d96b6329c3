"""`--alerts FILE` of `mlserve serve`, and `mlserve metrics --test-alert`."""

from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mlserve_cli.cli.output import print_json
from mlserve_cli.errors import EngineError, UsageError

if TYPE_CHECKING:
    from mlserve_cli.monitoring.alerts.settings import AlertPlan


def read_alerts(path: Path | None) -> "AlertPlan | None":
    """What a file of alerts says; None where none was given.

    Raises:
        UsageError: It says something that cannot be carried out.
    """
    if path is None:
        return None
    from mlserve_cli.monitoring.alerts.settings import load_alerts

    return load_alerts(path)


def send_test_alerts(alerts: Path | None, *, json: bool) -> None:
    """Sends a test alert to every receiver of a file of alerts, and prints who took it.

    Args:
        alerts: The file.
        json: Whether to print JSON.

    Raises:
        UsageError: No file was given, or it says something that cannot be carried out.
        EngineError: A receiver did not take it.
    """
    from mlserve_cli.monitoring.alerts.trial import send_test_alert

    plan = read_alerts(alerts)
    if plan is None:
        raise UsageError(
            "--test-alert sends to the receivers of a file, and none was given.",
            hint="Name it: --alerts FILE, as for mlserve serve.",
        )
    trials = send_test_alert(plan.receivers)
    if json:
        print_json(trials)
    else:
        for trial in trials:
            typer.echo(f"{trial.receiver}: {trial.error or 'taken'}")
    failed = [trial.receiver for trial in trials if trial.error is not None]
    if failed:
        raise EngineError(f"The test alert was not taken by {', '.join(failed)}.")
