"""Two tests of one column as one."""


def numeric_p(first: float, second: float) -> float:
    """Bonferroni's p-value of two tests of the same column: `min(1, 2 min(first, second))`.

    Kolmogorov-Smirnov alone hardly sees changes of scale, a chi-squared test on quantile bins does;
    shifts of the middle are the other way round.
    """
    return min(1.0, 2 * min(first, second))
