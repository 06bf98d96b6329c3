"""Rows at the thresholds of trees that lie behind scalers, imputers and choices of columns."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.pipeline import Pipeline

from mlserve_cli.conversion.learnt import members, splits
from mlserve_cli.errors import MlserveError
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.signature import DType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from mlserve_cli.signature import Signature

    Columns = dict[str, NDArray[Any]]

_MOST_THRESHOLDS = 600
# Bisection over all numbers of double precision ends after this many halvings.
_HALVINGS = 64
_FARTHEST = 1e100
# Steps whose results are exact functions of one input column each, in any engine.
_PLAIN = {
    "ColumnTransformer", "FeatureUnion", "MaxAbsScaler", "MinMaxScaler", "OneHotEncoder",
    "OrdinalEncoder", "Pipeline", "RobustScaler", "SelectKBest", "SelectPercentile",
    "SimpleImputer", "StandardScaler", "VarianceThreshold",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Splits:
    """Splits of one tree, or of one model of trees, behind some steps.

    Attributes:
        steps: What comes before it.
        model: It; gives decision paths if it is a single tree.
        features: Columns that its nodes compare, counted after the steps.
        thresholds: With what.
        nodes: Numbers of these nodes.
    """

    steps: "tuple[Any, ...]"
    model: Any
    features: "NDArray[np.int64]"
    thresholds: "NDArray[np.float64]"
    nodes: "NDArray[np.int64]"


def rows_at_thresholds(
    estimator: Any, signature: "Signature", plain: "Columns", random: np.random.Generator
) -> "Iterator[Columns]":
    """Rows either side of split thresholds that the input columns reach through plain steps.

    For each threshold the two neighbouring numbers of double precision between which the tree's
    decision changes are found by bisection, and with them the nearest of single precision.

    Args:
        estimator: A pipeline that ends in trees, or something that wraps one.
        signature: What it takes.
        plain: Rows that differ from the result in one column each.
        random: Picks thresholds where there are many.
    """
    groups: dict[tuple[int, ...], list[_Splits]] = {}
    for found in _behind(estimator, ()):
        if all(_is_plain(step) for step in found.steps):
            groups.setdefault(tuple(map(id, found.steps)), []).append(found)
    for group in groups.values():
        steps = [(str(number), step) for number, step in enumerate(group[0].steps)]
        before = EstimatorPredictor(Pipeline(steps), signature)
        try:
            yield from _rows(before, group, plain, random)
        except MlserveError:
            # The steps refuse made-up values; other rows may do.
            continue


def _behind(estimator: Any, steps: "tuple[Any, ...]") -> "Iterator[_Splits]":
    if hasattr(estimator, "steps"):
        before = (*steps, estimator[:-1]) if len(estimator.steps) > 1 else steps
        yield from _behind(estimator.steps[-1][1], before)
        return
    if steps:
        yield from (_Splits(steps, estimator, *found) for found in splits(estimator))
    for member in members(estimator):
        yield from _behind(member, steps)


def _is_plain(step: Any) -> bool:
    if isinstance(step, str) or step is None:
        return True
    inner = [
        *(one for _, one in getattr(step, "steps", ())),
        *(one for _, one, _ in getattr(step, "transformers_", ())),
        *(one for _, one in getattr(step, "transformer_list", ())),
    ]
    # ColumnTransformer writes the columns it lets through as a FunctionTransformer without one.
    nothing = type(step).__name__ == "FunctionTransformer" and step.func is None
    return nothing or (type(step).__name__ in _PLAIN and all(map(_is_plain, inner)))


def _rows(
    before: EstimatorPredictor,
    group: "Sequence[_Splits]",
    plain: "Columns",
    random: np.random.Generator,
) -> "Iterator[Columns]":
    after = _after(before, plain)
    sources = _sources(before, plain, after)
    picked = _pick(group, after, sources, random)
    if not picked.size:
        return
    base = {name: values[picked["row"]] for name, values in plain.items()}
    names = np.array(list(plain))[picked["source"]]
    numbers = np.arange(len(picked))

    def with_values(values: "NDArray[np.float64]") -> "Columns":
        return {
            name: np.where(names == name, values, column) if (names == name).any() else column
            for name, column in base.items()
        }

    def goes_left(values: "NDArray[np.float64]") -> "NDArray[np.bool_]":
        found = _after(before, with_values(values))[numbers, picked["feature"]]
        compared = np.where(picked["single"], _single(found), found)
        return np.asarray(compared <= picked["threshold"])

    low, high, changes = _bisect(goes_left, len(picked))
    for values in (low, high, *_single_neighbours(low)):
        yield {name: column[changes] for name, column in with_values(values).items()}


def _after(before: EstimatorPredictor, columns: "Columns") -> "NDArray[np.float64]":
    matrix = all(values.dtype != object for values in columns.values())
    framed = hasattr(before.estimator, "feature_names_in_") or not matrix
    batch: Any = columns if framed else np.column_stack(list(columns.values()))
    with np.errstate(all="ignore"):
        labels = before.predict(batch).labels
    return np.asarray(labels, dtype=np.float64).reshape(len(labels), -1)


def _sources(
    before: EstimatorPredictor, plain: "Columns", after: "NDArray[np.float64]"
) -> "NDArray[np.int64]":
    """For each column after the steps, the only number among the inputs that changes it, or -1."""
    sources = np.full(after.shape[1], -1)
    several = np.zeros(after.shape[1], dtype=bool)
    for position, column in enumerate(before.signature.columns):
        rolled = np.roll(plain[column.name], 1)
        changed = _after(before, plain | {column.name: rolled})
        differs = ((changed != after) & ~(np.isnan(changed) & np.isnan(after))).any(axis=0)
        several |= differs & (sources >= 0)
        usable = column.dtype is DType.FLOAT64
        sources[differs] = position if usable else -1
        several |= differs & (not usable)
    sources[several] = -1
    return sources


def _pick(
    group: "Sequence[_Splits]",
    after: "NDArray[np.float64]",
    sources: "NDArray[np.int64]",
    random: np.random.Generator,
) -> "NDArray[Any]":
    """Thresholds to test, each with a row that gets to its node if there is one."""
    most = max(1, _MOST_THRESHOLDS // len(group))
    fields = [
        ("row", np.int64), ("feature", np.int64), ("source", np.int64), ("threshold", np.float64),
        ("single", np.bool_),
    ]  # fmt: skip
    parts = []
    for one in group:
        usable = np.flatnonzero(np.isfinite(one.thresholds) & (sources[one.features] >= 0))
        usable = random.permutation(usable)[:most]
        part = np.zeros(len(usable), dtype=fields)
        part["feature"], part["threshold"] = one.features[usable], one.thresholds[usable]
        part["source"] = sources[one.features[usable]]
        # scikit-learn's own trees round to single precision before they compare.
        part["single"] = hasattr(one.model, "tree_")
        part["row"] = random.integers(0, len(after), len(usable))
        if hasattr(one.model, "decision_path") and hasattr(one.model, "tree_"):
            paths = one.model.tree_.decision_path(_single(after)).tocsc()
            for place, node in enumerate(one.nodes[usable]):
                reaching = paths.indices[paths.indptr[node] : paths.indptr[node + 1]]
                if reaching.size:
                    part["row"][place] = random.choice(reaching)
        parts.append(part)
        if sum(map(len, parts)) >= _MOST_THRESHOLDS:
            break
    return np.concatenate(parts)


def _bisect(
    goes_left: "Callable[[NDArray[np.float64]], NDArray[np.bool_]]", count: int
) -> "tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.bool_]]":
    """Neighbouring numbers between which the answer changes, and where it changes at all."""
    low, high = _order(np.full(count, -_FARTHEST)), _order(np.full(count, _FARTHEST))
    first = goes_left(_number(low))
    changes = first != goes_left(_number(high))
    for _ in range(_HALVINGS):
        # Half of each, so that the sum of two large numbers does not overflow.
        middle = (low >> 1) + (high >> 1) + (low & high & 1)
        same = goes_left(_number(middle)) == first
        low, high = np.where(same, middle, low), np.where(same, high, middle)
    return _number(low), _number(high), changes


def _order(values: "NDArray[np.float64]") -> "NDArray[np.int64]":
    """Whole numbers in the order of the values, neighbours one apart."""
    bits = values.view(np.int64)
    return np.where(bits < 0, np.iinfo(np.int64).min - bits, bits)


def _number(order: "NDArray[np.int64]") -> "NDArray[np.float64]":
    bits = np.where(order < 0, np.iinfo(np.int64).min - order, order)
    return np.ascontiguousarray(bits).view(np.float64)


def _single_neighbours(values: "NDArray[np.float64]") -> "Iterator[NDArray[np.float64]]":
    single = _single(values)
    yield single.astype(np.float64)
    for limit in (-np.inf, np.inf):
        yield np.nextafter(single, np.float32(limit)).astype(np.float64)


def _single(values: "NDArray[np.float64]") -> "NDArray[np.float32]":
    with np.errstate(over="ignore"):
        return values.astype(np.float32)
