"""Damaged model files: whatever byte changes, loading is safe and ends in one of our errors."""

import copy
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from mlserve_cli.serialization.trust.pickles import dump_pickle
from mlserve_cli.serialization.trust.skops_files import dump_skops

CASES = 120
FEATURES = np.random.default_rng(0).normal(size=(40, 3))

# Loads every file in a folder and predicts with what loads; only a crash or another error shows.
SCRIPT = """
import sys, warnings
from pathlib import Path
import numpy as np
from mlserve_cli.errors import ArtifactError
from mlserve_cli.serialization.trust.pickles import load_pickled
from mlserve_cli.serialization.trust.skops_files import load_skops

warnings.simplefilter("ignore")
features = np.random.default_rng(1).normal(size=(20, 3))
loaded = 0
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        model = (load_skops if path.suffix == ".skops" else load_pickled)(path)
    except ArtifactError as error:
        assert str(path) in str(error), error
        continue
    except BaseException as error:
        sys.exit(f"{path.name}: {type(error).__name__}: {error}")
    loaded += 1
    try:
        model.predict(features)
    except Exception:
        pass
print(loaded)
"""


def _damaged(whole: bytes, chance: random.Random) -> bytes:
    changed = bytearray(whole)
    if chance.random() < 0.2:
        return bytes(changed[: chance.randrange(len(changed))])
    for _ in range(chance.choice((1, 1, 2, 6))):
        place = chance.randrange(len(changed))
        match chance.randrange(4):
            case 0:
                changed[place] ^= 1 << chance.randrange(8)
            case 1:
                changed[place] = chance.randrange(256)
            case 2:
                changed[place : place + 4] = b"\xff" * len(changed[place : place + 4])
            case _:
                changed[place:place] = changed[place : place + chance.randrange(1, 40)]
    return bytes(changed)


def _damaged_skops(whole: Path, path: Path, chance: random.Random) -> None:
    """Damages a part of the archive under a new checksum, so that the damage is read."""
    with zipfile.ZipFile(whole) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    name = chance.choice(sorted(parts))
    if name == "schema.json" and chance.random() < 0.7:
        schema = json.loads(parts[name])
        _damage_schema(schema, chance)
        parts[name] = json.dumps(schema).encode()
    else:
        parts[name] = _damaged(parts[name], chance)
    with zipfile.ZipFile(path, "w") as archive:
        for part, data in parts.items():
            archive.writestr(part, data)


def _damage_schema(schema: Any, chance: random.Random) -> None:
    nodes = [schema]
    for node in nodes:
        nodes.extend(
            child
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list) and child
        )
    node = chance.choice(nodes)
    other = chance.choice(nodes)
    key = chance.choice(list(node) if isinstance(node, dict) else range(len(node)))
    # A copy: a schema that holds itself cannot be written.
    child = copy.deepcopy(chance.choice(list(other.values()) if isinstance(other, dict) else other))
    node[key] = chance.choice([None, 0, -1, 2**70, "", "text", "1e999", [], {}, [0], child])


MODELS: dict[str, Callable[[], Any]] = {
    "forest": lambda: RandomForestClassifier(3, max_depth=4, random_state=0),
    "histogram": lambda: HistGradientBoostingClassifier(max_iter=2, min_samples_leaf=5),
    "neighbours": lambda: make_pipeline(
        StandardScaler(), KNeighborsClassifier(algorithm="kd_tree", leaf_size=5)
    ),
    "support vectors": SVC,
}


@pytest.mark.slow
@pytest.mark.parametrize("format", ["pickle", "joblib", "skops"])
@pytest.mark.parametrize("name", MODELS)
def test_a_damaged_file_never_crashes_and_never_raises_anything_else(
    name: str, format: str, tmp_path: Path
) -> None:
    model = MODELS[name]().fit(FEATURES, FEATURES[:, 0] > 0)
    whole, folder = tmp_path / "whole", tmp_path / "damaged"
    folder.mkdir()
    chance = random.Random(f"{name} {format}")
    if format == "skops":
        dump_skops(model, whole)
    elif format == "joblib":
        joblib.dump(model, whole)
    else:
        dump_pickle(model, whole)
    for case in range(CASES):
        path = folder / f"{case}.{format}"
        if format == "skops":
            _damaged_skops(whole, path, chance)
        else:
            path.write_bytes(_damaged(whole.read_bytes(), chance))

    finished = subprocess.run(
        [sys.executable, "-X", "faulthandler", "-c", SCRIPT, str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert finished.returncode == 0, finished.stderr
    # Some damage is harmless: the files are read to their end.
    assert int(finished.stdout.split()[-1]) > 0
