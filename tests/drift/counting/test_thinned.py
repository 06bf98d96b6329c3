import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mlserve_cli.drift.counting.thinned import ThinnedSample


@given(st.lists(st.integers(0, 50), max_size=30), st.integers(1, 20))
def test_the_sample_is_every_kth_value_however_the_stream_is_cut(
    lengths: list[int], limit: int
) -> None:
    sample, total = ThinnedSample(limit), 0
    for length in lengths:
        sample.add(np.arange(total, total + length))
        total += length
    values = sample.values()
    assert (values == np.arange(0, total, sample.step)).all()
    assert len(values) <= 2 * limit
    assert sample.complete == (sample.step == 1)
    # It is not thinner than it has to be.
    assert sample.step == 1 or 2 * len(values) >= limit
