import numpy as np
import pytest

from mlserve_cli.drift.evaluation.novelty import new_rows_p


@pytest.mark.parametrize("rows", [5, 20, 100])
def test_one_new_category_has_the_probability_that_all_its_rows_are_current(rows: int) -> None:
    reference, current = np.array([1_000, 0]), np.array([1_000 - rows, rows])
    assert new_rows_p(reference, current) == pytest.approx(0.5**rows, rel=0.02)


def test_without_new_categories_there_is_nothing_to_ask() -> None:
    assert new_rows_p(np.array([5, 5]), np.array([9, 0])) == 1.0


def test_identifiers_are_new_by_nature() -> None:
    """Every row is a category of its own."""
    reference, current = np.repeat([1, 0], [500, 500]), np.repeat([0, 1], [500, 500])
    assert new_rows_p(reference, current) > 0.9


@pytest.mark.parametrize("sizes", [(500, 500), (1_000, 100), (100, 1_000)])
def test_the_p_value_is_no_smaller_than_it_should_be(sizes: tuple[int, int]) -> None:
    """Rare categories without drift: at most 1 % of p-values below 1 %."""
    r = np.random.default_rng(0)
    low = 0
    for _ in range(400):
        sides = [np.bincount(r.zipf(1.4, rows).clip(0, 2_000), minlength=2_001) for rows in sizes]
        low += new_rows_p(*sides) <= 0.01
    assert low <= 4
