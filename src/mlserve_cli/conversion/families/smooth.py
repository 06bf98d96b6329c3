"""Curves learnt from data: splines, isotonic regression and quantiles."""

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import norm

from mlserve_cli.conversion.families.scalers import clip
from mlserve_cli.conversion.graph import Kind
from mlserve_cli.conversion.intervals import interpolated, interval_numbers
from mlserve_cli.conversion.normal import normal_cdf, normal_quantile
from mlserve_cli.conversion.refusals import refused_where
from mlserve_cli.conversion.table import Table
from mlserve_cli.conversion.translator import Scores

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator

# How near to the outermost quantile scikit-learn takes a value for an extreme.
_BOUNDS_THRESHOLD = 1e-7


def isotonic_values(translator: "Translator", model: Any, x: "Tensor") -> "Tensor":
    """What a fitted isotonic regression makes of one column."""
    if model.X_thresholds_.dtype != np.float64:
        raise translator.unsupported("IsotonicRegression was fitted in single precision.")
    places, heights = model.X_thresholds_, model.y_thresholds_
    values = interpolated(x, [places], [heights])
    if model.out_of_bounds == "clip" or len(places) == 1:
        return values
    outside = (x < float(places[0])) | (x > float(places[-1]))
    if model.out_of_bounds == "raise":
        return refused_where(outside, values)
    return outside.where(x.graph.constant(np.nan), values)


def _isotonic(translator: "Translator", model: Any, table: Table) -> Scores:
    return Scores(labels=isotonic_values(translator, model, table.real()))


def _quantile(_: "Translator", transformer: Any, table: Table) -> Table:
    x = table.real()
    graph = x.graph
    quantiles = np.asarray(transformer.quantiles_, dtype=np.float64)
    columns = list(quantiles.T)
    references = [np.asarray(transformer.references_, dtype=np.float64)] * len(columns)
    # From both sides: of equal quantiles one way takes the first, the other the last.
    upward = interpolated(x, columns, references)
    downward = interpolated(-x, [-one[::-1] for one in columns], [-one[::-1] for one in references])
    share = 0.5 * (upward - downward)
    normal = transformer.output_distribution == "normal"
    if normal:
        lowest = x - _BOUNDS_THRESHOLD < quantiles[:1]
        highest = x + _BOUNDS_THRESHOLD > quantiles[-1:]
    else:
        lowest, highest = x.equals(quantiles[:1]), x.equals(quantiles[-1:])
    share = lowest.where(graph.constant(0.0), highest.where(graph.constant(1.0), share))
    return Table.of(_clipped_quantile(share) if normal else share, table.width)


def _clipped_quantile(share: "Tensor") -> "Tensor":
    least = _BOUNDS_THRESHOLD - np.spacing(1)
    return clip(normal_quantile(share), float(norm.ppf(least)), float(norm.ppf(1 - least)))


def inverse_quantile(transformer: Any, x: "Tensor") -> "Tensor":
    """What `QuantileTransformer.inverse_transform` makes of its columns."""
    graph = x.graph
    quantiles = np.asarray(transformer.quantiles_, dtype=np.float64)
    references = np.asarray(transformer.references_, dtype=np.float64)
    normal = transformer.output_distribution == "normal"
    share = normal_cdf(x) if normal else x
    columns = list(quantiles.T)
    values = interpolated(share, [references] * len(columns), columns)
    if normal:
        lowest, highest = share - _BOUNDS_THRESHOLD < 0.0, share + _BOUNDS_THRESHOLD > 1.0
    else:
        lowest, highest = share.equals(0.0), share.equals(1.0)
    ends = graph.constant(quantiles[:1]), graph.constant(quantiles[-1:])
    return lowest.where(ends[0], highest.where(ends[1], values))


