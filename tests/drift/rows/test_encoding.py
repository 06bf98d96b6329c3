"""Rows as numbers."""

import numpy as np

from mlserve_cli.drift.rows.encoding import encode


def test_numbers_stay_and_infinities_count_as_missing() -> None:
    encoded = encode([np.array([1.0, np.inf])], [np.array([np.nan, 4.0])])
    assert encoded.codes[0].tolist()[0] == [1.0]
    assert np.isnan(encoded.codes[0][1, 0])
    assert np.isnan(encoded.codes[1][0, 0])
    assert encoded.indicators[1].tolist()[1] == [4.0]


def test_very_large_numbers_have_squares() -> None:
    encoded = encode([np.array([1e300, -2e300])], [np.array([np.nan, 1e308])])
    assert np.isfinite(encoded.indicators[0] ** 2).all()


def test_text_is_coded_by_how_frequent_it_is_on_both_sides() -> None:
    before = np.array([*"a" * 6, "b", None], object)
    after = np.array([*"b" * 8, "rare"], object)
    encoded = encode([before], [after])
    assert encoded.codes[0][:7, 0].tolist() == [1.0] * 6 + [0.0]
    assert np.isnan(encoded.codes[0][7, 0])
    assert encoded.codes[1][:, 0].tolist() == [0.0] * 8 + [50.0]
    # One column each for b and a.
    assert encoded.indicators[1].tolist() == [[1, 0]] * 8 + [[0, 0]]


def test_rare_text_has_no_column_of_its_own() -> None:
    before = np.array([f"id {k}" for k in range(500)], object)
    encoded = encode([before], [before])
    assert encoded.indicators[0].shape == (500, 1)
    assert not encoded.indicators[0].any()
    assert (encoded.codes[0] == 50).all()
