"""`mlserve serve` as its users start it, and the mistakes that they make."""

import os
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import joblib
import pytest
from sklearn.linear_model import LinearRegression

BODY = {"features": [[1.0], [2.0]]}


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model file `double.joblib` in the current folder of the command."""
    joblib.dump(LinearRegression().fit([[0.0], [1.0]], [0.0, 2.0]), tmp_path / "double.joblib")
    return tmp_path / "double.joblib"


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`cert.pem` and its `key.pem`, the key of another one, and an encrypted key."""
    folder = tmp_path_factory.mktemp("tls")
    for name in ("", "other-"):
        subprocess.run(
            [
                *("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"),
                *("-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"),
                *("-keyout", folder / f"{name}key.pem", "-out", folder / f"{name}cert.pem"),
            ],
            check=True,
            capture_output=True,
        )
    subprocess.run(
        [
            *("openssl", "pkey", "-in", folder / "key.pem", "-aes256"),
            *("-passout", "pass:secret", "-out", folder / "encrypted.pem"),
        ],
        check=True,
        capture_output=True,
    )
    (folder / "garbage.pem").write_text(
        "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    )
    return folder


class Running:
    """A server that was started as a user does."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        first = process.stdout.readline()
        assert first.startswith("Listening on "), first
        self.address = first.split()[-1]

    def stop(self) -> str:
        """What it wrote to stderr."""
        self.process.send_signal(signal.SIGINT)
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0
        return errors


@pytest.fixture
def start(clean_environment: dict[str, str], tmp_path: Path) -> Iterator[Any]:
    """Starts `mlserve serve` in the test's folder."""
    started: list[subprocess.Popen[str]] = []

    def start_server(*arguments: str | Path, **environment: str) -> Running:
        process = subprocess.Popen(
            [Path(sys.executable).with_name("mlserve"), "serve", *arguments],
            env=clean_environment | environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return Running(process)

    yield start_server
    for process in started:
        process.kill()
        process.communicate()


TLS_MISTAKES = [
    (["--ssl-certfile", "cert.pem"], "--ssl-keyfile is missing"),
    (["--ssl-keyfile", "key.pem"], "--ssl-certfile is missing"),
    (["--ssl-certfile", "none.pem", "--ssl-keyfile", "key.pem"], "certificate none.pem cannot be"),
    (["--ssl-certfile", "cert.pem", "--ssl-keyfile", "none.pem"], "key none.pem cannot be read"),
    (["--ssl-certfile", ".", "--ssl-keyfile", "key.pem"], "certificate . cannot be read: Is a dir"),
    (["--ssl-certfile", "key.pem", "--ssl-keyfile", "key.pem"], "key.pem holds no certificate"),
    (["--ssl-certfile", "cert.pem", "--ssl-keyfile", "cert.pem"], "cert.pem holds no private key"),
    (["--ssl-certfile", "garbage.pem", "--ssl-keyfile", "key.pem"], "garbage.pem or its key"),
    (["--ssl-certfile", "cert.pem", "--ssl-keyfile", "other-key.pem"], "does not belong to"),
    (["--ssl-certfile", "cert.pem", "--ssl-keyfile", "encrypted.pem"], "is encrypted"),
]


@pytest.mark.parametrize(("options", "message"), TLS_MISTAKES, ids=lambda value: None)
def test_tls_files_that_cannot_be_used_are_one_clear_error(
    mlserve: Any, certificates: Path, tmp_path: Path, options: list[str], message: str
) -> None:
    for path in certificates.iterdir():
        (tmp_path / path.name).symlink_to(path)
    finished = mlserve("serve", *options)
    assert (finished.exit_code, finished.stdout) == (2, "")
    assert finished.stderr.startswith("error: ")
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("no.such.host.invalid", "Cannot listen on no.such.host.invalid:8000"),
        ("192.0.2.1", "Cannot listen on 192.0.2.1:8000"),
        ("::2", "Cannot listen on [::2]:8000"),
        ("a" * 70, "Cannot listen on aaaa"),
    ],
    ids=["name", "address", "six", "long"],
)
def test_an_address_of_another_machine_is_a_wrong_option(
    mlserve: Any, host: str, message: str
) -> None:
    finished = mlserve("serve", "--host", host)
    assert finished.exit_code == 2
    assert message in finished.stderr
    assert "--host takes an address of this machine" in finished.stderr


