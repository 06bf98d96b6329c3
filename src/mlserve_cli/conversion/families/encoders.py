"""Encoders of categories: one-hot, ordinal and target, of text, numbers and bools."""

from numbers import Real
from typing import TYPE_CHECKING, Any

import numpy as np
from onnx import numpy_helper

from mlserve_cli.conversion.families.imputers import is_missing
from mlserve_cli.conversion.graph import ML_DOMAIN, Kind
from mlserve_cli.conversion.refusals import BEYOND, refused_beyond
from mlserve_cli.conversion.table import MISSING_TEXT, Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from mlserve_cli.conversion.graph import Tensor
    from mlserve_cli.conversion.translator import Score, Transform, Translator


def lookup(
    translator: "Translator",
    column: "Tensor",
    categories: "Sequence[Any] | NDArray[Any]",
    codes: "NDArray[np.int64]",
    unknown: int,
) -> "Tensor":
    """The code of each value's category, INT64, in the shape of the column.

    Args:
        translator: Refuses what cannot be looked up.
        column: Text, numbers or bools.
        categories: Known values; None and NaN stand for a missing one.
        codes: Code of each of them.
        unknown: Code of every other value.
    """
    text = [isinstance(value, str) for value in categories if not is_missing(value)]
    if sum(is_missing(value) for value in categories) > 1:
        raise translator.unsupported("None and NaN are different categories; ONNX knows one.")
    if not all(text) if column.kind is Kind.STRING else any(text):
        raise translator.unsupported("The categories are not of the type of their column.")
    if column.kind is Kind.STRING:
        words = [MISSING_TEXT if is_missing(value) else value for value in categories]
        return column.graph.add(
            "LabelEncoder",
            column,
            kind=Kind.INT64,
            domain=ML_DOMAIN,
            keys_strings=words,
            values_int64s=codes,
            default_int64=unknown,
        )
    if not all(isinstance(value, Real | np.bool_) or is_missing(value) for value in categories):
        raise translator.unsupported("The categories are neither text nor numbers nor bools.")
    keys = [np.nan if is_missing(value) else float(value) for value in categories]
    return column.graph.add(
        "LabelEncoder",
        column.cast(Kind.REAL),
        kind=Kind.INT64,
        domain=ML_DOMAIN,
        keys_tensor=numpy_helper.from_array(column.graph.array(keys, Kind.REAL)),
        values_tensor=numpy_helper.from_array(np.asarray(codes, dtype=np.int64)),
        default_tensor=numpy_helper.from_array(np.array([unknown], dtype=np.int64)),
    )


def _grouped(encoder: Any, position: int) -> "NDArray[np.int64]":
    # Number of each category after the infrequent ones have become one.
    size = len(encoder.categories_[position])
    if getattr(encoder, "_infrequent_enabled", False):
        mapping = encoder._default_to_infrequent_mappings[position]
        if mapping is not None:
            return np.asarray(mapping, dtype=np.int64)
    return np.arange(size)


def _one_hot_codes(encoder: Any, position: int) -> "tuple[NDArray[np.int64], int, int]":
    """Code of each category, code of unknown values, and number of result columns; -1 is none."""
    codes = _grouped(encoder, position)
    grouped = None
    if getattr(encoder, "_infrequent_enabled", False):
        grouped = encoder._infrequent_indices[position]
    # Where the encoder refuses what it does not know, ONNX Runtime must, too.
    unknown = BEYOND if encoder.handle_unknown == "error" else -1
    if grouped is not None and encoder.handle_unknown in ("infrequent_if_exist", "warn"):
        unknown = int(codes[grouped[0]])
    width = int(codes.max()) + 1
    # The number of the dropped category counts after grouping, as the codes do.
    dropped = encoder._drop_idx_after_grouping
    if dropped is not None and dropped[position] is not None:
        drop = int(dropped[position])
        codes = np.where(codes == drop, -1, codes - (codes > drop))
        if unknown != BEYOND:
            unknown = -1 if unknown == drop else unknown - int(unknown > drop)
        width -= 1
    return codes, unknown, width


def _one_hot(translator: "Translator", encoder: Any, table: Table) -> Table:
    graph = translator.graph
    found: list[Tensor] = []
    owners: list[int] = []
    wanted: list[int] = []
    for position, categories in enumerate(encoder.categories_):
        codes, unknown, width = _one_hot_codes(encoder, position)
        if not width:
            continue
        owners += [len(found)] * width
        wanted += list(range(width))
        found.append(lookup(translator, table.column(position), categories, codes, unknown))
    joined = graph.concatenate(found)
    if encoder.handle_unknown == "error":
        joined = refused_beyond(joined, max(wanted))
    if len(found) > 1:
        joined = joined.gather(owners, axis=1)
    return Table.of(joined.equals([wanted]).cast(Kind.REAL), len(wanted))


def _ordinal(translator: "Translator", encoder: Any, table: Table) -> Table:
    unknown = encoder.unknown_value if encoder.handle_unknown == "use_encoded_value" else None
    parts = []
    for position, categories in enumerate(encoder.categories_):
        # A missing value is never grouped with the infrequent ones and has no place among them.
        grouped = _grouped(encoder, position)
        values = np.arange(len(categories), dtype=np.float64)
        values[: len(grouped)] = grouped
        if position in encoder._missing_indices:
            values[encoder._missing_indices[position]] = encoder.encoded_missing_value
        parts.append(_valued(translator, table.column(position), categories, values, unknown))
    return Table.of(translator.graph.concatenate(parts), len(parts))


def _valued(
    translator: "Translator",
    column: "Tensor",
    categories: "NDArray[Any]",
    values: "NDArray[np.float64]",
    unknown: float | None,
) -> "Tensor":
    """The value of each category; unknown ones have theirs, or are refused where that is None."""
    other = BEYOND if unknown is None else len(categories)
    codes = lookup(translator, column, categories, np.arange(len(categories)), other)
    known = values if unknown is None else np.append(values, unknown)
    return translator.graph.constant(known).gather(codes)


def _target(translator: "Translator", encoder: Any, table: Table) -> Table:
    classes = len(encoder.classes_) if encoder.target_type_ == "multiclass" else 1
    means = np.ravel(encoder.target_mean_)
    parts = []
    for number, encoding in enumerate(encoder.encodings_):
        position = number // classes
        column, categories = table.column(position), encoder.categories_[position]
        mean = float(means[number % classes])
        parts.append(_valued(translator, column, categories, np.asarray(encoding), mean))
    return Table.of(translator.graph.concatenate(parts), len(parts))


TRANSFORMS: "dict[str, Transform]" = {
    "sklearn.OneHotEncoder": _one_hot,
    "sklearn.OrdinalEncoder": _ordinal,
    "sklearn.TargetEncoder": _target,
}
SCORES: "dict[str, Score]" = {}
