"""Rules by which Prometheus raises alerts about servers, and a configuration to start from."""

from typing import Any

import yaml

RULES_NAME = "mlserve.rules.yaml"
# What the rules expect the servers to be called in the configuration of Prometheus.
JOB = "mlserve"
_ANSWERS = "mlserve_requests_total"
_SLOWEST = (
    "histogram_quantile(0.99, sum by (model, le) "
    "(rate(mlserve_request_duration_seconds_bucket[5m])))"
)


def prometheus_rules() -> str:
    """A rule file: thresholds to start from, each in its own expression."""
    rules = [
        _rule(
            "MlserveDown",
            f'up{{job="{JOB}"}} == 0',
            "1m",
            "{{ $labels.instance }} does not answer.",
            severity="critical",
        ),
        _rule(
            "MlserveMissing",
            f'absent(up{{job="{JOB}"}})',
            "5m",
            "Prometheus knows no server; look at its scrape configuration.",
            severity="critical",
        ),
        _rule(
            "MlserveErrors",
            f'sum by (model) (rate({_ANSWERS}{{status=~"5.."}}[5m])) '
            f"/ sum by (model) (rate({_ANSWERS}[5m])) > 0.05",
            "5m",
            "{{ $value | humanizePercentage }} of the requests to {{ $labels.model }} fail.",
            severity="critical",
        ),
        _rule(
            "MlserveSlow",
            f"{_SLOWEST} > 0.5",
            "10m",
            "The slowest of 100 requests to {{ $labels.model }} takes "
            "{{ $value | humanizeDuration }}.",
        ),
        _rule(
            "MlserveNoTraffic",
            "sum by (model) (mlserve_model_info) "
            f"unless sum by (model) (rate({_ANSWERS}[15m])) > 0",
            "15m",
            "Nobody has asked {{ $labels.model }} for a prediction.",
        ),
        _rule(
            "MlserveDrift",
            "max by (model) (mlserve_drift_alarms) > 0",
            "0m",
            "{{ $value }} columns of what {{ $labels.model }} gets or predicts have drifted.",
        ),
        _rule(
            "MlserveQuality",
            "max by (model) (mlserve_quality_drop) > 0.05",
            "0m",
            "A score of {{ $labels.model }} is {{ $value | humanize }} below what it was when the "
            "model was saved.",
        ),
        _rule(
            "MlserveRestarts",
            "sum by (instance) (increase(mlserve_worker_restarts_total[15m])) > 2 "
            f'or sum by (instance) (changes(process_start_time_seconds{{job="{JOB}"}}[15m])) > 2',
            "0m",
            "{{ $labels.instance }} or its workers start again and again.",
        ),
    ]
    return yaml.safe_dump({"groups": [{"name": "mlserve", "rules": rules}]}, sort_keys=False)


def prometheus_configuration() -> str:
    """A configuration that asks a server on this machine and evaluates the rules."""
    return yaml.safe_dump(
        {
            "global": {"scrape_interval": "15s", "evaluation_interval": "15s"},
            "rule_files": [RULES_NAME],
            "scrape_configs": [
                {"job_name": JOB, "static_configs": [{"targets": ["localhost:8000"]}]}
            ],
        },
        sort_keys=False,
    )


def _rule(
    name: str, expression: str, duration: str, summary: str, *, severity: str = "warning"
) -> dict[str, Any]:
    return {
        "alert": name,
        "expr": expression,
        "for": duration,
        "labels": {"severity": severity},
        "annotations": {"summary": summary},
    }
