"""Between pandas frames and the batches that predictors take."""

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from mlserve_cli.errors import SignatureError
from mlserve_cli.signature import Column, DType, Layout, Signature

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from mlserve_cli.inference.predictor import Batch

# What pandas' infer_dtype says of an object column, and what we make of it.
_INFERRED = {
    "string": DType.STRING,
    "empty": DType.STRING,
    "boolean": DType.BOOL,
    "integer": DType.INT64,
    "floating": DType.FLOAT64,
    "mixed-integer-float": DType.FLOAT64,
}


def columns_of(frame: pd.DataFrame) -> tuple[Column, ...]:
    """Names and dtypes of a frame's columns.

    Raises:
        SignatureError: A column of dates, or of values that are neither numbers, bools nor text.
    """
    return tuple(_column(str(name), frame[name]) for name in frame.columns)


def to_batch(frame: pd.DataFrame, signature: Signature) -> "Batch":
    """The rows of a frame as a predictor takes them; columns are taken by the signature's names.

    Raises:
        SignatureError: A column is missing or holds values that the signature does not admit.
    """
    missing = [name for name in signature.names if name not in frame.columns]
    if missing:
        raise SignatureError(
            f"The data lacks columns that the model takes: {', '.join(missing)}. "
            f"It has: {', '.join(map(str, frame.columns))}.",
            column=missing[0],
        )
    arrays = {column.name: _array(frame[column.name], column) for column in signature.columns}
    if signature.layout is Layout.FRAME:
        return arrays
    matrix = np.empty((len(frame), len(arrays)), np.float64)
    for position, values in enumerate(arrays.values()):
        matrix[:, position] = values
    return matrix


def to_frame(batch: "Batch", signature: Signature) -> pd.DataFrame:
    """A batch as the frame an estimator was fitted on; the inverse of `to_batch`."""
    if isinstance(batch, np.ndarray):
        return pd.DataFrame(batch, columns=list(signature.names), copy=False)
    columns = {column.name: _series(batch[column.name], column) for column in signature.columns}
    return pd.DataFrame(columns, copy=False)


def _column(name: str, values: "pd.Series[Any]") -> Column:
    dtype = values.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        categories = tuple(dtype.categories.tolist())
        return Column(name, DType.CATEGORICAL, categories=categories)
    if pd.api.types.is_bool_dtype(dtype):
        return Column(name, DType.BOOL)
    if pd.api.types.is_integer_dtype(dtype):
        return Column(name, DType.INT64)
    if pd.api.types.is_float_dtype(dtype):
        return Column(name, DType.FLOAT64)
    if isinstance(dtype, pd.StringDtype):
        return Column(name, DType.STRING)
    inferred = pd.api.types.infer_dtype(values, skipna=True)
    if inferred in _INFERRED:
        return Column(name, _INFERRED[inferred])
    found = str(dtype) if dtype.kind != "O" else inferred
    if "date" in found:
        message = f"Column '{name}' holds dates ({found}), which no estimator takes as they are."
        hint = (
            "Derive numbers from it before fitting (year, month, days since ...), or leave it out."
        )
        raise SignatureError(message, column=name, hint=hint)
    raise SignatureError(
        f"Column '{name}' holds {found} values; expected numbers, bools, text or categories.",
        column=name,
    )


def _array(values: "pd.Series[Any]", column: Column) -> "NDArray[Any]":
    absent = values.isna().to_numpy()
    try:
        if column.dtype is DType.INT64 and not absent.any() and values.dtype.kind in "iub":
            return values.to_numpy(np.int64)
        if column.dtype.is_number:
            return values.to_numpy(np.float64, na_value=np.nan)
    except (TypeError, ValueError) as error:
        message = f"Column '{column.name}' holds {values.dtype} values; expected {column.dtype}."
        raise SignatureError(f"{message} ({error})", column=column.name) from error
    if column.dtype is DType.BOOL and not absent.any():
        return values.to_numpy(np.bool_)
    array = np.array(values.astype(object), dtype=object)
    array[absent] = None
    return array


def _series(values: "NDArray[Any]", column: Column) -> "pd.Series[Any]":
    if values.dtype != object:
        return pd.Series(values, copy=False)
    absent = pd.isna(values)
    if column.dtype is DType.CATEGORICAL:
        categories = list(column.categories or ())
        # A value outside the known categories stays what it is: the estimator decides about it.
        unknown = set(values[~absent].tolist()).difference(categories)
        categories += sorted(unknown, key=str)
        return pd.Series(pd.Categorical(values, categories=categories))
    if column.dtype is DType.STRING and absent.any():
        # read_csv marks missing text with NaN, and encoders tell NaN from None.
        values = values.copy()
        values[absent] = np.nan
    return pd.Series(values)
