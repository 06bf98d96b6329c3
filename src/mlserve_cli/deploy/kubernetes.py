"""Kubernetes manifests of a model: a Deployment and its Service."""

from typing import Any

import yaml

from mlserve_cli.deploy.container import PORT, STOP_SECONDS, USER
from mlserve_cli.deploy.packaged import Packaged

# Until every proxy has learnt that a pod is leaving, requests still come to it.
_LEAVE_SECONDS = 5


def kubernetes(packaged: Packaged) -> str:
    """Manifests for `kubectl apply`."""
    return yaml.safe_dump_all([_deployment(packaged), _service(packaged)], sort_keys=False)


def _selector(packaged: Packaged) -> dict[str, str]:
    return {"app.kubernetes.io/name": packaged.resource}


def _metadata(packaged: Packaged) -> dict[str, Any]:
    version = {"app.kubernetes.io/version": str(packaged.version)}
    return {"name": packaged.resource, "labels": {**_selector(packaged), **version}}


def _deployment(packaged: Packaged) -> dict[str, Any]:
    # Prometheus finds pods by these in most clusters.
    scraped = {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(PORT),
        "prometheus.io/path": "/metrics",
    }
    pod = {
        "automountServiceAccountToken": False,
        # Else a service called mlserve would set MLSERVE_PORT in every pod.
        "enableServiceLinks": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "terminationGracePeriodSeconds": STOP_SECONDS + _LEAVE_SECONDS,
        "containers": [_container(packaged)],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": _metadata(packaged),
        "spec": {
            "replicas": 2,
            "selector": {"matchLabels": _selector(packaged)},
            "strategy": {"rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": {
                "metadata": {"labels": _metadata(packaged)["labels"], "annotations": scraped},
                "spec": pod,
            },
        },
    }


def _container(packaged: Packaged) -> dict[str, Any]:
    return {
        "name": "mlserve",
        "image": packaged.image,
        "ports": [{"name": "http", "containerPort": PORT}],
        "startupProbe": _probe("ready", periodSeconds=1, failureThreshold=120),
        "readinessProbe": _probe("ready", periodSeconds=5, failureThreshold=2),
        "livenessProbe": _probe("live", periodSeconds=10, failureThreshold=6),
        "lifecycle": {"preStop": {"exec": {"command": ["sleep", str(_LEAVE_SECONDS)]}}},
        "resources": {
            "requests": {"cpu": "500m", "memory": "512Mi"},
            "limits": {"memory": "1Gi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],  # noqa: S108 -- In the container.
    }


def _probe(state: str, **settings: int) -> dict[str, Any]:
    asked = {"path": f"/health/{state}", "port": "http"}
    return {"httpGet": asked, "timeoutSeconds": 3, **settings}


def _service(packaged: Packaged) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": _metadata(packaged),
        "spec": {
            "selector": _selector(packaged),
            "ports": [{"name": "http", "port": 80, "targetPort": "http"}],
        },
    }
