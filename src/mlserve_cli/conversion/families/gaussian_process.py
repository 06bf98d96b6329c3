"""Gaussian processes: means of the posterior, and probabilities of classes."""

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.linalg import solve_triangular
from sklearn.gaussian_process import kernels

from mlserve_cli.conversion.distances import squared_distances
from mlserve_cli.conversion.families.functions import wave
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.labels import classified, two_columns
from mlserve_cli.conversion.normal import error_function
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.table import Table
    from mlserve_cli.conversion.translator import Score, Transform, Translator

# The logistic function as a sum of five error functions, after Williams and Barber (1998), with
# the numbers of scikit-learn.
_WIDTHS = (0.41, 0.4, 0.37, 0.44, 0.39)
_HEIGHTS = (-1854.8214151, 3516.89893646, 221.29346712, 128.12323805, -2010.49422654)


def _covariance(
    translator: "Translator", kernel: Any, x: "Tensor", points: "NDArray[np.float64]"
) -> "Tensor":
    """`kernel(x, points)`, shape `(rows, points)`."""
    match type(kernel):
        case kernels.Sum | kernels.Product:
            first = _covariance(translator, kernel.k1, x, points)
            second = _covariance(translator, kernel.k2, x, points)
            return first + second if type(kernel) is kernels.Sum else first * second
        case kernels.Exponentiation:
            return _covariance(translator, kernel.kernel, x, points) ** float(kernel.exponent)
        case kernels.ConstantKernel:
            return _constant(x, kernel.constant_value, len(points))
        case kernels.WhiteKernel:
            # Noise is independent from row to row, also where a row equals a training row.
            return _constant(x, 0.0, len(points))
        case kernels.DotProduct:
            return x @ points.T + float(kernel.sigma_0) ** 2
    return _stationary(translator, kernel, x, points)


def _constant(x: "Tensor", value: float, width: int) -> "Tensor":
    column = x.columns(0, 1)
    return column.equals(column).where(x.graph.constant(np.full((1, width), value)), np.nan)


def _stationary(
    translator: "Translator", kernel: Any, x: "Tensor", points: "NDArray[np.float64]"
) -> "Tensor":
    """A kernel of nothing but the distance."""
    match type(kernel):
        case kernels.RBF | kernels.Matern:
            scale = np.asarray(kernel.length_scale, np.float64)
            squares = squared_distances(x / scale, points / scale)
            if type(kernel) is kernels.RBF:
                return (squares * -0.5).apply("Exp")
            return _matern(translator, kernel.nu, squares.apply("Sqrt"))
        case kernels.RationalQuadratic:
            doubled = 2.0 * float(kernel.alpha) * float(kernel.length_scale) ** 2
            return (squared_distances(x, points) / doubled + 1.0) ** -float(kernel.alpha)
        case kernels.ExpSineSquared:
            far = squared_distances(x, points).apply("Sqrt")
            angles = far * (math.pi / float(kernel.periodicity))
            scaled = wave(angles, "Sin", len(points)) / float(kernel.length_scale)
            return (scaled * scaled * -2.0).apply("Exp")
    raise translator.unsupported(f"Kernel {type(kernel).__name__} has no ONNX form.")


def _matern(translator: "Translator", nu: float, far: "Tensor") -> "Tensor":
    if nu == 0.5:
        return (-far).apply("Exp")
    if nu == 1.5:
        scaled = far * math.sqrt(3)
        return (scaled + 1.0) * (-scaled).apply("Exp")
    if nu == 2.5:
        scaled = far * math.sqrt(5)
        return (scaled + 1.0 + scaled * scaled / 3.0) * (-scaled).apply("Exp")
    if nu == math.inf:
        return (far * far / -2.0).apply("Exp")
    raise translator.unsupported(
        f"A Matern kernel with nu={nu} takes a Bessel function, which ONNX lacks; "
        "expected 0.5, 1.5, 2.5 or inf."
    )


def _variance(kernel: Any, x: "Tensor", width: int) -> "Tensor":
    """`kernel.diag(x)`, shape `(rows, 1)`, or `(1, 1)` where it is the same for all rows."""
    match type(kernel):
        case kernels.Sum | kernels.Product:
            first, second = (_variance(one, x, width) for one in (kernel.k1, kernel.k2))
            return first + second if type(kernel) is kernels.Sum else first * second
        case kernels.Exponentiation:
            return _variance(kernel.kernel, x, width) ** float(kernel.exponent)
        case kernels.DotProduct:
            return (x * x).row_sum(width) + float(kernel.sigma_0) ** 2
        case kernels.ConstantKernel:
            return x.graph.constant([[kernel.constant_value]])
        case kernels.WhiteKernel:
            return x.graph.constant([[kernel.noise_level]])
    return x.graph.constant([[1.0]])


def _regressor(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    covariance = _covariance(translator, estimator.kernel_, table.real(), estimator.X_train_)
    weights = np.asarray(estimator.alpha_).reshape(len(estimator.alpha_), -1)
    spread, middle = estimator._y_train_std, estimator._y_train_mean
    return Scores(labels=(covariance @ weights) * spread + middle)


def _binary(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    x = table.real()
    covariance = _covariance(translator, estimator.kernel_, x, estimator.X_train_)
    mean = covariance @ (estimator.y_train_ - estimator.pi_).reshape(-1, 1)
    whitening = solve_triangular(estimator.L_, np.diag(estimator.W_sr_), lower=True)
    explained = covariance @ whitening.T
    lost = (explained * explained).row_sum(len(whitening))
    variance = _variance(estimator.kernel_, x, table.width) - lost
    index = (mean > 0.0).reshape([-1]).cast(Kind.INT64)
    positive = two_columns(_logistic_mean(mean, variance))
    return classified(estimator.classes_, index, probabilities=positive)


def _logistic_mean(mean: "Tensor", variance: "Tensor") -> "Tensor":
    """Mean of the logistic function of a normal variable, shape `(rows, 1)`."""
    # Names and order are those of scikit-learn: far from the training rows the classes differ by
    # no more than rounding, and the order of the sum decides. So one row here is one function.
    mean, variance = mean.reshape([1, -1]), variance.reshape([1, -1])
    widths, heights = np.array([_WIDTHS]).T, np.array([_HEIGHTS]).T
    alpha = 1.0 / (variance * 2.0)
    slopes = (alpha / (alpha + widths**2)).apply("Sqrt")
    error = error_function(mean * widths * slopes)
    spread = (variance * 2.0 * math.pi).apply("Sqrt") * 2.0
    integrals = (math.pi / alpha).apply("Sqrt") * error / spread
    return ((integrals * heights).reduce("Sum", 0) + 0.5 * sum(_HEIGHTS)).reshape([-1, 1])


def _classifier(translator: "Translator", estimator: Any, table: "Table") -> Scores:
    # One classifier of two classes, or several of those against the rest or one another.
    with translator.step("base_estimator_"):
        return translator.score(estimator.base_estimator_, table)


TRANSFORMS: "dict[str, Transform]" = {}
SCORES: "dict[str, Score]" = {
    "sklearn.GaussianProcessClassifier": _classifier,
    "sklearn.GaussianProcessRegressor": _regressor,
    "sklearn._BinaryGaussianProcessClassifierLaplace": _binary,
}
