"""What waits to be scored, and what comes of it."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.errors import UsageError
from mlserve_cli.serving.refusals import DeadlineError

if TYPE_CHECKING:
    from mlserve_cli.errors import MlserveError
    from mlserve_cli.serving.arrivals import Arrival
    from mlserve_cli.serving.exchange import Call, Reply
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.serving.scoring import Scored

# To write the answer to more rows takes so long that it is done in the thread that scored them.
MANY_ROWS = 4096

Done = Callable[["Reply | MlserveError"], None]
OnBatch = Callable[["LoadedModel", int, int, float, float], None]
OnScored = Callable[["LoadedModel", list["Waiting"], "Scored"], None]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds on what is scored and what waits.

    Attributes:
        max_batch_rows: Rows in one call of a model.
        max_queue_rows: Rows that wait for one model; more are refused.
        timeout_seconds: After which a waiting request is given up.

    Raises:
        UsageError: The time is not a positive number.
    """

    max_batch_rows: int = 4096
    max_queue_rows: int = 65_536
    timeout_seconds: float = 30.0

    def __post_init__(self) -> None:
        # Not a number, and no end, are numbers to whoever reads options.
        if not 0 < self.timeout_seconds < math.inf:
            raise UsageError(
                f"Found a timeout of {self.timeout_seconds:g} seconds, expected a positive number."
            )

    def too_late(self) -> DeadlineError:
        """The error for a request that has waited longer."""
        return DeadlineError(f"No answer within {self.timeout_seconds:g} seconds.")


class Waiting(msgspec.Struct, gc=False):
    """A call and the one who waits for it."""

    call: "Call"
    done: Done
    since: float
    arrival: "Arrival | None" = None
    answered: bool = False

    def finish(self, outcome: "Reply | MlserveError") -> None:
        """Tells the one who waits, once."""
        if not self.answered:
            self.answered = True
            self.done(outcome)


class Batch(msgspec.Struct):
    """Calls that are scored together."""

    waiting: list[Waiting]
    rows: int


class Outcome(msgspec.Struct):
    """What the model said about calls that were scored together.

    Attributes:
        waiting: The calls.
        scored: What it said.
        replies: One for each of the calls, where they were written beside the event loop.
    """

    waiting: list[Waiting]
    scored: "Scored | MlserveError"
    replies: "list[Reply | MlserveError] | None" = None
