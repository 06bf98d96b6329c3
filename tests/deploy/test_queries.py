"""Rules and dashboards ask for what servers have."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from mlserve_cli.deploy import deploy
from mlserve_cli.deploy.grafana import grafana_dashboard
from mlserve_cli.deploy.prometheus import prometheus_rules
from mlserve_cli.monitoring.families import Family, Kind
from mlserve_cli.serving import drift_families, metric_families, quality_families
from mlserve_cli.serving.metrics import ServingMetrics


def _names(family: Family) -> set[str]:
    if family.kind is Kind.HISTOGRAM:
        return {f"{family.name}_{part}" for part in ("bucket", "sum", "count")}
    return {family.name}


def _known() -> set[str]:
    metrics = ServingMetrics()
    metrics.refresh()
    families = {
        *(reading.family for reading in metrics.readings()),
        *metric_families.FAMILIES,
        *drift_families.FAMILIES,
        *quality_families.FAMILIES,
        metric_families.RESTARTS,
    }
    # Prometheus itself says whether a server could be asked.
    return {"up"}.union(*map(_names, families))


def _asked(expression: str) -> set[str]:
    bare = re.sub(r'"[^"]*"|by \([^)]*\)', "", expression)
    return set(re.findall(r"\b(?:up|mlserve_\w+|process_\w+)\b", bare))


def _expressions_of_rules() -> list[str]:
    (group,) = yaml.safe_load(prometheus_rules())["groups"]
    return [rule["expr"] for rule in group["rules"]]


def _expressions_of_dashboard() -> list[str]:
    panels = json.loads(grafana_dashboard())["panels"]
    return [target["expr"] for panel in panels for target in panel["targets"]]


@pytest.mark.parametrize("expression", [*_expressions_of_rules(), *_expressions_of_dashboard()])
def test_queries_ask_only_for_metrics_that_there_are(expression: str) -> None:
    asked = _asked(expression)
    assert asked
    assert asked <= _known()


def test_panels_have_places_of_their_own() -> None:
    panels = json.loads(grafana_dashboard())["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert len({(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}) == len(panels)
    assert all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in panels)


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_promtool_accepts_the_rules_and_the_configuration(in_tmp_path: Path) -> None:
    deploy("prometheus")
    for kind, name in (("rules", "mlserve.rules.yaml"), ("config", "prometheus.yaml")):
        subprocess.run(["promtool", "check", kind, name], cwd="deploy", timeout=60, check=True)


# Series in the notation of promtool, an hour of one value a minute; and who alerts at its end.
@pytest.mark.parametrize(
    ("series", "alerts"),
    [
        ({'up{job="mlserve",instance="a"}': "1x60"}, set()),
        ({'up{job="mlserve",instance="a"}': "1x55 0x4"}, {"MlserveDown"}),
        ({'up{job="other"}': "1x60"}, {"MlserveMissing"}),
        (
            {
                'mlserve_requests_total{model="m",status="200"}': "0+90x60",
                'mlserve_requests_total{model="m",status="503"}': "0+10x60",
            },
            {"MlserveErrors"},
        ),
        (
            {
                'mlserve_requests_total{model="m",status="200"}': "0+90x60",
                'mlserve_requests_total{model="m",status="422"}': "0+90x60",
                'mlserve_requests_total{model="m",status="503"}': "0+1x60",
            },
            set(),
        ),
        (
            {
                'mlserve_request_duration_seconds_bucket{model="m",le="0.5"}': "0+90x60",
                'mlserve_request_duration_seconds_bucket{model="m",le="1"}': "0+100x60",
                'mlserve_request_duration_seconds_bucket{model="m",le="+Inf"}': "0+100x60",
            },
            {"MlserveSlow"},
        ),
        ({'mlserve_model_info{model="m"}': "1x60"}, {"MlserveNoTraffic"}),
        (
            {
                'mlserve_model_info{model="m"}': "1x60",
                'mlserve_requests_total{model="m",status="200"}': "0+1x60",
            },
            set(),
        ),
        ({'mlserve_drift_alarms{model="m",version="1"}': "0x58 2 2"}, {"MlserveDrift"}),
        ({"mlserve_worker_restarts_total{instance='a'}": "0+1x60"}, {"MlserveRestarts"}),
        (
            {'process_start_time_seconds{job="mlserve",instance="a"}': "0+60x60"},
            {"MlserveRestarts"},
        ),
    ],
    ids=range(11),
)
@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")
def test_rules_alert_when_they_should(
    in_tmp_path: Path, series: dict[str, str], alerts: set[str]
) -> None:
    deploy("prometheus")
    if not any(name.startswith("up{") for name in series):
        series = {**series, 'up{job="mlserve",instance="a"}': "1x60"}
    (group,) = yaml.safe_load(prometheus_rules())["groups"]
    names = {rule["alert"] for rule in group["rules"]}
    assert alerts <= names
    # The number of alerts with each name, whatever their labels.
    checks = [
        {
            "expr": f'count(ALERTS{{alertname="{name}",alertstate="firing"}})',
            "eval_time": "59m",
            "exp_samples": [{"labels": "{}", "value": 1}] if name in alerts else [],
        }
        for name in sorted(names)
    ]
    given = [{"series": name, "values": values} for name, values in series.items()]
    case = {"interval": "1m", "input_series": given, "promql_expr_test": checks}
    content = {
        "rule_files": ["deploy/mlserve.rules.yaml"],
        "evaluation_interval": "1m",
        "tests": [case],
    }
    Path("tests.yaml").write_text(yaml.safe_dump(content))
    finished = subprocess.run(
        ["promtool", "test", "rules", "tests.yaml"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
