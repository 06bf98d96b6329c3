"""What the watch of drift says about all models."""

from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.monitoring.drift_state import DriftState

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mlserve_cli.drift.budget import WatchOptions
    from mlserve_cli.serving.model import LoadedModel


def encoded(
    described: list[dict[str, Any]], models: "Iterable[LoadedModel]", options: "WatchOptions"
) -> bytes:
    """The report as `/drift` answers it.

    Args:
        described: Models of which rows were seen; see `ModelDrift.describe`.
        models: All that are served.
        options: How they are watched.
    """
    known = {(found["name"], found["version"]) for found in described}
    # Nobody has asked the others yet.
    others = [_unasked(model) for model in models if (model.name, model.version) not in known]
    found = sorted([*described, *others], key=lambda one: (one["name"], one["version"]))
    return msgspec.json.encode(
        {
            "models": found,
            "window_rows": options.rows,
            "window_seconds": options.seconds,
            "false_alarms_per_day": options.false_alarms_per_day,
        }
    )


def _unasked(model: "LoadedModel") -> dict[str, Any]:
    return {
        "name": model.name,
        "version": model.version,
        "state": "waiting" if model.reference is not None else "no reference",
        "drifted": False,
        "windows": 0,
        "columns": [],
    }


def state_of(described: dict[str, Any]) -> DriftState:
    """One of its models in a few words."""
    compared = [column for column in described["columns"] if column.get("effect") is not None]
    # The worst is the first one.
    worst = compared[0] if compared else {}
    return DriftState(
        described["name"],
        str(described["version"]),
        described["state"],
        sum(column["state"] == "alarm" for column in described["columns"]),
        worst.get("name"),
        worst.get("effect"),
        worst.get("threshold"),
        described.get("evaluated"),
    )
