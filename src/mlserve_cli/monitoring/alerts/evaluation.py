"""Whether a rule holds for a model."""

from dataclasses import dataclass
from typing import assert_never

from mlserve_cli.monitoring.alerts.rules import Kind, Rule
from mlserve_cli.monitoring.alerts.samples import Change, Samples


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a rule says about a model.

    Attributes:
        rule: The rule.
        model: Name of the model.
        holds: Whether an alert is due; None where nothing is known at this moment.
        value: What was measured.
    """

    rule: Rule
    model: str
    holds: bool | None
    value: float = 0.0


def evaluate(rules: tuple[Rule, ...], samples: Samples) -> list[Verdict]:
    """What every rule says about every model that it is about."""
    return [
        _judge(rule, samples, model)
        for rule in rules
        for model in samples.models
        if rule.model in (None, model)
    ]


def _judge(rule: Rule, samples: Samples, model: str) -> Verdict:
    now = samples.now(model)
    match rule.kind:
        case Kind.ERROR_RATE | Kind.P99_LATENCY:
            change = samples.over(rule.window_seconds, model)
            if change.requests < rule.min_requests:
                return Verdict(rule, model, holds=False)
            value = _measured(rule.kind, change)
            return Verdict(rule, model, value > rule.limit, value)
        case Kind.NO_TRAFFIC:
            change = samples.over(rule.window_seconds, model)
            silent = change.requests == 0 and change.seconds >= rule.window_seconds
            return Verdict(rule, model, silent, change.requests)
        case Kind.DRIFT:
            return Verdict(rule, model, now.drifted, float(bool(now.drifted)))
        case Kind.QUALITY_DROP:
            drop = now.quality_drop
            return Verdict(rule, model, None if drop is None else drop > rule.limit, drop or 0.0)
        case _:
            assert_never(rule.kind)


def _measured(kind: Kind, change: Change) -> float:
    if kind is Kind.ERROR_RATE:
        return change.errors / change.requests
    return change.latency.quantile(0.99)
