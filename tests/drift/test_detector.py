from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from mlserve_cli.drift import DriftDetector, Rule, drift_check, load_profile
from mlserve_cli.errors import UsageError

R = np.random.default_rng(3)
BEFORE = R.normal(size=(300, 4))


@pytest.mark.parametrize("shift", [0.0, 0.1, 0.2, 0.4])
def test_it_decides_as_the_tutorials_do(shift: float) -> None:
    after = R.normal(size=(200, 4))
    after[:, 2] += shift
    report = DriftDetector(BEFORE).detect_drift(after, threshold=0.05)
    p_values = [stats.ks_2samp(BEFORE[:, k], after[:, k]).pvalue for k in range(4)]
    assert bool(report) == (min(p_values) <= 0.05)
    found = {column.name: column.p_value for column in report.columns}
    assert [found[f"x{k}"] for k in range(4)] == pytest.approx(p_values, rel=1e-9)


def test_frames_keep_their_names() -> None:
    frame = pd.DataFrame(BEFORE, columns=["a", "b", "c", "d"])
    report = DriftDetector(frame).detect_drift(frame.assign(c=frame["c"] + 1))
    assert [column.name for column in report.columns if column.verdict == "drift"] == ["c"]


def test_one_dimension_is_one_column_and_lists_are_arrays() -> None:
    detector = DriftDetector(BEFORE[:, 0].tolist())
    assert detector.detect_drift(BEFORE[:, 0] + 1)
    assert not detector.detect_drift(BEFORE[:, 0])


def test_a_rule_can_take_the_place_of_the_tutorials() -> None:
    after = BEFORE + 0.15
    assert DriftDetector(BEFORE).detect_drift(after, threshold=0.2)
    assert not DriftDetector(BEFORE, Rule()).detect_drift(after)


def test_its_profile_can_be_kept(tmp_path: Path) -> None:
    DriftDetector(BEFORE).save(tmp_path / "reference.drift")
    profile = load_profile(tmp_path / "reference.drift")
    assert drift_check(profile, BEFORE + 1)
    assert not drift_check(profile, BEFORE)


def test_a_threshold_outside_of_0_to_1_is_refused() -> None:
    with pytest.raises(UsageError, match="alpha is 5"):
        DriftDetector(BEFORE).detect_drift(BEFORE, threshold=5)
