"""The rows given at save: read, split from their target, kept as reference and example."""

import contextlib
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.drift.profile import save_profile
from mlserve_cli.drift.yardsticks import small_profile
from mlserve_cli.errors import InputError, SignatureError, UsageError
from mlserve_cli.tables import read_table, write_parquet

if TYPE_CHECKING:
    import pandas as pd

    from mlserve_cli.signature import Signature

# Rows kept as the reference for drift checks, and on which the saved file is verified.
REFERENCE_ROWS = 100_000

REFERENCE_NAME = "reference.parquet"
PROFILE_NAME = "reference.profile"
EXAMPLE_NAME = "example.json"


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows of a model's data.

    Attributes:
        inputs: All columns but the target.
        truth: The target; None where none was named.
    """

    inputs: "pd.DataFrame"
    truth: "pd.Series[Any] | None"

    def sample(self) -> "pd.DataFrame":
        """At most `REFERENCE_ROWS` rows of the inputs, drawn uniformly, in their order."""
        if len(self.inputs) <= REFERENCE_ROWS:
            return self.inputs
        # The seed makes two saves of the same data store the same reference.
        return self.inputs.sample(REFERENCE_ROWS, random_state=0).sort_index()


def read_rows(
    data: "pd.DataFrame | str | Path | None", target: str | None, *, text: Collection[str] = ()
) -> Rows | None:
    """The rows in a frame or file, without and with their target.

    Args:
        data: A frame, or a file with a table.
        target: Column that the model predicts.
        text: Columns of a CSV file that are text even where they look like numbers.

    Raises:
        UsageError: A target without data.
        SignatureError: No rows, or no such column.
        InputError: The file cannot be read.
    """
    if data is None:
        if target is not None:
            raise UsageError(
                f"The target '{target}' is a column of data, and none was given.",
                hint="Add: --data FILE",
            )
        return None
    frame = read_table(data, text=text) if isinstance(data, str | Path) else data
    if not len(frame):
        raise SignatureError("The data has no rows; a signature needs at least one.")
    frame = frame.rename(columns=str).reset_index(drop=True)
    if target is None:
        return Rows(frame, None)
    if target not in frame.columns:
        raise SignatureError(
            f"The data has no column '{target}'; it has {', '.join(frame.columns)}.",
            column=target,
            hint="Name the column that the model predicts: --target COLUMN",
        )
    return Rows(frame.drop(columns=target), frame[target])


def write_reference(folder: Path, rows: Rows, signature: "Signature") -> None:
    """Writes what is kept of the rows into an artifact's folder.

    That are a sample, a profile of all of them, and an example of a request's body.
    """
    sample = rows.sample()
    write_parquet(sample, folder / REFERENCE_NAME)
    # Whole numbers that doubles do not tell apart cannot be watched; the model can be saved.
    with contextlib.suppress(InputError):
        save_profile(folder / PROFILE_NAME, small_profile(rows.inputs, "the reference"))
    complete = sample.dropna()
    row = (complete if len(complete) else sample).iloc[0]
    values = {name: _json_value(row[name]) for name in signature.names}
    body = msgspec.json.encode({"rows": [values]})
    (folder / EXAMPLE_NAME).write_bytes(msgspec.json.format(body, indent=2) + b"\n")


def _json_value(value: Any) -> object:
    value = value.item() if hasattr(value, "item") else value
    # NaN, the missing number, is the only value that differs from itself; JSON has null for it.
    return None if value is None or value != value else value  # noqa: PLR0124
