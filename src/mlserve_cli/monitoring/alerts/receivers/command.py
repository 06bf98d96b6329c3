"""A command that is run for each notice."""

import subprocess
from dataclasses import dataclass

import msgspec

from mlserve_cli.monitoring.alerts.notice import Notice
from mlserve_cli.monitoring.alerts.receivers.interface import DeliveryError

_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Command:
    """Runs a program, without a shell, with the notice as JSON on its standard input.

    Attributes:
        name: As the settings call it.
        command: The program and its arguments.
        timeout_seconds: After which it is killed.
    """

    name: str
    command: tuple[str, ...]
    timeout_seconds: float = 30.0
    repeat_seconds: float | None = None

    def deliver(self, told: Notice) -> None:
        """See `Receiver.deliver`; there is no second attempt, since half of it may have worked."""
        try:
            finished = subprocess.run(  # noqa: S603 -- The command of whoever runs the server.
                self.command,
                input=msgspec.json.encode(told) + b"\n",
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                timeout=self.timeout_seconds,
                check=False,
            )
        except subprocess.TimeoutExpired:
            reason = f"it was killed after {self.timeout_seconds:g} seconds"
            raise DeliveryError(reason, again=False) from None
        except OSError as error:
            raise DeliveryError(f"it cannot be run: {error.strerror}", again=False) from None
        if finished.returncode != 0:
            said = finished.stderr.decode(errors="replace").strip()[-_SHOWN_CHARACTERS:]
            reason = f"it ended with code {finished.returncode}{f': {said}' if said else ''}"
            raise DeliveryError(reason, again=False)
