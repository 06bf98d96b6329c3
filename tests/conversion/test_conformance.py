"""The committed table of what converts is current, and no estimator leaves it in silence."""

import re
from importlib.metadata import version

import conformance
import pytest

# Raise these when more agree; a fall needs a reason in the change log.
ESTIMATORS = 172
MODELS = 64


def counts() -> list[tuple[int, int]]:
    text = conformance.PAGE.read_text(encoding="utf-8")
    found = re.findall(r"^(\d+) of (\d+) convert and agree\.$", text, flags=re.MULTILINE)
    return [(int(agreeing), int(total)) for agreeing, total in found]


def test_no_fewer_estimators_convert_and_agree_than_before() -> None:
    (estimators, every), (models, _) = counts()
    assert estimators >= ESTIMATORS
    assert every >= estimators
    assert models >= MODELS


def test_every_model_that_does_not_agree_says_why() -> None:
    lines = conformance.PAGE.read_text(encoding="utf-8").splitlines()
    rows = [line.strip("| ").split("|") for line in lines if line.startswith("| ")]
    failing = [row for row in rows if row[2].strip() == "no"]
    assert failing
    assert all(row[-1].strip() for row in failing)


def test_times_are_left_out_of_the_comparison() -> None:
    line = "| Ridge | yes | yes | < 1e-12 | 30 | 20 | 3.1 |  |\n"
    assert conformance.without_times(line) == "| Ridge | yes | yes | < 1e-12 |  |  |  |  |\n"


@pytest.mark.slow
def test_the_table_is_what_is_found_now() -> None:
    for library in ("xgboost", "lightgbm", "catboost"):
        pytest.importorskip(library)
    if f"scikit-learn {version('scikit-learn')} " not in conformance.PAGE.read_text("utf-8"):
        pytest.skip("the table was written with another version of scikit-learn")
    assert conformance.difference_from_page() == ""
