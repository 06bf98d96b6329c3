"""What a fitted model tells about its inputs: ranges, categories and split thresholds."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from mlserve_cli.signature import Signature

    Splits = tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]

_MEMBERS = (
    "best_estimator_", "estimator_", "estimator", "estimators_", "calibrated_classifiers_",
    "regressor_", "named_estimators_", "final_estimator_",
)  # fmt: skip
# Arrays of shape (things, features) in the space of the inputs.
_PLACES = (
    "support_vectors_", "_fit_X", "cluster_centers_", "means_", "theta_", "centroids_",
    "components_", "X_train_", "X_fit_",
)  # fmt: skip


@dataclass(slots=True)
class Learnt:
    """What is known of the input columns, by position.

    Attributes:
        ranges: Lowest and highest plausible value.
        categories: Values that an encoder knows.
        thresholds: Where trees split, in increasing order.
    """

    ranges: "dict[int, tuple[float, float]]" = field(default_factory=dict)
    categories: "dict[int, tuple[Any, ...]]" = field(default_factory=dict)
    thresholds: "dict[int, NDArray[np.float64]]" = field(default_factory=dict)


def learn(estimator: Any, signature: "Signature") -> Learnt:
    """Collects from the steps that see the input columns themselves."""
    learnt = Learnt()
    found: dict[int, list[NDArray[np.float64]]] = {}
    positions = list(range(len(signature.columns)))
    for part, columns in _parts(estimator, positions):
        _categories(part, columns, learnt)
        _ranges(part, columns, learnt)
        for features, thresholds, _ in splits(part):
            for feature in np.unique(features):
                if feature < len(columns):
                    own = np.unique(thresholds[features == feature])
                    found.setdefault(columns[feature], []).append(own)
    for position, several in found.items():
        # A split on nothing but missing values has an infinite threshold.
        values = np.unique(np.concatenate(several))
        values = values[np.isfinite(values)]
        learnt.thresholds[position] = values
        if values.size and position not in learnt.ranges:
            spread = float(values[-1] - values[0]) or 1.0
            learnt.ranges[position] = (float(values[0]) - spread, float(values[-1]) + spread)
    return learnt


def _parts(estimator: Any, columns: "Sequence[int]") -> "Iterator[tuple[Any, Sequence[int]]]":
    """Estimators inside an estimator, each with the positions of the input columns it is given."""
    yield estimator, columns
    if hasattr(estimator, "steps"):
        yield from _first_steps(estimator.steps, columns)
    for _, step in getattr(estimator, "transformer_list", ()):
        yield from _parts(step, columns)
    chosen = getattr(estimator, "_transformer_to_input_indices", None)
    for name, step, _ in getattr(estimator, "transformers_", ()):
        if chosen is not None and not isinstance(step, str):
            yield from _parts(step, [columns[int(i)] for i in chosen.get(name, ())])
    for one in members(estimator):
        yield from _parts(one, columns)


def members(estimator: Any) -> "Iterator[Any]":
    """Estimators inside an estimator that are given the same columns as it is."""
    for name in _MEMBERS:
        member = getattr(estimator, name, None)
        several = member.ravel() if isinstance(member, np.ndarray) else member
        for one in several if isinstance(several, list | tuple | np.ndarray) else [several]:
            if hasattr(one, "get_params") or hasattr(one, "estimator"):
                yield one


def _first_steps(
    steps: "Sequence[tuple[str, Any]]", columns: "Sequence[int]"
) -> "Iterator[tuple[Any, Sequence[int]]]":
    # Imputers leave the values of a column alone, so what comes after them sees the inputs too.
    for _, step in steps:
        yield from _parts(step, columns)
        if type(step).__name__ != "SimpleImputer" or step.add_indicator:
            return


def _categories(part: Any, columns: "Sequence[int]", learnt: Learnt) -> None:
    known = getattr(part, "categories_", None)
    if known is not None and len(known) == len(columns):
        for position, categories in zip(columns, known, strict=True):
            values = [value for value in categories if value is not None and value == value]  # noqa: PLR0124
            learnt.categories[position] = tuple(values)


def _ranges(part: Any, columns: "Sequence[int]", learnt: Learnt) -> None:
    limits = _limits(part)
    if limits is None or len(limits[0]) != len(columns):
        return
    for position, low, high in zip(columns, *limits, strict=True):
        if np.isfinite(low) and np.isfinite(high):
            learnt.ranges.setdefault(position, (float(low), float(high)))


def _limits(part: Any) -> "tuple[NDArray[np.float64], NDArray[np.float64]] | None":
    if hasattr(part, "data_min_"):
        spread = (part.data_max_ - part.data_min_) * 0.2
        return part.data_min_ - spread, part.data_max_ + spread
    for center, scale in (("mean_", "scale_"), ("center_", "scale_")):
        middle, width = getattr(part, center, None), getattr(part, scale, None)
        if isinstance(middle, np.ndarray) and isinstance(width, np.ndarray):
            return middle - 3.0 * width, middle + 3.0 * width
    for name in _PLACES:
        places = getattr(part, name, None)
        if not isinstance(places, np.ndarray) or places.ndim != 2:
            continue
        # Models of given distances or kernels keep no places.
        if places.size and places.dtype.kind == "f":
            low, high = places.min(axis=0), places.max(axis=0)
            spread = np.where(high > low, high - low, 1.0) * 0.2
            return low - spread, high + spread
    return None


def splits(part: Any) -> "Iterator[Splits]":
    """Columns, thresholds and numbers of the inner nodes of a tree, or of each tree in a model."""
    tree = getattr(part, "tree_", None)
    if tree is not None and hasattr(tree, "children_left"):
        inner = np.flatnonzero(tree.children_left >= 0)
        yield tree.feature[inner], tree.threshold[inner], inner
    if getattr(part, "_preprocessor", None) is not None:
        return
    for stage in getattr(part, "_predictors", ()):
        for predictor in stage:
            nodes = predictor.nodes
            inner = np.flatnonzero((nodes["is_leaf"] == 0) & (nodes["is_categorical"] == 0))
            features = nodes["feature_idx"][inner].astype(np.int64)
            yield features, nodes["num_threshold"][inner], inner
