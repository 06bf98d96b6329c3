"""One entry to every kind of data."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from mlserve_cli.drift.sources.arrays import ArrayDataset, ColumnsDataset
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from mlserve_cli.drift.profile import Profile
    from mlserve_cli.drift.sources.interface import Dataset


def open_data(data: Any, name: str) -> "Dataset | Profile":
    """Data that can be read several times, or a profile.

    Args:
        data: An array, a list of rows, a mapping from names to arrays, a data frame, the path or
            URI of a file or folder, or what this function has returned.
        name: What to call data that have no name.

    Raises:
        UsageError: The format cannot be read.
        InputError: The data cannot be read or compared.
    """
    from mlserve_cli.drift.profile import Profile

    if isinstance(data, Profile | ArrayDataset | ColumnsDataset):
        return data
    if isinstance(data, str | Path):
        from mlserve_cli.drift.sources.files import open_path

        return open_path(data)
    pandas = sys.modules.get("pandas")
    if pandas is not None and isinstance(data, pandas.DataFrame | pandas.Series):
        from mlserve_cli.drift.sources.frames import open_frame

        return open_frame(data, name)
    if isinstance(data, Mapping):
        return ColumnsDataset.of_arrays({str(k): np.asarray(v) for k, v in data.items()}, name)
    try:
        values = np.asarray(data)
    except ValueError as error:
        raise InputError(f"{name} is no table: {error}.") from error
    return ArrayDataset(values, name)
