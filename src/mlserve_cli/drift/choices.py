"""What a drift check can be set to, without anything that takes time to import."""

from enum import StrEnum


class Method(StrEnum):
    """How the distributions of a column are compared.

    AUTO: Kolmogorov-Smirnov and chi-squared on quantile bins for numbers, chi-squared for
    categories. KS, CVM, AD: the Kolmogorov-Smirnov, Cramer-von Mises or Anderson-Darling test.
    CHI2: chi-squared, with total variation as its effect. PSI, JS, HELLINGER: chi-squared, with the
    population stability index, Jensen-Shannon or Hellinger distance as its effect. WASSERSTEIN,
    ENERGY: tested as AUTO does, with that distance in units of the reference's standard deviation
    (robust) as its effect. Categories have no order: methods that need one use AUTO for them.
    """

    AUTO = "auto"
    KS = "ks"
    PSI = "psi"
    WASSERSTEIN = "wasserstein"
    JS = "js"
    CHI2 = "chi2"
    HELLINGER = "hellinger"
    ENERGY = "energy"
    CVM = "cvm"
    AD = "ad"


class Correction(StrEnum):
    """How p-values of many tests are adjusted."""

    BH = "bh"
    BONFERRONI = "bonferroni"
    HOLM = "holm"
    NONE = "none"
