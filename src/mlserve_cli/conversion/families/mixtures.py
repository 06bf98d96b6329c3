"""Gaussian mixtures: the most probable component, and the probabilities of all."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import digamma

from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def _mixture(_: "Translator", model: Any, table: "Table") -> Scores:
    width = table.width
    squares = _exponents(model, table.real())
    density = -0.5 * (width * float(np.log(2.0 * np.pi)) + squares) + _determinants(model, width)
    if type(model).__name__ == "BayesianGaussianMixture":
        freedom = model.degrees_of_freedom_
        density = density - 0.5 * width * np.log(freedom) + _expected(model, width)
    weighted = density + model._estimate_log_weights()
    shifted = weighted - weighted.reduce("Max")
    total = shifted.apply("Exp").row_sum(model.n_components).apply("Log")
    return Scores(labels=weighted.argmax(), probabilities=(shifted - total).apply("Exp"))


def _exponents(model: Any, x: "Tensor") -> "Tensor":
    """Squared distances from the means, scaled by the covariances, shape `(rows, components)`."""
    means: NDArray[np.float64] = model.means_
    factors: NDArray[np.float64] = model.precisions_cholesky_
    if model.covariance_type in ("full", "tied"):
        each = factors if model.covariance_type == "full" else [factors] * len(means)
        parts = [
            _square_length(x @ factor - mean @ factor, factor.shape[1])
            for mean, factor in zip(means, each, strict=True)
        ]
        return x.graph.concatenate(parts)
    precisions = factors**2
    if model.covariance_type == "diag":
        middle: NDArray[np.float64] = (means**2 * precisions).sum(axis=1)
        return (x @ (means * precisions).T) * -2.0 + middle + (x * x) @ precisions.T
    middle = (means**2).sum(axis=1) * precisions
    product = (x @ means.T) * precisions
    return product * -2.0 + middle + _square_length(x, means.shape[1]) * precisions[None, :]


def _square_length(x: "Tensor", width: int) -> "Tensor":
    return (x * x).row_sum(width)


def _determinants(model: Any, width: int) -> "NDArray[np.float64]":
    """Half the logarithm of the determinant of each component's precision."""
    factors = np.asarray(model.precisions_cholesky_)
    if model.covariance_type == "spherical":
        return np.asarray(width * np.log(factors))
    if model.covariance_type != "diag":
        factors = np.diagonal(factors, axis1=-2, axis2=-1)
    return np.asarray(np.log(factors).sum(axis=-1))


def _expected(model: Any, width: int) -> "NDArray[np.float64]":
    """What the uncertainty of a Bayesian mixture's precisions adds.

    Bishop, "Pattern recognition and machine learning", 2006, equations 10.64 and 10.65.
    """
    halves = 0.5 * (model.degrees_of_freedom_ - np.arange(width)[:, None])
    logarithm = width * np.log(2.0) + digamma(halves).sum(axis=0)
    return np.asarray(0.5 * (logarithm - width / model.mean_precision_))


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.BayesianGaussianMixture": _mixture,
    "sklearn.GaussianMixture": _mixture,
}
