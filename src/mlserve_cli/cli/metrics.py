"""`mlserve metrics`."""

import os
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.alerts import send_test_alerts
from mlserve_cli.cli.options import DEFAULT_MODELS, Json, Models
from mlserve_cli.cli.output import print_json, stdout
from mlserve_cli.cli.watching import shows_blocks, watch_models
from mlserve_cli.errors import InputError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from mlserve_cli.monitoring.summary import LatestLatency, Observation

_DEFAULT_RECORDS = Path(".mlserve/records")
_DEFAULT_PORT = "8000"
# How far lines over time go back where nothing else was asked for.
_SHOWN_SECONDS = 3600.0
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def metrics(
    url: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="Address of a server. Default: http://127.0.0.1:8000, or the port in "
            "MLSERVE_PORT, if a server is there.",
        ),
    ] = None,
    records: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the records and the history of servers, also of those that are gone. "
            "Default: .mlserve/records or MLSERVE_RECORDS, if no server answers.",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", metavar="MODEL", help="Only this one: NAME or NAME/VERSION."),
    ] = None,
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only the latest: 90s, 15m, 1h, 7d. To the minute."),
    ] = None,
    window: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", help="Also the latency of the last N recorded rows, exactly."
        ),
    ] = None,
    watch: Annotated[
        bool, typer.Option("--watch", "-w", help="Full screen, every second; Ctrl+C ends it.")
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Tell how good predictions were: a table that says what was true."
        ),
    ] = None,
    on: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of --labels that says which prediction a row is about. Default: "
            "request_id (and row), or the only column that both have.",
        ),
    ] = None,
    target: Annotated[
        str | None,
        typer.Option(
            metavar="COLUMN",
            help="Column of --labels with the truth. Default: what the model was saved with, or "
            "the only one that is left.",
        ),
    ] = None,
    predictions: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="A scored file, to be judged instead of the records."),
    ] = None,
    max_drop: Annotated[
        float | None,
        typer.Option(
            min=0,
            metavar="X",
            help="Exit with 1 if accuracy, balanced accuracy, F1, ROC AUC or R2 is more than this "
            "below what it was when the model was saved.",
        ),
    ] = None,
    models: Models = DEFAULT_MODELS,
    json: Json = False,
    prometheus: Annotated[
        bool,
        typer.Option(
            "--prometheus", help="Print the metrics of a server as Prometheus reads them."
        ),
    ] = False,
    api_key: Annotated[
        str | None,
        typer.Option(metavar="KEY", envvar="MLSERVE_API_KEY", help="For a server that needs one."),
    ] = None,
    test_alert: Annotated[
        bool,
        typer.Option("--test-alert", help="Only send a test alert to the receivers in --alerts."),
    ] = False,
    alerts: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="MLSERVE_ALERTS", help="As for mlserve serve."),
    ] = None,
) -> None:
    """Tell what models do and did, and how good they were.

    Asks a running server, or reads what servers have stored. Durations are those within the
    server, from the end of a request to its answer.
    """
    if test_alert:
        send_test_alerts(alerts, json=json)
        return
    options = {
        "--json": json,
        "--prometheus": prometheus,
        "--watch": watch,
        "--since": since,
        "--url": url,
        "--records": records,
        "--window": window,
        "--labels": labels,
        "--on": on,
        "--target": target,
        "--predictions": predictions,
        "--max-drop": max_drop,
    }
    _check({name for name, value in options.items() if value is not None and value is not False})
    if labels is not None:
        from mlserve_cli.cli.judging import judge
        from mlserve_cli.serialization.truth_join import Truth

        judge(
            Truth(labels, on, target),
            records or _default_folder(),
            predictions,
            model=model,
            models=models,
            max_drop=max_drop,
            json=json,
        )
        return
    if prometheus:
        _print_prometheus(url, api_key)
        return
    observe = _observer(url, records, None if since is None else _seconds(since), api_key)
    if watch:
        watch_models(observe, model)
        return
    from mlserve_cli.monitoring.summary import summarize

    summary = summarize(observe(), model)
    if window is not None:
        summary = replace(summary, window=_latest(records, window, model))
    if json:
        print_json(summary)
        return
    from mlserve_cli.reports.traffic import traffic_view

    stdout().print(traffic_view(summary, ascii_only=not shows_blocks()))


