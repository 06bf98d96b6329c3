"""The metrics of realised quality, as `/metrics` names them."""

from mlserve_cli.monitoring.families import Family, Kind, Merge

_MODEL = ("model", "version")
_METRIC = (*_MODEL, "metric")

QUALITY = Family(
    "mlserve_quality",
    "Quality of the latest 1000 predictions whose labels have come, by the name of the metric.",
    labels=_METRIC,
    merge=Merge.NEWEST,
)
STORED = Family(
    "mlserve_quality_stored",
    "The same metric when the model was saved.",
    labels=_METRIC,
    merge=Merge.NEWEST,
)
DROP = Family(
    "mlserve_quality_drop",
    "How far a score is below what it was when the model was saved; from 100 labels on.",
    labels=_METRIC,
    merge=Merge.NEWEST,
)
LABELS = Family(
    "mlserve_quality_labels",
    "Predictions with a label that the quality was measured on.",
    labels=_MODEL,
    merge=Merge.NEWEST,
)
FEEDBACK = Family(
    "mlserve_feedback_labels_total",
    "Labels that came: new ones, those that replaced one, and those for no known prediction.",
    Kind.COUNTER,
    ("outcome",),
)
FAMILIES = (QUALITY, STORED, DROP, LABELS)
