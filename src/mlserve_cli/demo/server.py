"""A server of the demo's model in a process of its own, asked over HTTP like any other."""

import os
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from mlserve_cli.errors import EngineError

# As the console script does.
_MAIN = "from mlserve_cli.cli import main; main()"
_ANSWER_SECONDS = 30
_STOP_SECONDS = 60


@dataclass(frozen=True, slots=True)
class DemoServer:
    """A running `mlserve serve`.

    Attributes:
        announced: What it printed when it was ready.
        curl: The command that it proposes for a prediction.
    """

    announced: str
    curl: str

    def ask(self) -> str:
        """The answer to what the proposed command asks.

        Raises:
            EngineError: There is none.
        """
        _, address, _, body = shlex.split(self.curl)
        # A proxy would not know this machine's own address.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, body.encode(), timeout=_ANSWER_SECONDS) as answer:
                text: bytes = answer.read()
        except urllib.error.URLError as error:
            raise EngineError(f"{address} gave no prediction: {error.reason}.") from error
        return text.decode()


@contextmanager
def running_server(arguments: str) -> Iterator[DemoServer]:
    """Starts `mlserve serve` and stops it, cleanly where nothing failed.

    Raises:
        EngineError: It does not start, or does not stop as it should.
    """
    # What configures the user's own servers is not meant for this one.
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("MLSERVE_") or name == "MLSERVE_MODELS"
    }
    command = [sys.executable, "-c", _MAIN, "serve", *shlex.split(arguments)]
    with subprocess.Popen(  # noqa: S603 - the command is ours
        command, env=environment, stdout=subprocess.PIPE, text=True, encoding="utf-8"
    ) as process:
        try:
            yield _announced(process)
            process.terminate()
            if process.wait(_STOP_SECONDS) != 0:
                raise EngineError(f"The server ended with exit code {process.returncode}.")
        finally:
            process.kill()


def _announced(process: "subprocess.Popen[str]") -> DemoServer:
    assert process.stdout is not None
    lines = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("  curl "):
            return DemoServer("".join(lines), line.strip())
    raise EngineError(f"The server did not start; its exit code is {process.wait()}.")