def _check(given: set[str]) -> None:
    """Refuses options that do not go together."""
    if len(given & {"--json", "--prometheus", "--watch"}) > 1:
        raise UsageError("Only one of --json, --prometheus and --watch can be had at a time.")
    about_quality = sorted(given & {"--on", "--target", "--predictions", "--max-drop"})
    if about_quality and "--labels" not in given:
        raise UsageError(
            f"{about_quality[0]} is about quality, and nothing says what was true.",
            hint="Name the file that does: --labels FILE",
        )
    others = sorted(given & {"--url", "--since", "--window", "--watch", "--prometheus"})
    if others and "--labels" in given:
        raise UsageError(f"--labels judges predictions; {others[0]} does not go with it.")
    if {"--url", "--records"} <= given:
        raise UsageError("--url names a server and --records a folder; only one can be looked at.")
    if "--records" in given and "--prometheus" in given:
        raise UsageError(
            "--prometheus prints the metrics of a running server, not the history.",
            hint="Leave --records out, or name the server: --url URL",
        )
    if "--window" in given and given & {"--url", "--watch"}:
        raise UsageError(
            "--window looks at the records, not at a server, and once.",
            hint="Name their folder: --records DIR",
        )


def _observer(
    url: str | None, records: Path | None, seconds: float | None, api_key: str | None
) -> "Callable[[], Observation]":
    """What looks at the server or the history that is meant, as often as it is called."""
    from mlserve_cli.monitoring.summary import observe_history, since_minutes

    def at_server(address: str) -> "Observation":
        from mlserve_cli.serving.observing import observe_server

        found = observe_server(address, seconds or _SHOWN_SECONDS, api_key)
        return found if seconds is None else since_minutes(found, found.until - seconds)

    def in_folder(folder: Path) -> "Observation":
        return observe_history(folder, 0.0 if seconds is None else time.time() - seconds)

    if url is not None:
        return lambda: at_server(url)
    if records is not None:
        return lambda: in_folder(records)
    return _found_here(at_server, in_folder)


def _found_here(
    at_server: "Callable[[str], Observation]", in_folder: "Callable[[Path], Observation]"
) -> "Callable[[], Observation]":
    from mlserve_cli.serving.observing import NoServerError

    address = _local_address()
    try:
        at_server(address)
    except NoServerError as error:
        folder = _default_folder()
        if not folder.exists():
            raise InputError(
                f"{error.message} There is no history in {folder} either.",
                hint="Start a server: mlserve serve. Or name one: --url URL, or its --records DIR",
            ) from error
        return lambda: in_folder(folder)
    return lambda: at_server(address)


def _latest(records: Path | None, rows: int, model: str | None) -> "LatestLatency":
    from mlserve_cli.monitoring.records.latest import latest_latency

    name = None if model is None else model.partition("/")[0]
    return latest_latency(records or _default_folder(), rows, name)


def _default_folder() -> Path:
    return Path(os.environ.get("MLSERVE_RECORDS") or _DEFAULT_RECORDS)


def _local_address() -> str:
    return f"http://127.0.0.1:{os.environ.get('MLSERVE_PORT') or _DEFAULT_PORT}"


def _print_prometheus(url: str | None, api_key: str | None) -> None:
    from mlserve_cli.serving.observing import prometheus_text

    text = prometheus_text(url or _local_address(), api_key)
    sys.stdout.flush()
    sys.stdout.buffer.write(text)


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    number, unit = text[:-1], text[-1:]
    try:
        seconds = float(number) * _UNITS[unit]
    except (ValueError, KeyError):
        seconds = 0.0
    if not 0 < seconds < 1e9:
        raise UsageError(f"--since {text} is no time.", hint="Such as: --since 90s, 15m, 1h or 7d")
    return seconds
