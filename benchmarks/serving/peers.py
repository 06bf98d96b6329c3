"""The servers that are compared, each in the fastest set-up its documentation shows.

Every one scores with one process. Those whose answer we shape call `predict_proba` once and leave
the labels to the client; only the two tutorials call the estimator twice, as tutorials do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from serving.wire import Protocol

OURS = "mlserve"
OUR_ESTIMATOR = "mlserve-sklearn"
TUTORIAL = "tutorial"
CEILING = "nginx"
# Servers made for models, which the targets name.
MODEL_SERVERS = (
    "litserve",
    "mlserver",
    "mlserver-batching",
    "bentoml",
    "bentoml-batching",
    "mlflow",
    "kserve",
)


@dataclass(frozen=True, slots=True)
class Peer:
    """A server to measure.

    Attributes:
        name: As `--servers` takes it.
        title: As tables show it.
        command: What starts it in a folder with `model.joblib` and the files of `apps`. `PORT`,
            `PORT2` and `PORT3` stand for free ports; a program is looked for in its environment.
        path: Where predictions are asked.
        protocol: How.
        venv: Name of its virtual environment; empty for the one that runs the benchmark.
        requirements: What pip installs there, apart from scikit-learn.
        modules: Where that environment is missing, the one that runs the benchmark will do if it
            has these; without any it will not.
        environment: Variables it is started with; ports may stand in them.
        preparation: A command that is run once before, like `command`.
        is_default: Whether it is measured unless `--servers` says otherwise.
    """

    name: str
    title: str
    command: tuple[str, ...]
    path: str
    protocol: Protocol
    venv: str = ""
    requirements: tuple[str, ...] = ()
    modules: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    preparation: tuple[str, ...] = ()
    is_default: bool = True


_UVICORN = ("python", "-m", "uvicorn", "--no-access-log", "--log-level", "warning")
_FASTAPI = ("fastapi>=0.115", "uvicorn[standard]", "orjson")
_MLSERVER = {
    "MLSERVER_HOST": "127.0.0.1",
    "MLSERVER_HTTP_PORT": "PORT",
    "MLSERVER_GRPC_PORT": "PORT2",
    "MLSERVER_METRICS_PORT": "PORT3",
    "MLSERVER_PARALLEL_WORKERS": "1",
    "MLSERVER_DEBUG": "false",
    "MLSERVER_MODEL_NAME": "model",
    "MLSERVER_MODEL_IMPLEMENTATION": "mlserver_sklearn.SKLearnModel",
    "MLSERVER_MODEL_URI": "model.joblib",
}
_BENTOML = {"BENTOML_DO_NOT_TRACK": "True"}


def _mlserver(name: str, title: str, *, is_default: bool, **more: str) -> Peer:
    return Peer(
        name,
        title,
        ("mlserver", "start", "."),
        "/v2/models/model/infer",
        Protocol.V2,
        venv="mlserver",
        # It does not start with a later uvloop.
        requirements=("mlserver==1.7.*", "mlserver-sklearn==1.7.*", "uvloop<0.22"),
        environment=_MLSERVER | more,
        is_default=is_default,
    )


def _bentoml(name: str, title: str, *, is_default: bool, **more: str) -> Peer:
    start = ("python", "-m", "bentoml", "serve", "bentoml_app:Classifier")
    return Peer(
        name,
        title,
        (*start, "--host", "127.0.0.1", "--port", "PORT"),
        "/predict",
        Protocol.INSTANCES,
        venv="bentoml",
        requirements=("bentoml==1.4.*",),
        environment=_BENTOML | more,
        is_default=is_default,
    )


PEERS = (
    Peer(
        OURS,
        "mlserve",
        ("mlserve", "serve", "--port", "PORT"),
        "/predict",
        Protocol.NATIVE,
    ),
    Peer(
        OUR_ESTIMATOR,
        "mlserve, --engine sklearn",
        ("mlserve", "serve", "--engine", "sklearn", "--port", "PORT"),
        "/predict",
        Protocol.NATIVE,
    ),
    Peer(
        TUTORIAL,
        "FastAPI, tutorial",
        (*_UVICORN, "tutorial:app", "--port", "PORT"),
        "/predict",
        Protocol.NATIVE,
        venv="fastapi",
        requirements=_FASTAPI,
        modules=("fastapi", "uvicorn"),
    ),
    Peer(
        "by-hand",
        "FastAPI, by hand",
        (*_UVICORN, "by_hand:app", "--port", "PORT"),
        "/predict",
        Protocol.NATIVE,
        venv="fastapi",
        requirements=_FASTAPI,
        modules=("fastapi", "uvicorn", "orjson"),
    ),
    Peer(
        "flask",
        "Flask, gunicorn threads",
        ("python", "-m", "gunicorn", "--threads", "4", "-b", "127.0.0.1:PORT", "flask_app:app"),
        "/predict",
        Protocol.NATIVE,
        venv="flask",
        requirements=("flask>=3", "gunicorn"),
        modules=("flask", "gunicorn"),
    ),
    Peer(
        "litserve",
        "LitServe",
        ("python", "litserve_app.py", "PORT"),
        "/predict",
        Protocol.INSTANCES,
        venv="litserve",
        requirements=("litserve==0.2.*",),
    ),
    _mlserver("mlserver", "MLServer", is_default=True),
    _mlserver(
        "mlserver-batching",
        "MLServer, batching",
        is_default=False,
        MLSERVER_MODEL_MAX_BATCH_SIZE="64",
        MLSERVER_MODEL_MAX_BATCH_TIME="0.005",
    ),
    _bentoml("bentoml", "BentoML", is_default=True),
    _bentoml("bentoml-batching", "BentoML, batching", is_default=False, BATCHING="1"),
    Peer(
        "mlflow",
        "MLflow",
        (
            *("mlflow", "models", "serve", "--model-uri", "mlflow", "--env-manager", "local"),
            *("--workers", "1", "--host", "127.0.0.1", "--port", "PORT"),
        ),
        "/invocations",
        Protocol.INPUTS,
        venv="mlflow",
        requirements=("mlflow==3.*",),
        environment={"MLFLOW_DISABLE_TELEMETRY": "true", "UVICORN_ACCESS_LOG": "false"},
        preparation=("python", "mlflow_save.py"),
    ),
    Peer(
        "kserve",
        "KServe SDK",
        ("python", "kserve_app.py", "PORT"),
        "/v1/models/model:predict",
        Protocol.INSTANCES,
        venv="kserve",
        requirements=("kserve==0.21.*",),
    ),
    Peer(
        CEILING,
        "nginx, static answer",
        ("nginx", "-p", ".", "-c", "nginx-PORT.conf"),
        "/",
        Protocol.STATIC,
    ),
)

TITLES = {peer.name: peer.title for peer in PEERS}