def test_a_taken_port_is_a_failure_of_the_server(mlserve: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        finished = mlserve("serve", "--port", str(port))
    assert finished.exit_code == 6
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in finished.stderr
    assert "--port N" in finished.stderr


@pytest.mark.parametrize(
    ("arguments", "exit_code", "message"),
    [
        ((), 3, "No model was named, and models holds none."),
        (("none",), 3, "none"),
        (("double.joblib", "./double.joblib"), 2, "2 models would be served as double"),
        (("double.joblib", "--api-key-file", "none"), 2, "API keys none cannot be read"),
        (("double.joblib", "--engine", "onnx"), 2, "holds no ONNX model"),
        (("double.joblib", "--port", "70000"), 2, "--port"),
    ],
    ids=["empty", "unknown", "twice", "keys", "engine", "port"],
)
def test_what_cannot_be_served_is_one_clear_error(
    mlserve: Any, model: Path, arguments: tuple[str, ...], exit_code: int, message: str
) -> None:
    port = () if "--port" in arguments else ("--port", "0")
    finished = mlserve("serve", *arguments, *port)
    assert (finished.exit_code, finished.stdout) == (exit_code, "")
    assert message in finished.stderr
    assert "Traceback" not in finished.stderr


def test_options_come_from_the_environment_as_well(
    start: Any, model: Path, certificates: Path, tmp_path: Path
) -> None:
    (tmp_path / "keys").write_text("secret\n")
    running = start(
        MLSERVE_MODEL=str(model),
        MLSERVE_HOST="localhost",
        MLSERVE_PORT="0",
        MLSERVE_WORKERS="2",
        MLSERVE_FRAMEWORK="flask",
        MLSERVE_API_KEY_FILE="keys",
        MLSERVE_SSL_CERTFILE=str(certificates / "cert.pem"),
        MLSERVE_SSL_KEYFILE=str(certificates / "key.pem"),
        MLSERVE_MAX_BODY_BYTES="100",
    )
    assert running.address.startswith("https://localhost:")
    context = ssl.create_default_context(cafile=str(certificates / "cert.pem"))
    with httpx.Client(base_url=running.address, verify=context, timeout=30) as client:
        assert client.post("/predict", json=BODY).status_code == 401
        client.headers["x-api-key"] = "secret"
        assert client.post("/predict", json=BODY).json()["predictions"] == pytest.approx([2, 4])
        assert client.post("/predict", content=b" " * 101).status_code == 413
    running.stop()


def test_model_path_names_the_model_in_containers(start: Any, model: Path) -> None:
    running = start(MODEL_PATH=str(model), MLSERVE_PORT="0")
    answer = httpx.post(f"{running.address}/predict", json=BODY, timeout=30)
    assert answer.json()["model"] == "double"
    running.stop()


def test_a_server_on_ipv6(start: Any, model: Path) -> None:
    running = start(model, "--host", "::1", "--port", "0")
    assert running.address.startswith("http://[::1]:")
    answer = httpx.post(f"{running.address}/predict", json=BODY, timeout=30)
    assert answer.json()["predictions"] == pytest.approx([2, 4])
    assert running.stop() == ""


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_a_server_that_anybody_may_use_says_so(
    start: Any, model: Path, tmp_path: Path, host: str
) -> None:
    running = start(model, "--host", host, "--port", "0")
    answer = httpx.post(f"{running.address}/predict", json=BODY, timeout=30)
    assert answer.status_code == 200
    warning = running.stop()
    assert warning.count("\n") == 1
    assert warning.startswith("warning: Anybody who reaches this machine can use these models")
    (tmp_path / "keys").write_text("secret\n")
    assert start(model, "--host", host, "--port", "0", "--api-key-file", "keys").stop() == ""


def test_a_changed_certificate_is_taken_over_on_hangup(
    start: Any, model: Path, certificates: Path, tmp_path: Path
) -> None:
    def install(certificate: str, key: str) -> None:
        (tmp_path / "cert.pem").write_bytes((certificates / certificate).read_bytes())
        (tmp_path / "key.pem").write_bytes((certificates / key).read_bytes())

    def is_shown(certificate: str) -> bool:
        context = ssl.create_default_context(cafile=str(certificates / certificate))
        try:
            with httpx.Client(verify=context, timeout=30) as client:
                address = running.address.replace("127.0.0.1", "localhost")
                return client.post(f"{address}/predict", json=BODY).status_code == 200
        except httpx.ConnectError:
            return False

    install("cert.pem", "key.pem")
    options = ("--port", "0", "--ssl-certfile", "cert.pem", "--ssl-keyfile", "key.pem")
    running = start(model, *options)
    assert is_shown("cert.pem")
    install("other-cert.pem", "key.pem")
    running.process.send_signal(signal.SIGHUP)
    assert "does not belong" in running.process.stderr.readline()
    assert is_shown("cert.pem")
    install("other-cert.pem", "other-key.pem")
    running.process.send_signal(signal.SIGHUP)
    while not is_shown("other-cert.pem"):
        assert running.process.poll() is None
    assert not is_shown("cert.pem")
    running.stop()


@pytest.mark.skipif(os.getuid() != 0, reason="only root may become somebody else")
def test_a_port_that_needs_privileges_says_so(clean_environment: dict[str, str]) -> None:
    code = (
        "import os\n"
        "from mlserve_cli.serving.listening import bind\n"
        "os.setuid(65534)\n"
        "bind('127.0.0.1', 80)"
    )
    finished = subprocess.run(
        [sys.executable, "-c", code],
        env=clean_environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if finished.returncode == 0:
        pytest.skip("this system gives low ports to everybody")
    assert "Cannot listen on 127.0.0.1:80: Permission denied." in finished.stderr
    assert "Ports below 1024 need privileges" in finished.stderr
