"""How good the models are, as the dashboard shows it."""

from typing import TYPE_CHECKING

import msgspec

from mlserve_cli.serving import quality_families as families

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from mlserve_cli.monitoring.families import Family

    SeriesOf = Callable[[Family], Mapping[tuple[str, ...], Sequence[float]]]


class QualityFigure(msgspec.Struct, frozen=True):
    """A metric of the predictions whose labels have come.

    Attributes:
        model: Name of the model.
        version: Its version.
        metric: Name of the metric.
        value: What it is now.
        stored: What it was when the model was saved; None where that is not known.
        drop: How far it fell since; None where that is not known, or labels are too few.
        labels: Predictions that were judged.
    """

    model: str
    version: str
    metric: str
    value: float
    stored: float | None
    drop: float | None
    labels: int


def quality_figures(series_of: "SeriesOf") -> list[QualityFigure]:
    """The metrics of all models, by name.

    Args:
        series_of: Gives the series of a family over all workers.
    """
    stored, drops = series_of(families.STORED), series_of(families.DROP)
    labels = series_of(families.LABELS)
    return [
        QualityFigure(
            model,
            version,
            metric,
            value[0],
            stored[key][0] if (key := (model, version, metric)) in stored else None,
            drops[key][0] if key in drops else None,
            int(labels.get((model, version), (0.0,))[0]),
        )
        for (model, version, metric), value in sorted(series_of(families.QUALITY).items())
    ]
