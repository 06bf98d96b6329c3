"""`mlserve serve`."""

import shlex
import socket
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.options import DEFAULT_MODELS, Models, Trust, complete_model
from mlserve_cli.cli.output import working
from mlserve_cli.errors import UsageError

if TYPE_CHECKING:
    from mlserve_cli.serving.gateway import Gateway


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
    log_format: Annotated[
        LogFormatChoice,
        typer.Option(envvar="MLSERVE_LOG_FORMAT", help="How events are written to stderr."),
    ] = LogFormatChoice.TEXT,
    models: Models = DEFAULT_MODELS,
    trust: Trust = None,
) -> None:
    """Serve models over HTTP.

    Speaks its own /predict, the Open Inference Protocol (/v2), MLflow's and SageMaker's
    /invocations and TensorFlow Serving's /v1, all on one port. SIGTERM finishes what is in flight.
    """
    if (ssl_certfile is None) != (ssl_keyfile is None):
        raise UsageError("--ssl-certfile and --ssl-keyfile belong together; one is missing.")
    if framework is Framework.FLASK and (ssl_certfile or reload_models):
        raise UsageError("--framework flask has neither TLS nor --reload-models.")
    with working("Loading the models"):
        from mlserve_cli.inference.predictor import Engine
        from mlserve_cli.serving.gateway import Gateway, GatewayOptions
        from mlserve_cli.serving.loading import ModelSource
        from mlserve_cli.serving.logs import LogFormat, configure_logs
        from mlserve_cli.serving.scheduling import Limits
        from mlserve_cli.serving.security import ApiKeys
        from mlserve_cli.serving.server import ServerOptions, bind, run_server
        from mlserve_cli.serving.service import PredictionService
        from mlserve_cli.serving.wsgi_server import run_wsgi_server

        configure_logs(LogFormat(log_format))
        # A version or a file that was named is meant, not its successor.
        followed = tuple(name for name in model if _is_name(name)) if model else None
        server = ServerOptions(host, port, ssl_certfile, ssl_keyfile, reload_models, followed)
        options = GatewayOptions(
            Limits(max_batch_rows, max_queue, timeout), max_body_bytes, ApiKeys(api_key_file)
        )
        listener = bind(server)
        source = ModelSource(
            models, None if engine is EngineChoice.AUTO else Engine(engine), tuple(trust or ())
        )
        service = PredictionService(source.load_all(model or ()), source=source)
        gateway = Gateway(service, options)
    address = _address(listener, host, secure=ssl_certfile is not None)

    def work(number: int = 0) -> None:
        def announce() -> None:
            if number == 0:
                _announce(gateway, address)

        if framework is Framework.FLASK:
            run_wsgi_server(gateway, listener, announce)
        else:
            run_server(gateway, listener, server, announce)

    if workers == 1:
        work()
        return
    from mlserve_cli.serving.workers import Supervisor

    supervisor = Supervisor(workers, work)
    gateway.metrics.restarts = supervisor.restarts
    supervisor.run()


def _is_name(model: str) -> bool:
    return "/" not in model and not Path(model).exists()


def _address(listener: socket.socket, host: str, *, secure: bool) -> str:
    port = listener.getsockname()[1]
    shown = {"0.0.0.0": "localhost", "::": "localhost"}.get(host, host)  # noqa: S104
    shown = f"[{shown}]" if ":" in shown else shown
    return f"{'https' if secure else 'http'}://{shown}:{port}"


def _announce(gateway: "Gateway", address: str) -> None:
    found = gateway.service.models()
    typer.echo(f"Listening on {address}")
    typer.echo(f"Docs         {address}/docs")
    typer.echo(f"Metrics      {address}/metrics")
    for model in found:
        typer.echo(
            f"\nModel {model.name}, version {model.version}, engine {model.predictor.engine}"
        )
        path = "/predict" if len(found) == 1 else f"/models/{model.name}/predict"
        key = "-H 'Authorization: Bearer KEY' " if gateway.options.keys.required else ""
        body = shlex.quote(model.example_body.decode())
        typer.echo(f"  curl {key}{address}{path} -d {body}")