def _splines(translator: "Translator", transformer: Any, table: Table) -> Table:
    x = table.real()
    edge = transformer.degree
    count = transformer.bsplines_[0].c.shape[1]
    kept = count if transformer.include_bias else count - 1
    parts = []
    for position, spline in enumerate(transformer.bsplines_):
        column = x.columns(position, position + 1)
        missing = column.is_nan()
        known = missing.where(x.graph.constant(float(spline.t[spline.k])), column)
        if transformer.extrapolation == "constant":
            values = _extended(known, spline, edge, edge, steep=0.0)
        elif transformer.extrapolation == "linear":
            outer = max(edge, min(edge + 1, 2))
            if spline.t[edge] > spline.t[-edge - 1]:
                raise translator.unsupported("SplineTransformer has too few knots for lines.")
            values = _extended(known, spline, edge, outer, steep=1.0)
            # For degrees 0 and 1 scikit-learn goes on with one more from the next column on.
            edge = outer
        else:
            values = _continued(known, transformer.extrapolation, spline)
        # Missing values are zeros, where they are allowed at all.
        parts.append(missing.where(x.graph.constant(0.0), values).columns(0, kept))
    return Table.of(x.graph.concatenate(parts), kept * len(parts))


def _continued(x: "Tensor", extrapolation: str, spline: Any) -> "Tensor":
    degree = spline.k
    low, high = float(spline.t[degree]), float(spline.t[len(spline.t) - degree - 1])
    if extrapolation == "periodic":
        if high <= low:
            return _basis(x * 0.0, spline)
        period = x.graph.constant(high - low)
        rest = x.graph.add("Mod", x - low, period, fmod=1)
        return _basis(low + (rest < 0.0).where(rest + period, rest), spline)
    if extrapolation == "continue":
        return _basis(x, spline)
    outside = (x < low) | (x > high)
    return outside.where(x.graph.constant(np.nan), _basis(clip(x, low, high), spline))


def _extended(x: "Tensor", spline: Any, edge: int, outer: int, *, steep: float) -> "Tensor":
    """Splines that go on as lines before knot `edge` and after its counterpart from the right.

    Args:
        x: One column.
        spline: The splines.
        edge: Number of the knot.
        outer: How many splines go on from either end; the others are zero there.
        steep: 1 for lines as steep as the splines, 0 for level ones.
    """
    low, high = float(spline.t[edge]), float(spline.t[-edge - 1])
    values = _basis(clip(x, low, high), spline)
    first, last = slice(0, outer), slice(spline.c.shape[1] - outer, None)
    lines = []
    for end, kept in ((low, first), (high, last)):
        heights, slopes = np.zeros((2, 1, spline.c.shape[1]))
        heights[0, kept] = spline(end)[kept]
        slopes[0, kept] = steep * spline(end, nu=1)[kept]
        lines.append(x.graph.constant(heights) + (x - end) * slopes)
    below, above = lines
    return (x < low).where(below, (x > high).where(above, values))


def _basis(x: "Tensor", spline: Any) -> "Tensor":
    """Every spline at each value of one column, by the recursion of Cox and de Boor.

    de Boor, "A practical guide to splines", 2001, chapter X, in the order of scipy's own.
    """
    knots, degree = np.asarray(spline.t, dtype=np.float64), int(spline.k)
    count = len(knots) - degree - 1
    # Values outside are in the outermost interval that has all its splines.
    number = interval_numbers(x, [knots[degree + 1 : count]])
    around = (
        x.graph.constant(knots)
        .gather(number + np.arange(2 * degree + 2)[None, :])
        .reshape([-1, 2 * degree + 2])
    )
    knot = [around.columns(place, place + 1) for place in range(2 * degree + 2)]
    # Of the interval from knot `degree` to the next: the splines that are not zero there.
    found = [x * 0.0 + 1.0]
    for order in range(1, degree + 1):
        grown = [x * 0.0]
        for place in range(1, order + 1):
            right, left = knot[degree + place], knot[degree + place - order]
            width = right - left
            empty = width.equals(0.0)
            share = found[place - 1] / (width + empty.cast(Kind.REAL))
            share = empty.where(x * 0.0, share)
            grown[place - 1] = grown[place - 1] + share * (right - x)
            grown.append(share * (x - left))
        found = grown
    spread = [
        (number + place).equals([np.arange(count)]).cast(Kind.REAL) * value
        for place, value in enumerate(found)
    ]
    total = spread[0]
    for part in spread[1:]:
        total = total + part
    coefficients: NDArray[np.float64] = np.asarray(spline.c)
    same = coefficients.shape[0] == coefficients.shape[1]
    # Periodic splines at one end are those at the other.
    return total if same else total @ coefficients


TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.QuantileTransformer": _quantile,
    "sklearn.SplineTransformer": _splines,
}
SCORES: "dict[str, Score]" = {"sklearn.IsotonicRegression": _isotonic}
