"""A server: started, asked, stopped."""

import contextlib
import http.client
import os
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from serving import accounting
from serving.environments import Installed
from serving.peers import Peer
from serving.wire import request_body

if TYPE_CHECKING:
    from collections.abc import Iterator

    from serving.models import Question

_HOST = "127.0.0.1"
_PORTS = ("PORT", "PORT2", "PORT3")
_NGINX_SETTINGS = "nginx-PORT.conf"
_START_SECONDS = 60.0
_STOP_SECONDS = 5.0
_ASK_SECONDS = 30.0
# How often a server that starts is asked whether it answers.
_KNOCK_SECONDS = 0.005
# A server that has answered everybody uses no processor time for so long.
_IDLE_SECONDS = 0.05
_SETTLE_SECONDS = 5.0
# With these a start would compile what it imports every time, or find other modules.
_UNWANTED_VARIABLES = frozenset({"PYTHONDONTWRITEBYTECODE", "PYTHONPATH"})


class StartError(Exception):
    """A server does not start."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs.

    Attributes:
        peer: Which.
        port: Where it listens.
        process: Its first process.
        start_seconds: From the start of that to the first answer with status 200.
    """

    peer: Peer
    port: int
    process: "subprocess.Popen[bytes]"
    start_seconds: float = 0.0

    @property
    def address(self) -> str:
        """Where predictions are asked."""
        return f"http://{_HOST}:{self.port}{self.peer.path}"

    def cpu_seconds(self) -> float:
        """Processor time of all its processes."""
        return accounting.cpu_seconds(self.process.pid)

    def settle(self) -> None:
        """Waits until it does nothing any more."""
        deadline = time.perf_counter() + _SETTLE_SECONDS
        before, now = -1.0, self.cpu_seconds()
        while now != before and time.perf_counter() < deadline:
            time.sleep(_IDLE_SECONDS)
            before, now = now, self.cpu_seconds()

    def ask(self, body: str) -> tuple[int, bytes]:
        """Status and body of the answer, on a connection of its own.

        Raises:
            OSError: There is none.
            http.client.HTTPException: It is not HTTP.
        """
        connection = http.client.HTTPConnection(_HOST, self.port, timeout=_ASK_SECONDS)
        headers = {"Content-Type": "application/json"}
        with contextlib.closing(connection):
            connection.request("POST", self.peer.path, body, headers)
            response = connection.getresponse()
            return response.status, response.read()


def prepare(installed: Installed, folder: Path) -> None:
    """Runs what a server needs before its first start.

    Raises:
        StartError: It failed.
    """
    peer = installed.peer
    if not peer.preparation:
        return
    command = [installed.program(peer.preparation[0]), *peer.preparation[1:]]
    variables = _variables(installed, {})
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, check=False)
    if done.returncode:
        raise StartError(f"{peer.title} cannot be prepared: {_end(done.stderr)}")


@contextlib.contextmanager
def running(installed: Installed, folder: Path, question: "Question") -> "Iterator[Server]":
    """A server that answers; it is stopped at the end.

    Args:
        installed: Which.
        folder: With the model and the files of `apps`.
        question: What it is asked until it answers.

    Raises:
        StartError: It ended, or did not answer in time.
    """
    ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
    if _NGINX_SETTINGS in installed.peer.command:
        settings = _filled((folder / "nginx.conf").read_text(), ports)
        (folder / _filled(_NGINX_SETTINGS, ports)).write_text(settings)
    name, *arguments = (_filled(part, ports) for part in installed.peer.command)
    log = folder / f"{installed.peer.name}.log"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            [installed.program(name), *arguments],
            cwd=folder,
            env=_variables(installed, ports),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        server = Server(installed.peer, ports["PORT"], process)
        body = request_body(installed.peer.protocol, question.rows)
        if not _answers(server, body, started + _START_SECONDS):
            complaint = _end(log.read_bytes())
            raise StartError(f"{installed.peer.title} does not start: {complaint}")
        yield replace(server, start_seconds=time.perf_counter() - started)
    finally:
        _stop(process)


def _answers(server: Server, body: str, deadline: float) -> bool:
    """Whether it comes to answer until then."""
    while time.perf_counter() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError, http.client.HTTPException):
            if server.ask(body)[0] == 200:
                return True
        time.sleep(_KNOCK_SECONDS)
    return False


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Ends a process and its descendants."""
    processes = accounting.tree(process.pid)
    process.terminate()
    deadline = time.perf_counter() + _STOP_SECONDS
    while any(map(accounting.is_alive, processes)) and time.perf_counter() < deadline:
        time.sleep(0.02)
    for one in filter(accounting.is_alive, processes):
        with contextlib.suppress(ProcessLookupError):
            os.kill(one, signal.SIGKILL)
    process.wait()


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        probes = [stack.enter_context(socket.socket()) for _ in range(count)]
        for probe in probes:
            probe.bind((_HOST, 0))
        return [probe.getsockname()[1] for probe in probes]


def _filled(text: str, ports: dict[str, int]) -> str:
    # The longer names first: PORT is the beginning of the others.
    for name in sorted(ports, key=len, reverse=True):
        text = text.replace(name, str(ports[name]))
    return text


def _variables(installed: Installed, ports: dict[str, int]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _UNWANTED_VARIABLES}
    # Names of variables may end in PORT too; only their values are filled in.
    own = {
        name: str(ports[value]) if value in ports else value
        for name, value in installed.peer.environment.items()
    }
    return kept | own | {"PATH": installed.path}


def _end(output: bytes) -> str:
    return output.decode(errors="replace").strip()[-500:]
