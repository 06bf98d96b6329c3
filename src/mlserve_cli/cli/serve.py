"""`mlserve serve`."""

import atexit
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.alerts import read_alerts
from mlserve_cli.cli.announcement import announce
from mlserve_cli.cli.options import DEFAULT_MODELS, Models, Trust, complete_model
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from mlserve_cli.serving.tls import Tls


_NO_RECORDS = "none"


class LogFormatChoice(StrEnum):
    """How a line of the log is written."""

    TEXT = "text"
    JSON = "json"


class Framework(StrEnum):
    """What answers."""

    FASTAPI = "fastapi"
    FLASK = "flask"


class EngineChoice(StrEnum):
    """Where scoring runs."""

    AUTO = "auto"
    SKLEARN = "sklearn"
    ONNX = "onnx"


def serve(
    model: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[MODEL]...",
            envvar=["MLSERVE_MODEL", "MODEL_PATH", "AIP_STORAGE_URI"],
            help="Model files, artifacts, NAME or NAME/VERSION. Default: the newest version of "
            "every model in the repository.",
            autocompletion=complete_model,
        ),
    ] = None,
    host: Annotated[
        str, typer.Option(envvar="MLSERVE_HOST", help="Address to listen on.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            envvar=["MLSERVE_PORT", "SAGEMAKER_BIND_TO_PORT", "AIP_HTTP_PORT"],
            help="Port to listen on; 0 takes a free one.",
        ),
    ] = 8000,
    grpc_port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            envvar="MLSERVE_GRPC_PORT",
            help="Port for the Open Inference Protocol over gRPC; 0 takes a free one (extra "
            "`grpc`).",
        ),
    ] = None,
    workers: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            envvar="MLSERVE_WORKERS",
            help="Processes; the models are loaded once and shared. One that dies is replaced.",
        ),
    ] = 1,
    engine: Annotated[
        EngineChoice,
        typer.Option(
            envvar="MLSERVE_ENGINE", help="Where to score; auto takes ONNX where the model has it."
        ),
    ] = EngineChoice.AUTO,
    framework: Annotated[
        Framework,
        typer.Option(
            envvar="MLSERVE_FRAMEWORK",
            help="fastapi has the fast path; flask is for those who must (extra `flask`).",
        ),
    ] = Framework.FASTAPI,
    max_batch_rows: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            envvar="MLSERVE_MAX_BATCH_ROWS",
            help="Rows in one call of a model, those of several requests together.",
        ),
    ] = 4096,
    max_body_bytes: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            envvar="MLSERVE_MAX_BODY_BYTES",
            help="Bytes of one request, before and after decompression.",
        ),
    ] = 32 << 20,
    max_queue: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="ROWS",
            envvar="MLSERVE_MAX_QUEUE",
            help="Rows that wait for one model; more are answered 503 at once.",
        ),
    ] = 65_536,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            envvar="MLSERVE_TIMEOUT",
            help="After which a waiting request is answered 504.",
        ),
    ] = 30.0,
    api_key_file: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="MLSERVE_API_KEY_FILE",
            help="One key per line; everything but health needs one. SIGHUP reads it again.",
        ),
    ] = None,
    ssl_certfile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="MLSERVE_SSL_CERTFILE", help="TLS certificate."),
    ] = None,
    ssl_keyfile: Annotated[
        Path | None,
        typer.Option(metavar="FILE", envvar="MLSERVE_SSL_KEYFILE", help="TLS private key."),
    ] = None,
    reload_models: Annotated[
        float | None,
        typer.Option(
            min=0.01,
            metavar="SECONDS",
            envvar="MLSERVE_RELOAD_MODELS",
            help="Look for new versions this often and take them over without a failed request.",
        ),
    ] = None,
    predict_path: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            envvar=["MLSERVE_PREDICT_PATH", "AIP_PREDICT_ROUTE"],
            help='Answer {"instances": [..]} at this address too, as Vertex AI asks.',
        ),
    ] = None,
    health_path: Annotated[
        str | None,
        typer.Option(
            metavar="PATH",
            envvar=["MLSERVE_HEALTH_PATH", "AIP_HEALTH_ROUTE"],
            help="Say at this address too whether the server is ready.",
        ),
    ] = None,
    log_format: Annotated[
        LogFormatChoice,
        typer.Option(envvar="MLSERVE_LOG_FORMAT", help="How events are written to stderr."),
    ] = LogFormatChoice.TEXT,
    access_log: Annotated[
        bool,
        typer.Option(
            "--access-log/--no-access-log",
            envvar="MLSERVE_ACCESS_LOG",
            help="Write a line to stderr for every request, not only for those that failed by the "
            "server's fault.",
        ),
    ] = False,
    records: Annotated[
        str,
        typer.Option(
            metavar="DIR",
            envvar="MLSERVE_RECORDS",
            help="Where predictions with their inputs are recorded, as Parquet files, and the "
            "history of `mlserve metrics` is kept; none for neither.",
        ),
    ] = ".mlserve/records",
    record_rate: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="ROWS",
            envvar="MLSERVE_RECORD_RATE",
            help="Rows recorded per second; of more, a sample. 0 records none.",
        ),
    ] = 1000.0,
    record_limit: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="BYTES",
            envvar="MLSERVE_RECORD_LIMIT",
            help="Size of all records; the oldest go first, and those older than 30 days.",
        ),
    ] = 1 << 30,
    redact: Annotated[
        list[str] | None,
        typer.Option(
            metavar="COLUMN",
            envvar="MLSERVE_REDACT",
            help="Leave this input out of the records. Repeat for more.",
        ),
    ] = None,
    drift: Annotated[
        bool,
        typer.Option(
            "--drift/--no-drift",
            envvar="MLSERVE_DRIFT",
            help="Compare what is served with the rows stored with the model; see /drift.",
        ),
    ] = True,
    drift_window: Annotated[
        int,
        typer.Option(
            min=50,
            metavar="ROWS",
            envvar="MLSERVE_DRIFT_WINDOW",
            help="Rows that are compared with the reference at a time.",
        ),
    ] = 500,
    drift_window_seconds: Annotated[
        float,
        typer.Option(
            min=0.001,
            metavar="SECONDS",
            envvar="MLSERVE_DRIFT_WINDOW_SECONDS",
            help="After which two fifths of these rows are enough.",
        ),
    ] = 60.0,
    drift_false_alarms_per_day: Annotated[
        float,
        typer.Option(
            min=0,
            metavar="X",
            envvar="MLSERVE_DRIFT_FALSE_ALARMS_PER_DAY",
            help="How many alarms without drift a model may raise.",
        ),
    ] = 0.1,
    alerts: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            envvar="MLSERVE_ALERTS",
            help="Rules and receivers of alerts, in TOML.",
        ),
    ] = None,
    models: Models = DEFAULT_MODELS,
    trust: Trust = None,
) -> None:
    """Serve models over HTTP.

    Speaks its own /predict, the Open Inference Protocol (/v2), MLflow's and SageMaker's
    /invocations and TensorFlow Serving's /v1, all on one port; with --grpc-port the Open Inference
    Protocol over gRPC too. SIGTERM finishes what is in flight.
    """
    if sys.stderr.isatty():
        typer.echo("Loading the models ...", err=True)
    from mlserve_cli.drift.budget import WatchOptions
    from mlserve_cli.inference.predictor import Engine
    from mlserve_cli.serving.gateway import GatewayOptions
    from mlserve_cli.serving.loading import ModelSource
    from mlserve_cli.serving.logs import LogFormat, configure_logs
    from mlserve_cli.serving.recording import RecordOptions
    from mlserve_cli.serving.request_log import RequestLog
    from mlserve_cli.serving.routes import PlatformPaths
    from mlserve_cli.serving.run import Framework, ServerOptions, serve_models
    from mlserve_cli.serving.scheduling import Limits
    from mlserve_cli.serving.security import ApiKeys

    log = RequestLog(configure_logs(LogFormat(log_format)), logs_all=access_log)
    source = ModelSource(
        models, None if engine is EngineChoice.AUTO else Engine(engine), tuple(trust or ())
    )
    server = ServerOptions(
        host,
        port,
        workers,
        Framework(framework),
        _tls(ssl_certfile, ssl_keyfile),
        reload_models,
        grpc_port,
        WatchOptions(drift_window, drift_window_seconds, drift_false_alarms_per_day)
        if drift
        else None,
        read_alerts(alerts),
    )
    limits = Limits(max_batch_rows, max_queue, timeout)
    paths = PlatformPaths(predict_path or None, health_path or None)
    kept = RecordOptions(Path(records), record_rate, tuple(redact or ()), record_limit)
    allowed = GatewayOptions(
        limits,
        max_body_bytes,
        ApiKeys(api_key_file),
        paths,
        log,
        None if records == _NO_RECORDS else kept,
    )
    if serve_models(model or (), source, server, allowed, announce):
        # The time for that is over; Python would wait for the thread, whatever else it does.
        try:
            atexit._run_exitfuncs()
            sys.stdout.flush()
            sys.stderr.flush()
        finally:
            os._exit(0)


def _tls(certificate: Path | None, key: Path | None) -> "Tls | None":
    from mlserve_cli.serving.tls import Tls

    if certificate is not None and key is not None:
        return Tls(certificate, key)
    if certificate is None and key is None:
        return None
    missing = "--ssl-certfile" if certificate is None else "--ssl-keyfile"
    raise UsageError(
        f"{missing} is missing: TLS takes a certificate and its key.",
        hint="Give both --ssl-certfile FILE and --ssl-keyfile FILE, or none.",
    )
