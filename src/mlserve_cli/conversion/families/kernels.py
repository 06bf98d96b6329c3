"""Kernels, models made of them, and their approximations."""

from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.conversion.distances import Metric, folded
from mlserve_cli.conversion.families.clusters import expanded_distances
from mlserve_cli.conversion.families.functions import wave
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator

    Kernel = Callable[[Tensor, NDArray[np.float64]], Tensor]


def kernel_matrix(
    translator: "Translator",
    table: Table,
    points: Any,
    name: Any,
    parameters: "Mapping[str, Any]",
) -> "Tensor":
    """What `sklearn.metrics.pairwise.pairwise_kernels` computes, shape `(rows, points)`.

    Args:
        translator: Refuses other kernels.
        table: The rows.
        points: Shape `(points, features)`.
        name: Such as `rbf`.
        parameters: `gamma`, `degree` and `coef0`, where they are known.
    """
    if name == "precomputed":
        return table.real()
    if not isinstance(name, str):
        raise translator.unsupported("A kernel that is a Python function has no ONNX form.")
    fixed = np.asarray(points.toarray() if hasattr(points, "toarray") else points)
    if fixed.dtype == np.float32:
        raise translator.unsupported("The kernel was fitted in single precision.")
    if name not in _KERNELS:
        raise translator.unsupported(f"The kernel {name!r} has no ONNX form here.")
    x = table.real()
    if name in _PLAIN:
        return _PLAIN[name](x, fixed)
    given = parameters.get("gamma")
    # That of chi-squared is 1.
    gamma = float((1.0 if name == "chi2" else 1.0 / table.width) if given is None else given)
    if name in _OF_DISTANCES:
        return (_OF_DISTANCES[name](x, fixed) * -gamma).apply("Exp")
    shifted = (x @ fixed.T) * gamma + float(parameters.get("coef0", 1.0))
    return shifted.apply("Tanh") if name == "sigmoid" else shifted ** parameters.get("degree", 3)


def _linear(x: "Tensor", points: "NDArray[np.float64]") -> "Tensor":
    return x @ points.T


def _cosine(x: "Tensor", points: "NDArray[np.float64]") -> "Tensor":
    size = (x * x).row_sum(points.shape[1]).apply("Sqrt")
    lengths = np.sqrt((points**2).sum(axis=1, keepdims=True))
    units = points / np.where(lengths == 0.0, 1.0, lengths)
    return (x / size.equals(0.0).where(size + 1.0, size)) @ units.T


def _manhattan(x: "Tensor", points: "NDArray[np.float64]") -> "Tensor":
    return folded(x, points, Metric(_absolute))


def _absolute(row: "Tensor", points: "Tensor") -> "Tensor":
    return (row - points).apply("Abs")


def _chi_squared(x: "Tensor", points: "NDArray[np.float64]") -> "Tensor":
    return folded(x, points, Metric(_share_of_square))


def _additive_chi_squared(x: "Tensor", points: "NDArray[np.float64]") -> "Tensor":
    return -_chi_squared(x, points)


def _share_of_square(row: "Tensor", points: "Tensor") -> "Tensor":
    difference, total = row - points, row + points
    return difference * difference / total.equals(0.0).where(total + 1.0, total)


def _ridge(translator: "Translator", model: Any, table: Table) -> Scores:
    parameters = {"gamma": model.gamma, "degree": model.degree, "coef0": model.coef0}
    kernel = kernel_matrix(translator, table, model.X_fit_, model.kernel, parameters)
    weights = np.asarray(model.dual_coef_)
    return Scores(labels=kernel @ weights.reshape(len(weights), -1))


def _nystroem(translator: "Translator", model: Any, table: Table) -> Table:
    names = ("gamma", "degree", "coef0")
    given = {name: getattr(model, name) for name in names if getattr(model, name) is not None}
    parameters = {**(model.kernel_params or {}), **given}
    kernel = kernel_matrix(translator, table, model.components_, model.kernel, parameters)
    return Table.of(kernel @ model.normalization_.T, len(model.normalization_))


def _principal(translator: "Translator", model: Any, table: Table) -> Table:
    parameters = {
        "gamma": getattr(model, "gamma_", model.gamma),
        "degree": model.degree,
        "coef0": model.coef0,
    }
    kernel = kernel_matrix(translator, table, model.X_fit_, model.kernel, parameters)
    values = model.eigenvalues_
    known = values != 0.0
    scaled = np.zeros_like(model.eigenvectors_)
    scaled[:, known] = model.eigenvectors_[:, known] / np.sqrt(values[known])
    return Table.of(_centered(model._centerer, kernel) @ scaled, len(values))


