"""Runs commands in copies of a process that has imported the libraries, which takes its time.

Each command is still a process of its own, with the arguments, folder, environment and standard
streams that it was given, and ends as any Python process does. Only other people's libraries are
imported beforehand; everything of ours is imported by the command itself.
"""

import gc
import importlib
import json
import os
import socket
import sys
import warnings
from pathlib import Path
from typing import Any

LIBRARIES = (
    "joblib",
    "pandas",
    "pyarrow.csv",
    "pyarrow.parquet",
    "rich.progress",
    "sklearn.ensemble",
    "sklearn.feature_extraction",
    "sklearn.linear_model",
    "sklearn.pipeline",
    "skops.io",
    "typer",
)
_MESSAGE_BYTES = 1 << 20


def main(channel: socket.socket) -> None:
    """Answers each command with the number of its process and then with how that ended.

    Returns in the process of a command, whose arguments and surroundings are set by then.
    """
    while True:
        message, streams, _, _ = socket.recv_fds(channel, _MESSAGE_BYTES, 3)
        if not message:
            # The tests are over.
            os._exit(0)
        process = copied()
        if not process:
            channel.close()
            become(json.loads(message), streams)
            return
        for stream in streams:
            os.close(stream)
        channel.send(str(process).encode())
        _, status = os.waitpid(process, 0)
        channel.send(str(os.waitstatus_to_exitcode(status)).encode())


def copied() -> int:
    """Zero in the copy; in the original, the number of its process."""
    with warnings.catch_warnings():
        # Of another thread: that of Arrow's allocator, which is prepared for this.
        warnings.simplefilter("ignore", DeprecationWarning)
        return os.fork()


def become(command: dict[str, Any], streams: list[int]) -> None:
    """Takes over what the command was given."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(command["folder"])
    os.environ.clear()
    os.environ.update(command["environment"])
    sys.argv[:] = command["arguments"]
    # As the installed command has it, which is not beside this file.
    sys.path[0] = str(Path(sys.argv[0]).parent)


if __name__ == "__main__":
    for library in LIBRARIES:
        importlib.import_module(library)
    # What has been imported stays shared by all copies.
    gc.freeze()
    main(socket.socket(fileno=int(sys.argv[1])))
    # From here on it is the process of a command.
    from mlserve_cli.cli import main as mlserve

    mlserve()
