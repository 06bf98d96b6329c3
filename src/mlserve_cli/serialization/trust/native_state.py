"""Checks state that compiled code would follow without looking: indices, counts and shapes.

A model file of admitted types alone can still hold a tree whose children lie outside of it.
Compiled code indexes into such arrays without bounds checks, so a damaged or crafted file would
crash the process, or have it read memory that is not the model's, at the first prediction.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

_LEAF = -1
# Attributes of shape (anything, features) that compiled code multiplies with the inputs.
_FEATURE_ARRAYS = ("_fit_X", "cluster_centers_", "support_vectors_")


_LEAVES = frozenset((str, int, float, bool, bytes, type(None)))


class NativeStateError(ValueError):
    """State that no fitted estimator has."""


def check_native_state(root: object) -> None:
    """Visits everything that a loaded model holds and checks what compiled code relies on.

    Args:
        root: The loaded object.

    Raises:
        NativeStateError: A tree or another such object contradicts itself.
        ValueError: A sparse matrix does.
    """
    for found in _reachable(root):
        module = type(found).__module__
        if module.startswith("sklearn."):
            _check_sklearn(found, module)
        elif module.startswith("scipy.sparse."):
            found.check_format(full_check=True) if hasattr(found, "check_format") else _coo(found)
        elif module.startswith("scipy.interpolate.") and hasattr(found, "c"):
            _spline(found)
        elif module.startswith("numpy.random."):
            _random_generator(found)


def _reachable(root: object) -> Iterator[Any]:
    waiting, seen = [root], {id(root)}
    while waiting:
        found = waiting.pop()
        yield found
        for child in _children(found):
            # Text and numbers hold nothing, and a vocabulary has a million of them.
            if type(child) not in _LEAVES and id(child) not in seen:
                seen.add(id(child))
                waiting.append(child)


def _children(found: Any) -> Iterable[Any]:
    if isinstance(found, dict):
        return found.values()
    if isinstance(found, list | tuple | set | frozenset):
        return found
    if isinstance(found, np.ndarray):
        return found.ravel().tolist() if found.dtype.hasobject else ()
    return () if isinstance(found, type) else getattr(found, "__dict__", {}).values()


def _check_sklearn(found: Any, module: str) -> None:
    check = _CHECKS.get(module)
    if check is not None:
        check(found)
    if hasattr(found, "tree_") and module == "sklearn.tree._classes":
        _require(found.tree_.n_features == found.n_features_in_, found)
    if "n_features_in_" in getattr(found, "__dict__", {}):
        _feature_arrays(found)


def _require(condition: object, found: Any) -> None:
    if not condition:
        raise NativeStateError(f"a {type(found).__name__} in it contradicts itself")


def _tree(tree: Any) -> None:
    count = tree.node_count
    # The arrays below are as long as node_count says, whatever was stored.
    _require(0 < count <= tree.capacity and 0 <= tree.max_depth <= count, tree)
    left, right, feature = tree.children_left, tree.children_right, tree.feature
    inner = left != _LEAF
    own = np.arange(count)
    _require((right[~inner] == _LEAF).all(), tree)
    for child in (left, right):
        # Children come after their parent, so a walk ends.
        _require((child[inner] > own[inner]).all() and (child[inner] < count).all(), tree)
    _require((feature[inner] >= 0).all() and (feature[inner] < tree.n_features).all(), tree)


def _members(estimator: Any) -> list[Any]:
    members = getattr(estimator, "estimators_", [])
    return list(members.ravel()) if isinstance(members, np.ndarray) else list(members)


def _forest(forest: Any) -> None:
    # Forests hand validated inputs to their trees, which do not look again.
    if not hasattr(forest, "estimators_"):
        return
    for member in _members(forest):
        _require(member.tree_.n_features == forest.n_features_in_, forest)
    stages = getattr(forest, "n_trees_per_iteration_", None)
    if stages is not None:
        _require(forest.estimators_.ndim == 2 and forest.estimators_.shape[1] == stages, forest)


def _isolation_forest(forest: Any) -> None:
    if not hasattr(forest, "estimators_"):
        return
    members, chosen = _members(forest), list(forest.estimators_features_)
    _require(len(members) == len(chosen), forest)
    for member, features in zip(members, chosen, strict=True):
        size = forest.n_features_in_
        _require(member.tree_.n_features == len(features) <= size, forest)
        _require((np.asarray(features) < size).all() and (np.asarray(features) >= 0).all(), forest)


def _histogram_boosting(model: Any) -> None:
    if not hasattr(model, "_predictors"):
        return
    mapper = model._bin_mapper
    _require(len(mapper.is_categorical_) == model.n_features_in_, model)
    for stage in model._predictors:
        _require(len(stage) == model.n_trees_per_iteration_, model)
        for predictor in stage:
            _histogram_tree(predictor, model)


def _histogram_tree(predictor: Any, model: Any) -> None:
    nodes, bits = predictor.nodes, predictor.raw_left_cat_bitsets
    _require(nodes.ndim == 1 and len(nodes) > 0 and bits.ndim == 2, predictor)
    inner = nodes["is_leaf"] == 0
    own = np.arange(len(nodes))[inner]
    for side in ("left", "right"):
        child = nodes[side][inner].astype(np.int64)
        _require((child > own).all() and (child < len(nodes)).all(), predictor)
    feature = nodes["feature_idx"][inner]
    _require((feature >= 0).all() and (feature < model.n_features_in_).all(), predictor)
    categorical = inner & (nodes["is_categorical"] != 0)
    # 256 bins are eight words of 32 bits.
    _require(not categorical.any() or bits.shape[1] == 8, predictor)
    _require((nodes["bitset_idx"][categorical] < len(bits)).all(), predictor)


def _neighbour_tree(tree: Any) -> None:
    state = tree.__getstate__()
    data, order, nodes, bounds = (np.asarray(part) for part in state[:4])
    leaf_size, levels, count = state[4:7]
    metric = state[11]
    rows, features = data.shape
    _require(sorted(order.tolist()) == list(range(rows)) and leaf_size >= 1, tree)
    _require(len(nodes) == count == bounds.shape[1] == 2**levels - 1, tree)
    _require(bounds.shape[2] == features, tree)
    starts, ends = nodes["idx_start"], nodes["idx_end"]
    _require((starts >= 0).all() and (starts <= ends).all() and (ends <= rows).all(), tree)
    inner = np.flatnonzero(nodes["is_leaf"] == 0)
    _require((2 * inner + 2 < count).all(), tree)
    _metric(metric, features)


def _metric(metric: Any, features: int) -> None:
    _, vector, matrix = metric.__getstate__()[:3]
    name = type(metric).__name__
    sizes = np.asarray(vector).shape, np.asarray(matrix).shape
    if "SEuclidean" in name:
        _require(sizes[0] == (features,), metric)
    elif "Mahalanobis" in name:
        _require(sizes[1] == (features, features), metric)
    elif "Minkowski" in name:
        _require(sizes[0] in ((0,), (1,), (features,)), metric)


def _support_vectors(model: Any) -> None:
    if not hasattr(model, "_n_support"):
        return
    counts = np.asarray(model._n_support)
    vectors, weights = model.support_vectors_, model._dual_coef_
    intercept = np.atleast_1d(model._intercept_)
    _require((counts >= 0).all() and len(counts) >= 2, model)
    classes = len(counts) if hasattr(model, "classes_") else 2
    used = counts.sum() if hasattr(model, "classes_") else counts[0]
    _require(
        weights.shape == (classes - 1, used) and len(intercept) >= classes * (classes - 1) // 2,
        model,
    )
    if not _compares_given_rows(model):
        _require(vectors.shape[0] == used, model)
    _require(len(model.support_) == used, model)


def _feature_arrays(model: Any) -> None:
    if _compares_given_rows(model):
        return
    for name in _FEATURE_ARRAYS:
        shape = getattr(vars(model).get(name), "shape", None)
        if shape is not None:
            _require(len(shape) == 2 and shape[1] == model.n_features_in_, model)


def _compares_given_rows(model: Any) -> bool:
    """Whether the inputs are similarities to the training rows, of which none are stored."""
    kernel = getattr(model, "kernel", None)
    return callable(kernel) or "precomputed" in (kernel, getattr(model, "affinity", None))


def _coo(matrix: Any) -> None:
    for indices, length in zip(matrix.coords, matrix.shape, strict=True):
        _require(len(indices) == len(matrix.data), matrix)
        _require((np.asarray(indices) >= 0).all() and (np.asarray(indices) < length).all(), matrix)


def _random_generator(found: Any) -> None:
    generator = getattr(found, "_bit_generator", getattr(found, "bit_generator", found))
    state = getattr(generator, "state", {})
    if isinstance(state, dict) and state.get("bit_generator") == "MT19937":
        # Position in the 624 words of the Mersenne Twister.
        _require(0 <= state["state"]["pos"] <= 624, found)


def _spline(spline: Any) -> None:
    knots, values, degree = np.asarray(spline.t), np.asarray(spline.c), spline.k
    _require(type(degree) is int and 0 <= degree <= 100 and knots.ndim == 1, spline)
    _require(0 < len(knots) - degree - 1 <= values.shape[0], spline)


_CHECKS: dict[str, Callable[[Any], None]] = {
    "sklearn.tree._tree": _tree,
    "sklearn.neighbors._kd_tree": _neighbour_tree,
    "sklearn.neighbors._ball_tree": _neighbour_tree,
    "sklearn.ensemble._forest": _forest,
    "sklearn.ensemble._gb": _forest,
    "sklearn.ensemble._iforest": _isolation_forest,
    "sklearn.ensemble._hist_gradient_boosting.gradient_boosting": _histogram_boosting,
    "sklearn.svm._classes": _support_vectors,
}
