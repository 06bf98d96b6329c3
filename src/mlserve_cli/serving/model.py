"""A model in memory, ready to be served."""

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import msgspec

from mlserve_cli.serving.file_readers import refuse_file_readers
from mlserve_cli.serving.rows import RowReader
from mlserve_cli.serving.scoring import Wanted, score
from mlserve_cli.signature import Column, DType, Signature

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from mlserve_cli.inference.predictor import Predictor

_PLACEHOLDERS = {
    DType.FLOAT64: 0.5,
    DType.INT64: 1,
    DType.BOOL: True,
    DType.STRING: "a",
    DType.CATEGORICAL: "a",
}


@dataclass(frozen=True, slots=True, eq=False)
class LoadedModel:
    """A model under the name and version by which clients ask for it.

    Attributes:
        name: Its name.
        version: Its version; 1 for a bare file.
        predictor: Scores its rows.
        example: One real row by column name; made up where the model came without one.
        reader: Turns requests into rows.
        wanted: What a plain prediction asks for.
        has_real_example: Whether the example came with the model.
        created: When it was saved, in seconds since 1970; None where that is not known.
        loaded: When it was loaded, in seconds since 1970.
        load_seconds: How long that took.
        reference: Gives the file with the rows that drift is measured from; None without one.
        metrics: Its figures when it was saved, by name.

    Raises:
        ArtifactError: The model would open files that requests name.
    """

    name: str
    version: int
    predictor: "Predictor"
    example: "Mapping[str, Any]" = field(default_factory=dict)
    reader: RowReader = field(init=False)
    wanted: Wanted = field(init=False)
    has_real_example: bool = field(init=False)
    created: float | None = None
    loaded: float = field(default_factory=time.time)
    load_seconds: float = 0.0
    reference: "Callable[[], Path] | None" = None
    metrics: "Mapping[str, float]" = field(default_factory=dict)

    def __post_init__(self) -> None:
        refuse_file_readers(self.name, self.predictor)
        signature = self.predictor.signature
        object.__setattr__(self, "reader", RowReader(signature))
        both = Wanted.LABELS | Wanted.PROBABILITIES
        object.__setattr__(self, "wanted", both if signature.probabilities else Wanted.LABELS)
        object.__setattr__(self, "has_real_example", bool(self.example))
        if not self.example:
            made_up = {column.name: _placeholder(column) for column in signature.columns}
            object.__setattr__(self, "example", made_up)

    @property
    def signature(self) -> Signature:
        """What the model takes and returns."""
        return self.predictor.signature

    @property
    def example_request(self) -> dict[str, Any]:
        """What to ask `/predict`."""
        if self.signature.named:
            return {"rows": [dict(self.example)]}
        return {"features": list(self.example.values())}

    @property
    def example_body(self) -> bytes:
        """A body for `/predict` that works."""
        return msgspec.json.encode(self.example_request)

    def warm_up(self) -> None:
        """Scores the example row, so that the first client does not wait for what is lazy.

        Raises:
            MlserveError: The model does not score its own example.
        """
        rows = self.reader.from_records([dict(self.example)])
        score(self, [rows], self.wanted, max_rows=2)


def _placeholder(column: Column) -> Any:
    return column.categories[0] if column.categories else _PLACEHOLDERS[column.dtype]
