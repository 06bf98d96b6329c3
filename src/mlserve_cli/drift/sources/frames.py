"""Data frames of pandas."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlserve_cli.drift.report import Kind
from mlserve_cli.drift.sources.arrays import ColumnsDataset, kind_of, readable
from mlserve_cli.drift.sources.interface import Field, Texts
from mlserve_cli.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

# What pandas finds in a column of Python objects, and how that is compared.
_OF_OBJECTS = {
    "boolean": Kind.BOOLEAN,
    "integer": Kind.NUMERIC,
    "floating": Kind.NUMERIC,
    "mixed-integer-float": Kind.NUMERIC,
    "decimal": Kind.NUMERIC,
    "empty": Kind.NUMERIC,
}


def open_frame(frame: "pd.DataFrame | pd.Series[Any]", name: str) -> ColumnsDataset:
    """A data frame, or a series as its only column.

    Raises:
        InputError: It has no columns, or one whose values cannot be compared.
    """
    table = frame.to_frame() if isinstance(frame, pd.Series) else frame
    if not len(table.columns):
        raise InputError(f"{name} has no columns.")
    columns, fields = [], []
    for position, label in enumerate(table.columns):
        series = table.iloc[:, position]
        values, kind = _values(series, f"{name}, column {str(label)!r},")
        columns.append(values)
        fields.append(Field(str(label), str(series.dtype), kind))
    return ColumnsDataset(columns, tuple(fields), name)


def _values(series: "pd.Series[Any]", place: str) -> "tuple[NDArray[Any] | Texts, Kind]":
    dtype = series.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        labels = [str(label) for label in dtype.categories]
        return Texts(series.cat.codes.to_numpy(), labels), Kind.TEXT
    if isinstance(dtype, pd.DatetimeTZDtype):
        series = series.dt.tz_convert("UTC").dt.tz_localize(None)
        dtype = series.dtype
    if isinstance(dtype, np.dtype) and dtype.kind != "O":
        return readable(series.to_numpy()), kind_of(dtype, place)
    if pd.api.types.is_bool_dtype(dtype):
        return series.to_numpy(np.float64, na_value=np.nan), Kind.BOOLEAN
    if pd.api.types.is_numeric_dtype(dtype):
        return _numbers(series), Kind.NUMERIC
    if pd.api.types.is_datetime64_any_dtype(dtype):
        return readable(pd.to_datetime(series, utc=True).to_numpy("datetime64[us]")), Kind.TIME
    return _objects(series, place)


def _numbers(series: "pd.Series[Any]") -> "NDArray[Any]":
    """Whole numbers stay whole where none is missing, so that too large ones are found."""
    if pd.api.types.is_integer_dtype(series.dtype) and not series.isna().any():
        return series.to_numpy(np.int64)
    return series.to_numpy(np.float64, na_value=np.nan)


def _objects(series: "pd.Series[Any]", place: str) -> "tuple[NDArray[Any] | Texts, Kind]":
    kind = _OF_OBJECTS.get(pd.api.types.infer_dtype(series, skipna=True))
    if kind is not None:
        missing = series.isna()
        try:
            return series.where(~missing, np.nan).astype(np.float64).to_numpy(), kind
        except (TypeError, ValueError) as error:
            raise InputError(f"{place} holds values that are no numbers: {error}.") from error
    codes, labels = pd.factorize(series.where(series.isna(), series.astype(str)))
    return Texts(codes, [str(label) for label in labels]), Kind.TEXT
