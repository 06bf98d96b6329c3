"""The normal distribution in double precision, for which ONNX Runtime has no kernels.

Rational approximations of S. L. Moshier, Cephes Mathematical Library, release 2.8, 2000, which
scipy computes with too: the results agree to the last digits.
"""

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mlserve_cli.conversion.graph import Tensor

# Quotients of polynomials, highest powers first, named as in ndtr.c and ndtri.c.
_ERF = (
    (
        9.60497373987051638749e0, 9.00260197203842689217e1, 2.23200534594684319226e3,
        7.00332514112805075473e3, 5.55923013010394962768e4,
    ),
    (
        1.0, 3.35617141647503099647e1, 5.21357949780152679795e2, 4.59432382970980127987e3,
        2.26290000613890934246e4, 4.92673942608635921086e4,
    ),
)  # fmt: skip
_ERFC_UP_TO_8 = (
    (
        2.46196981473530512524e-10, 5.64189564831068821977e-1, 7.46321056442269912687e0,
        4.86371970985681366614e1, 1.96520832956077098242e2, 5.26445194995477358631e2,
        9.34528527171957607540e2, 1.02755188689515710272e3, 5.57535335369399327526e2,
    ),
    (
        1.0, 1.32281951154744992508e1, 8.67072140885989742329e1, 3.54937778887819891062e2,
        9.75708501743205489753e2, 1.82390916687909736289e3, 2.24633760818710981792e3,
        1.65666309194161350182e3, 5.57535340817727675546e2,
    ),
)  # fmt: skip
_ERFC_FROM_8 = (
    (
        5.64189583547755073984e-1, 1.27536670759978104416e0, 5.01905042251180477414e0,
        6.16021097993053585195e0, 7.40974269950448939160e0, 2.97886665372100240670e0,
    ),
    (
        1.0, 2.26052863220117276590e0, 9.39603524938001434673e0, 1.20489539808096656605e1,
        1.70814450747565897222e1, 9.60896809063285878198e0, 3.36907645100081516050e0,
    ),
)  # fmt: skip
_MIDDLE = (
    (
        -5.99633501014107895267e1, 9.80010754185999661536e1, -5.66762857469070293439e1,
        1.39312609387279679503e1, -1.23916583867381258016e0,
    ),
    (
        1.0, 1.95448858338141759834e0, 4.67627912898881538453e0, 8.63602421390890590575e1,
        -2.25462687854119370527e2, 2.00260212380060660359e2, -8.20372256168333339912e1,
        1.59056225126211695515e1, -1.18331621121330003142e0,
    ),
)  # fmt: skip
_TAIL_UP_TO_8 = (
    (
        4.05544892305962419923e0, 3.15251094599893866154e1, 5.71628192246421288162e1,
        4.40805073893200834700e1, 1.46849561928858024014e1, 2.18663306850790267539e0,
        -1.40256079171354495875e-1, -3.50424626827848203418e-2, -8.57456785154685413611e-4,
    ),
    (
        1.0, 1.57799883256466749731e1, 4.53907635128879210584e1, 4.13172038254672030440e1,
        1.50425385692907503408e1, 2.50464946208309415979e0, -1.42182922854787788574e-1,
        -3.80806407691578277194e-2, -9.33259480895457427372e-4,
    ),
)  # fmt: skip
_TAIL_FROM_8 = (
    (
        3.23774891776946035970e0, 6.91522889068984211695e0, 3.93881025292474443415e0,
        1.33303460815807542389e0, 2.01485389549179081538e-1, 1.23716634817820021358e-2,
        3.01581553508235416007e-4, 2.65806974686737550832e-6, 6.23974539184983293730e-9,
    ),
    (
        1.0, 6.02427039364742014255e0, 3.67983563856160859403e0, 1.37702099489081330271e0,
        2.16236993594496635890e-1, 1.34204006088543189037e-2, 3.28014464682127739104e-4,
        2.89247864745380683936e-6, 6.79019408009981274425e-9,
    ),
)  # fmt: skip


def _quotient(x: "Tensor", polynomials: "tuple[Sequence[float], Sequence[float]]") -> "Tensor":
    values = []
    for coefficients in polynomials:
        value = x * coefficients[0] + coefficients[1]
        for coefficient in coefficients[2:]:
            value = value * x + coefficient
        values.append(value)
    return values[0] / values[1]


def _limited(x: "Tensor", low: float, high: float) -> "Tensor":
    # A branch that is not taken must not overflow, and NaN stays NaN.
    return x.graph.add("Clip", x, x.graph.constant(low), x.graph.constant(high))


def _complement_beyond_1(size: "Tensor") -> "Tensor":
    """`erfc(size)` where that is more than 1."""
    # Beyond 40 the exponential is 0 in any case.
    outer = _limited(size, 1.0, 40.0)
    factor = (outer < 8.0).where(
        _quotient(_limited(outer, 1.0, 8.0), _ERFC_UP_TO_8),
        _quotient(_limited(outer, 8.0, 40.0), _ERFC_FROM_8),
    )
    return (-(outer * outer)).apply("Exp") * factor


def error_function(x: "Tensor") -> "Tensor":
    """`erf(x)`, with all its digits also where it is tiny."""
    size = x.apply("Abs")
    inner = _limited(x, -1.0, 1.0)
    near = inner * _quotient(inner * inner, _ERF)
    rest = _complement_beyond_1(size)
    return (size <= 1.0).where(near, (x > 0.0).where(1.0 - rest, rest - 1.0))


def normal_cdf(x: "Tensor") -> "Tensor":
    """The probability of a value up to `x` under the standard normal distribution."""
    scaled = x * float(np.sqrt(0.5))
    size = scaled.apply("Abs")
    inner = _limited(scaled, -1.0, 1.0)
    near = 0.5 + 0.5 * (inner * _quotient(inner * inner, _ERF))
    tail = 0.5 * _complement_beyond_1(size)
    return (size < 1.0).where(near, (scaled > 0.0).where(1.0 - tail, tail))


def normal_quantile(probability: "Tensor") -> "Tensor":
    """The value below which a standard normal variable stays with a probability.

    Infinite at 0 and 1, and NaN beyond them.
    """
    edge = 0.13533528323661269189  # exp(-2)
    upper = probability > 1.0 - edge
    small = upper.where(1.0 - probability, probability)
    centered = _limited(small, edge, 1.0 - edge) - 0.5
    square = centered * centered
    middle = (centered + centered * (square * _quotient(square, _MIDDLE))) * 2.50662827463100050242
    root = (-2.0 * _limited(small, np.finfo(np.float64).tiny, edge).apply("Log")).apply("Sqrt")
    inverse = 1.0 / root
    factor = (root < 8.0).where(_quotient(inverse, _TAIL_UP_TO_8), _quotient(inverse, _TAIL_FROM_8))
    tail = root - root.apply("Log") / root - inverse * factor
    value = (small > edge).where(middle, upper.where(tail, -tail))
    # The logarithm of 0 or of a negative number gives what is right beyond the tails.
    beyond = upper.where(-small.apply("Log"), small.apply("Log"))
    return (small <= 0.0).where(beyond, value)
