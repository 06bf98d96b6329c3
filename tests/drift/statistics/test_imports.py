import subprocess
import sys

PROGRAM = """
import pkgutil, sys
import numpy
from mlserve_cli.drift import statistics
for module in pkgutil.iter_modules(statistics.__path__, statistics.__name__ + "."):
    __import__(module.name)
heavy = {"scipy", "sklearn", "pandas"}.intersection(sys.modules)
assert not heavy, heavy

from mlserve_cli.drift.statistics import anderson_darling, chi_squared, cramer_von_mises
from mlserve_cli.drift.statistics import kolmogorov_smirnov, proportions
kolmogorov_smirnov.p_value(0.1, 300, 200)
kolmogorov_smirnov.p_value(0.01, 30_000, 20_000)
chi_squared.homogeneity([30, 40], [50, 20])
chi_squared.homogeneity([3, 0, 1], [1, 2, 2])
cramer_von_mises.p_value(0.3, 100, 200)
anderson_darling.p_value(1.0)
proportions.two_proportions(3, 100, 5, 200)
proportions.upper_bound(3, 100)
assert "scipy" not in sys.modules
"""


def test_tests_of_columns_do_without_scipy_which_takes_long_to_import() -> None:
    subprocess.run([sys.executable, "-c", PROGRAM], check=True)
