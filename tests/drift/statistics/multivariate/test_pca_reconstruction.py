import numpy as np

from mlserve_cli.drift.statistics.multivariate.pca_reconstruction import pca_reconstruction


def test_rows_off_the_main_components_have_larger_errors() -> None:
    generator = np.random.default_rng(0)
    common = generator.standard_normal((2_000, 1))
    reference = common + 0.1 * generator.standard_normal((2_000, 5))
    found = pca_reconstruction(reference, generator.standard_normal((500, 5)))
    assert found.components == 1
    assert found.current_error > 5 * found.reference_error
    assert found.p_value < 1e-12
    assert found.statistic > 0.9