def _centered(centerer: Any, kernel: "Tensor") -> "Tensor":
    count = len(centerer.K_fit_rows_)
    means = kernel.row_sum(count) / float(count)
    average = float(centerer.K_fit_all_)
    return kernel - np.asarray(centerer.K_fit_rows_, np.float64) - means + average


def _centerer(_: "Translator", centerer: Any, table: Table) -> Table:
    return Table.of(_centered(centerer, table.real()), table.width)


def _fourier(_: "Translator", sampler: Any, table: Table) -> Table:
    angles = table.real() @ sampler.random_weights_ + sampler.random_offset_
    scale = (2.0 / sampler.n_components) ** 0.5
    width = sampler.random_weights_.shape[1]
    return Table.of(wave(angles, "Cos", width) * scale, width)


def _skewed(_: "Translator", sampler: Any, table: Table) -> Table:
    logarithm = (table.real() + float(sampler.skewedness)).apply("Log")
    angles = logarithm @ sampler.random_weights_ + sampler.random_offset_
    scale = float(np.sqrt(2.0) / np.sqrt(sampler.n_components))
    width = sampler.random_weights_.shape[1]
    return Table.of(wave(angles, "Cos", width) * scale, width)


def _additive(translator: "Translator", sampler: Any, table: Table) -> Table:
    x = table.real()
    interval = sampler.sample_interval
    if interval is None:
        # Vedaldi and Zisserman, "Efficient additive kernels via explicit feature maps", 2011.
        interval = {1: 0.8, 2: 0.5, 3: 0.4}[sampler.sample_steps]
    zero = x.equals(0.0)
    nothing = x * 0.0
    logarithm = zero.where(x + 1.0, x).apply("Log") * float(interval)
    parts = [(x * float(interval)).apply("Sqrt")]
    for step in range(1, sampler.sample_steps):
        factor = (x * (2.0 * float(interval)) / np.cosh(np.pi * step * interval)).apply("Sqrt")
        angles = logarithm * float(step)
        waves = [wave(angles, op, table.width) for op in ("Cos", "Sin")]
        parts += [zero.where(nothing, factor * each) for each in waves]
    return Table.of(translator.graph.concatenate(parts), table.width * len(parts))


def _sketch(translator: "Translator", sketch: Any, table: Table) -> Table:
    """Products of polynomials by Fourier transformation, written as matrix products.

    Pham and Pagh, "Fast and scalable polynomial kernels via explicit feature maps", 2013.
    """
    x = table.real() * float(np.sqrt(sketch.gamma))
    count, degree = sketch.n_components, sketch.degree
    if sketch.coef0 != 0:
        one = x.columns(0, 1).equals(x.columns(0, 1)).cast(Kind.REAL)
        x = translator.graph.concatenate([x, one * float(np.sqrt(sketch.coef0))])
    angles = 2.0 * np.pi * (np.outer(np.arange(count), np.arange(count // 2 + 1)) % count) / count
    cosines, sines = np.cos(angles), np.sin(angles)
    real, imaginary = None, None
    for power in range(degree):
        hashed = np.zeros((sketch.indexHash_.shape[1], count))
        hashed[np.arange(len(hashed)), sketch.indexHash_[power]] = sketch.bitHash_[power]
        counted = x @ hashed
        a, b = counted @ cosines, -(counted @ sines)
        if real is None or imaginary is None:
            real, imaginary = a, b
        else:
            real, imaginary = real * a - imaginary * b, real * b + imaginary * a
    assert real is not None
    assert imaginary is not None
    # Of the other half of the frequencies the values are the conjugates.
    twice = np.full(count // 2 + 1, 2.0 / count)
    twice[[0, -1] if count % 2 == 0 else [0]] = 1.0 / count
    result = real @ (cosines * twice).T - imaginary @ (sines * twice).T
    return Table.of(result, count)


_PLAIN: "dict[str, Kernel]" = {
    "additive_chi2": _additive_chi_squared,
    "cosine": _cosine,
    "linear": _linear,
}
# Exponentials of what these give.
_OF_DISTANCES: "dict[str, Kernel]" = {
    "chi2": _chi_squared,
    "laplacian": _manhattan,
    "rbf": expanded_distances,
}
_KERNELS = {*_PLAIN, *_OF_DISTANCES, "poly", "polynomial", "sigmoid"}

TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.AdditiveChi2Sampler": _additive,
    "sklearn.KernelCenterer": _centerer,
    "sklearn.KernelPCA": _principal,
    "sklearn.Nystroem": _nystroem,
    "sklearn.PolynomialCountSketch": _sketch,
    "sklearn.RBFSampler": _fourier,
    "sklearn.SkewedChi2Sampler": _skewed,
}
SCORES: "dict[str, Score]" = {"sklearn.KernelRidge": _ridge}
