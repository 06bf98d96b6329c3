import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mlserve_cli.drift import Rule, drift_check, load_profile, profile_of, save_profile
from mlserve_cli.errors import InputError, UsageError

ROWS = 30_000


def table(seed: int, shift: float = 0.0) -> dict[str, Any]:
    r = np.random.default_rng(seed)
    gaps = r.normal(size=ROWS)
    gaps[::9] = np.nan
    gaps[::11] = np.inf
    return {
        "normal": r.normal(shift, 1, ROWS),
        "heavy": r.lognormal(shift, 3, ROWS),
        "gaps": gaps,
        "few": r.integers(0, 5, ROWS),
        "flag": r.random(ROWS) < 0.3,
        "word": r.choice(["a", "b", "c"], ROWS),
        "id": np.char.add("id ", r.integers(0, 10**9, ROWS).astype("U9")),
        "constant": np.full(ROWS, 0.5),
    }


@pytest.mark.parametrize("shift", [0.0, 0.05, 0.5])
def test_a_profile_takes_the_place_of_its_data(tmp_path: Path, shift: float) -> None:
    before, after = table(1), table(2, shift)
    exact = drift_check(before, after)
    path = tmp_path / "p.drift"
    drift_check(before, after, profile=path)
    found = drift_check(str(path), after)
    assert found.reference_rows == ROWS
    assert found.drifted == exact.drifted
    for column in exact.columns:
        other = found.column(column.name)
        assert other.verdict is column.verdict
        assert other.kind is column.kind
        measures = {m.name: m.value for m in other.checks[0].measures}
        for measure in column.checks[0].measures:
            # What is inside of bins is lost: less than a bin's share of the rows.
            assert measures[measure.name] == pytest.approx(measure.value, abs=2e-3)
        assert other.reference is not None
        assert column.reference is not None
        assert other.reference.mean == pytest.approx(column.reference.mean)
        assert other.reference.missing == column.reference.missing


def test_the_same_data_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_profile(tmp_path / name, profile_of(table(1)))
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_profile_does_not_depend_on_what_it_was_made_beside(tmp_path: Path) -> None:
    save_profile(tmp_path / "alone", profile_of(table(1)))
    drift_check(table(1), table(2, 3.0), profile=tmp_path / "beside")
    for name in ("alone", "beside"):
        assert (tmp_path / name).read_bytes() == (tmp_path / "alone").read_bytes()


def test_a_profile_is_small(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(size=(200_000, 5))
    save_profile(tmp_path / "p", profile_of(values))
    assert (tmp_path / "p").stat().st_size < 150_000 * 5


def test_what_was_few_values_may_become_many() -> None:
    profile = profile_of({"x": np.repeat(np.arange(10), 500)})
    after = np.random.default_rng(0).normal(4.5, 3, 5_000)
    exact = drift_check({"x": np.repeat(np.arange(10), 500)}, {"x": after}).column("x")
    found = drift_check(profile, {"x": after}).column("x")
    assert found.effect == pytest.approx(exact.effect, abs=2e-3)
    # Nothing of the first check is left in the profile.
    assert drift_check(profile, {"x": np.repeat(np.arange(10), 50)}).column("x").kind == "discrete"


def test_columns_can_be_chosen() -> None:
    profile = profile_of(table(1), columns=["few", "word"])
    assert [field.name for field in profile.fields] == ["few", "word"]
    report = drift_check(profile, table(2), Rule(), columns=["word"])
    assert [column.name for column in report.columns] == ["word"]
    with pytest.raises(UsageError, match="no column 'nope'"):
        profile_of(table(1), columns=["nope"])


def test_current_data_cannot_be_a_profile() -> None:
    profile = profile_of(table(1))
    with pytest.raises(UsageError, match="is a profile; the current data are needed row by row"):
        drift_check(table(1), profile)


def test_later_versions_and_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.drift"
    save_profile(path, profile_of(table(1)))
    with zipfile.ZipFile(path) as archive:
        index = json.loads(archive.read("profile.json"))
        counts = archive.read("counts.npy")

    def rewritten(counts: bytes, **changed: Any) -> Path:
        with zipfile.ZipFile(tmp_path / "q.drift", "w") as archive:
            archive.writestr("profile.json", json.dumps(index | changed))
            archive.writestr("counts.npy", counts)
        return tmp_path / "q.drift"

    with pytest.raises(InputError, match="version 99; this mlserve reads up to 1"):
        load_profile(rewritten(counts, profile_version=99))
    for damaged in (
        rewritten(counts, fields=[["x", "float64", "strange"]]),
        rewritten(counts, columns=[{}] * 8),
        rewritten(counts[:200]),
        rewritten(b""),
    ):
        with pytest.raises(InputError, match="no readable profile"):
            load_profile(damaged)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="no readable profile"):
        load_profile(path)
