"""`/models` and `/models/NAME`: what is served, what it takes, and what its answers mean."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlserve_cli.serving.model import LoadedModel
    from mlserve_cli.signature import Column


def model_description(model: "LoadedModel", versions: list[int]) -> dict[str, Any]:
    """The answer of `/models/NAME`.

    `classes` stand in the order of the probabilities; null for a model without classes.
    """
    signature = model.signature
    return {
        "name": model.name,
        "version": model.version,
        "versions": versions,
        "engine": model.predictor.engine.value,
        "task": signature.task.value,
        "columns": [_column(column) for column in signature.columns],
        "named": signature.named,
        "outputs": list(signature.outputs),
        "classes": None if signature.classes is None else list(signature.classes),
        "probabilities": signature.probabilities,
        "example": model.example_request,
    }


def _column(column: "Column") -> dict[str, Any]:
    return {
        "name": column.name,
        "dtype": column.dtype.value,
        "categories": None if column.categories is None else list(column.categories),
        # Unknown where nobody has tried.
        "missing": column.missing,
    }
