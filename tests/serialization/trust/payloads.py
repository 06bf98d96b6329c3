"""Pickles that call what they should not, and the containers that carry them."""

import pickle
from pathlib import Path
from typing import Any

import joblib
import numpy as np
from sklearn.linear_model import Ridge


class Call:
    """Pickles as a call: reading it back calls the function."""

    def __init__(self, function: Any, *args: Any) -> None:
        self.function, self.args = function, args

    def __call__(self) -> None:
        """Only callables can stand where a function is pickled."""

    def __reduce__(self) -> Any:
        return self.function, self.args


class Stated(Call):
    """Pickles as a call whose result is given a state."""

    def __init__(self, function: Any, *args: Any, state: Any) -> None:
        super().__init__(function, *args)
        self.state = state

    def __reduce__(self) -> Any:
        return self.function, self.args, self.state


def _write_plain(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=4))


def _write_old(value: Any, path: Path) -> None:
    path.write_bytes(pickle.dumps(value, protocol=2))


def _write_joblib(value: Any, path: Path) -> None:
    joblib.dump(value, path)


def _write_compressed(value: Any, path: Path) -> None:
    joblib.dump(value, path, compress=("zlib", 3))


def write_nested(value: Any, path: Path) -> None:
    holder = np.empty(1, dtype=object)
    holder[0] = value
    joblib.dump({"model": Ridge(), "names": holder}, path)


WRITERS = {
    "pickle": _write_plain,
    "pickle of protocol 2": _write_old,
    "joblib": _write_joblib,
    "compressed joblib": _write_compressed,
    "an array of objects in joblib": write_nested,
}


def named(module: str, name: str) -> bytes:
    return f"c{module}\n{name}\n".encode()
