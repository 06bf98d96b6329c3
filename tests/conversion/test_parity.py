import json

import msgspec
import numpy as np
import pytest

from mlserve_cli.conversion.parity import ParityReport, compare_outputs, shown_difference


def test_equal_outputs_pass() -> None:
    outputs = {"label": np.array(["a", "b"]), "probabilities": np.array([[0.9, 0.1], [0.2, 0.8]])}
    report = compare_outputs(outputs, outputs)
    assert (report.passed, report.rows, report.label_mismatches) == (True, 2, 0)
    assert report.worst_rows == ()


def test_one_other_label_fails_and_is_named() -> None:
    report = compare_outputs(
        {"label": np.array(["a", "b", "a"])}, {"label": np.array(["a", "a", "a"], dtype=object)}
    )
    assert not report.passed
    assert report.label_mismatches == 1
    [worst] = report.worst_rows
    assert (worst.row, worst.expected, worst.found) == (1, "b", "a")


def test_probabilities_differ_absolutely_and_values_relatively() -> None:
    left, right = np.array([[1e-9], [1.0]]), np.array([[2e-9], [1.0]])
    assert compare_outputs({"probabilities": left}, {"probabilities": right}).passed
    thousand = {"variable": np.array([1000.0, 2000.0])}
    near = {"variable": np.array([1000.0005, 2000.0])}
    assert compare_outputs(thousand, near).passed
    assert not compare_outputs(thousand, near, tolerance=1e-7).passed


def test_values_near_zero_are_compared_to_the_size_of_their_column() -> None:
    left, right = {"variable": np.array([0.0, 1.0])}, {"variable": np.array([1e-12, 1.0])}
    assert compare_outputs(left, right).passed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_the_same_infinity_or_nan_agrees_and_a_number_in_its_place_does_not(value: float) -> None:
    left = {"variable": np.array([value, 1.0])}
    assert compare_outputs(left, left).passed
    assert not compare_outputs(left, {"variable": np.array([0.5, 1.0])}).passed


def test_another_number_of_outputs_fails() -> None:
    report = compare_outputs({"variable": np.ones((3, 2))}, {"variable": np.ones((3, 1))})
    assert not report.passed
    # Also where it has been written to a manifest.
    assert msgspec.json.decode(msgspec.json.encode(report), type=ParityReport) == report
    assert shown_difference(report.max_difference) == "beyond all measure"


def test_the_report_is_plain_json() -> None:
    report = compare_outputs(
        {"label": np.array([1, 2]), "variable": np.array([[1.0, 2.0], [3.0, 4.0]])},
        {"label": np.array([1, 1]), "variable": np.array([[1.0, 2.0], [3.0, 5.0]])},
    )
    written = json.loads(json.dumps(report.to_json()))
    assert written["passed"] is False
    assert written["source"] == "data"
    assert {one["output"] for one in written["worst_rows"]} == {"label", "variable"}


def test_nothing_to_compare_is_not_agreement() -> None:
    assert not compare_outputs({"label": np.array([1])}, {"variable": np.array([1.0])}).passed
