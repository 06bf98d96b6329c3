"""A Grafana dashboard of servers."""

import json
from dataclasses import dataclass
from typing import Any

from mlserve_cli.deploy.prometheus import JOB

_DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
_CHOSEN = 'model=~"$model"'
_SERVERS = f'job="{JOB}"'
_COLUMNS = 24
_WIDTH, _HEIGHT = 8, 8


def _rate(metric: str, **labels: str) -> str:
    chosen = ",".join([_CHOSEN, *(f'{name}=~"{value}"' for name, value in labels.items())])
    return f"rate({metric}{{{chosen}}}[$__rate_interval])"


def _quantile(share: float, metric: str) -> str:
    return f"histogram_quantile({share}, sum by (le) ({_rate(f'{metric}_bucket')}))"


def _share(part: str, whole: str) -> str:
    return f"sum by (model) ({part}) / sum by (model) ({whole})"


@dataclass(frozen=True, slots=True)
class _Panel:
    """One picture: its unit as Grafana calls it, and expressions by the legend of their lines."""

    title: str
    unit: str
    lines: dict[str, str]


_REQUESTS = "mlserve_requests_total"
_BATCHES = "mlserve_batch_requests"
_PANELS = (
    _Panel(
        "Requests",
        "reqps",
        {"{{model}} {{status}}": f"sum by (model, status) ({_rate(_REQUESTS)})"},
    ),
    _Panel(
        "Failed requests",
        "percentunit",
        {"{{model}}": _share(_rate(_REQUESTS, status="5.."), _rate(_REQUESTS))},
    ),
    _Panel(
        "Latency",
        "s",
        {
            f"p{share * 100:g}": _quantile(share, "mlserve_request_duration_seconds")
            for share in (0.5, 0.95, 0.99)
        },
    ),
    _Panel(
        "Rows scored", "rowsps", {"{{model}}": f"sum by (model) ({_rate('mlserve_rows_total')})"}
    ),
    _Panel(
        "Requests merged for one call",
        "short",
        {"{{model}}": _share(_rate(f"{_BATCHES}_sum"), _rate(f"{_BATCHES}_count"))},
    ),
    _Panel("Wait for a call", "s", {"p99": _quantile(0.99, "mlserve_queue_wait_seconds")}),
    _Panel(
        "Requests in flight",
        "short",
        {"{{model}}": f"sum by (model) (mlserve_requests_in_flight{{{_CHOSEN}}})"},
    ),
    _Panel(
        "Columns with drift",
        "short",
        {"{{model}}": f"max by (model) (mlserve_drift_alarms{{{_CHOSEN}}})"},
    ),
    _Panel(
        "Quality by the labels that came",
        "short",
        {"{{model}} {{metric}}": f"max by (model, metric) (mlserve_quality{{{_CHOSEN}}})"},
    ),
    _Panel("Memory", "bytes", {"{{instance}}": f"process_resident_memory_bytes{{{_SERVERS}}}"}),
    _Panel(
        "Processors in use",
        "short",
        {"{{instance}}": f"rate(process_cpu_seconds_total{{{_SERVERS}}}[$__rate_interval])"},
    ),
    _Panel(
        "Workers replaced",
        "short",
        {
            "{{instance}}": "increase("
            f"mlserve_worker_restarts_total{{{_SERVERS}}}[$__rate_interval])"
        },
    ),
    _Panel(
        "Age of the model",
        "s",
        {
            "{{model}} {{version}}": "time() - max by (model, version) "
            f"(mlserve_model_created_timestamp_seconds{{{_CHOSEN}}})"
        },
    ),
    _Panel(
        "Servers with each version",
        "short",
        {
            "{{model}} {{version}} {{engine}}": "count by (model, version, engine) "
            f"(mlserve_model_info{{{_CHOSEN}}})"
        },
    ),
)


def grafana_dashboard() -> str:
    """A dashboard to be imported."""
    dashboard = {
        "title": "mlserve",
        "uid": "mlserve",
        "tags": ["mlserve"],
        "schemaVersion": 39,
        "refresh": "15s",
        "time": {"from": "now-1h", "to": "now"},
        "templating": {"list": [_datasource_choice(), _model_choice()]},
        "panels": [_shown(position, panel) for position, panel in enumerate(_PANELS)],
    }
    return json.dumps(dashboard, indent=2) + "\n"


def _shown(position: int, panel: _Panel) -> dict[str, Any]:
    per_line = _COLUMNS // _WIDTH
    place = {"x": position % per_line * _WIDTH, "y": position // per_line * _HEIGHT}
    return {
        "id": position + 1,
        "type": "timeseries",
        "title": panel.title,
        "datasource": _DATASOURCE,
        "gridPos": {**place, "w": _WIDTH, "h": _HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": [
            {
                "refId": chr(ord("A") + number),
                "datasource": _DATASOURCE,
                "expr": expression,
                "legendFormat": legend,
            }
            for number, (legend, expression) in enumerate(panel.lines.items())
        ],
    }


def _datasource_choice() -> dict[str, Any]:
    return {
        "name": "datasource",
        "type": "datasource",
        "query": "prometheus",
        "label": "Prometheus",
    }


def _model_choice() -> dict[str, Any]:
    query = "label_values(mlserve_model_info, model)"
    return {
        "name": "model",
        "type": "query",
        "label": "Model",
        "datasource": _DATASOURCE,
        "query": {"query": query, "refId": "model"},
        "refresh": 2,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }
