"""Decompositions whose transformation is plain arithmetic, and random projections."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.table import Table

if TYPE_CHECKING:
    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _principal(_: "Translator", model: Any, table: Table) -> Table:
    components = model.components_
    # The mean is taken away after the projection, as scikit-learn does.
    result = table.real() @ components.T - model.mean_.reshape(1, -1) @ components.T
    if model.whiten:
        scale = np.sqrt(model.explained_variance_)
        result = result / np.maximum(scale, np.finfo(scale.dtype).eps)
    return Table.of(result, len(components))


def _projection(_: "Translator", model: Any, table: Table) -> Table:
    components = model.components_
    if hasattr(components, "toarray"):
        components = components.toarray()
    return Table.of(table.real() @ components.T, components.shape[0])


def _independent(_: "Translator", model: Any, table: Table) -> Table:
    x = table.real() - model.mean_ if model.whiten else table.real()
    return Table.of(x @ model.components_.T, len(model.components_))


def _factors(_: "Translator", model: Any, table: Table) -> Table:
    components = model.components_
    weighted = components / model.noise_variance_
    covariance = np.linalg.inv(np.eye(len(components)) + weighted @ components.T)
    return Table.of((table.real() - model.mean_) @ weighted.T @ covariance, len(components))


def _sparse_principal(_: "Translator", model: Any, table: Table) -> Table:
    # Ridge regression of each row on the components, solved once for all.
    components = model.components_
    count, features = components.shape
    if features >= count:
        gram = components @ components.T + model.ridge_alpha * np.eye(count)
        solution = np.linalg.solve(gram, components).T
    else:
        gram = components.T @ components + model.ridge_alpha * np.eye(features)
        solution = np.linalg.solve(gram, components.T)
    return Table.of((table.real() - model.mean_) @ solution, count)


def _coding(translator: "Translator", model: Any, table: Table) -> Table:
    name = type(model).__name__
    if model.transform_algorithm != "threshold":
        raise translator.unsupported(
            f"{name} with transform_algorithm={model.transform_algorithm!r} solves a problem of "
            "optimisation for every row; 'threshold' does not."
        )
    dictionary = getattr(model, "components_", None)
    dictionary = model.dictionary if dictionary is None else dictionary
    alpha = model.transform_alpha
    if alpha is None:
        # Dictionaries that were learnt keep the penalty that they were learnt with.
        alpha = getattr(model, "alpha", 1.0)
    product = table.real() @ dictionary.T
    code = product.apply("Sign") * _positive(product.apply("Abs") - float(alpha))
    if model.positive_code:
        code = _positive(code)
    if not model.split_sign:
        return Table.of(code, len(dictionary))
    both = translator.graph.concatenate([_positive(code), _positive(-code)])
    return Table.of(both, 2 * len(dictionary))


def _positive(x: "Tensor") -> "Tensor":
    return x.apply("Relu")


def _optimised(translator: "Translator", model: Any, _: Table) -> Table:
    raise translator.unsupported(
        f"{type(model).__name__}.transform solves a problem of optimisation for every batch, "
        "which has no exact ONNX form."
    )


_ITERATIVE = ("LatentDirichletAllocation", "MiniBatchNMF", "NMF")
_CODES = ("DictionaryLearning", "MiniBatchDictionaryLearning", "SparseCoder")
_LINEAR = ("GaussianRandomProjection", "SparseRandomProjection", "TruncatedSVD")

TRANSFORMS: "dict[str, Transform]" = {
    **{f"sklearn.{name}": _optimised for name in _ITERATIVE},
    **{f"sklearn.{name}": _coding for name in _CODES},
    **{f"sklearn.{name}": _projection for name in _LINEAR},
    "sklearn.FactorAnalysis": _factors,
    "sklearn.FastICA": _independent,
    "sklearn.IncrementalPCA": _principal,
    "sklearn.MiniBatchSparsePCA": _sparse_principal,
    "sklearn.PCA": _principal,
    "sklearn.SparsePCA": _sparse_principal,
}
SCORES: "dict[str, Score]" = {}
