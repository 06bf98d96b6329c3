"""What is told about an alert."""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import assert_never

from mlserve_cli.monitoring.alerts.rules import Kind, Rule


class Status(StrEnum):
    """What has become of an alert."""

    FIRING = "firing"
    RESOLVED = "resolved"
    # Sent to try the receivers.
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Notice:
    """An alert that was raised or is over; its fields are what webhooks and commands get.

    Attributes:
        id: The same for the beginning and the end of an alert, and for each attempt to tell it.
        status: What has become of it.
        alert: Name of the rule.
        model: Name of the model.
        severity: As the rule says.
        value: What was measured last.
        text: All of it in one sentence.
        started: When the alert was raised, ISO 8601 in UTC.
        ended: When it was over; None before.
    """

    id: str
    status: Status
    alert: str
    model: str
    severity: str
    value: float
    text: str
    started: str
    ended: str | None = None


def notice(
    rule: Rule,
    model: str,
    value: float,
    started: float,
    ended: float | None = None,
) -> Notice:
    """What is told about an alert.

    Args:
        rule: Which was broken.
        model: By which model.
        value: What was measured last.
        started: When, in seconds since 1970.
        ended: When it was over; None while it fires.
    """
    status = Status.FIRING if ended is None else Status.RESOLVED
    begun = _iso(started)
    return Notice(
        hashlib.sha256(f"{rule.name}\n{model}\n{begun}".encode()).hexdigest()[:16],
        status,
        rule.name,
        model,
        rule.severity,
        value,
        f"[{status.upper()}] {rule.name}: {model} {_sentence(rule, value, over=ended is not None)}",
        begun,
        None if ended is None else _iso(ended),
    )


def trial_notice(now: float) -> Notice:
    """A notice to try receivers with.

    Args:
        now: Seconds since 1970.
    """
    started = _iso(now)
    return Notice(
        hashlib.sha256(f"test\n{started}".encode()).hexdigest()[:16],
        Status.TEST,
        "mlserve_test",
        "none",
        "info",
        0.0,
        "[TEST] mlserve_test: this is a test, nothing is wrong.",
        started,
    )


def _sentence(rule: Rule, value: float, *, over: bool) -> str:
    match rule.kind:
        case Kind.ERROR_RATE:
            found = f"fails {value:.1%} of its requests", f"more than {rule.limit:.1%}"
        case Kind.P99_LATENCY:
            found = f"takes {value:.4g} s for the slowest of 100 requests", f"{rule.limit:.4g} s"
        case Kind.NO_TRAFFIC:
            found = f"was asked for nothing in {rule.window_seconds:g} s", ""
        case Kind.DRIFT:
            found = "gets or predicts what has drifted from its reference", ""
        case Kind.QUALITY_DROP:
            found = f"has lost {value:.4g} of its quality", f"more than {rule.limit:.4g}"
        case _:
            assert_never(rule.kind)
    happening, limit = found
    said = "is back to normal" if over else happening
    return f"{said} (limit: {limit})." if limit else f"{said}."


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")
