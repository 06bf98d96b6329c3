"""`mlserve inspect`."""

from typing import TYPE_CHECKING, Annotated

import typer

from mlserve_cli.cli.convert_onnx import parity, speed_table
from mlserve_cli.cli.options import DEFAULT_MODELS, Json, Models, Trust, complete_model
from mlserve_cli.cli.output import fields, print_json, size, stdout

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from mlserve_cli.inference.onnx_graph import OnnxGraph, TensorInfo
    from mlserve_cli.serialization.inspection import Inspection, ModelSummary
    from mlserve_cli.serialization.manifest import Manifest
    from mlserve_cli.serialization.trust.audit import Audit
    from mlserve_cli.serialization.trust.facts import TypeTree
    from mlserve_cli.signature import Column, Signature

# Columns and categories shown on a terminal; --json has them all.
_SHOWN_COLUMNS = 40
_SHOWN_CATEGORIES = 6


def inspect(
    model: Annotated[
        str | None,
        typer.Argument(
            metavar="[MODEL]",
            help="A model file, an artifact, an MLflow model directory, NAME or NAME/VERSION. "
            "Without it, the models of the repository are listed.",
            autocompletion=complete_model,
        ),
    ] = None,
    models: Models = DEFAULT_MODELS,
    trust: Trust = None,
    json: Json = False,
) -> None:
    """Show what a model is and what its file would load.

    Nothing in the file is run.
    """
    from mlserve_cli.serialization.inspection import inspect_model, list_models

    if model is None:
        summaries = list_models(models)
        if json:
            print_json(summaries)
        elif summaries:
            stdout().print(_repository_table(summaries))
        else:
            typer.echo(f"No models in {models}. Save one with: mlserve save SOURCE", err=True)
        return
    inspection = inspect_model(model, models=models, trust=trust or ())
    if json:
        print_json(inspection)
    else:
        console = stdout()
        for part in _render(inspection):
            console.print(part)


def _repository_table(summaries: "list[ModelSummary]") -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("model", "versions", "task", "format", "inputs", "size", "saved"):
        table.add_column(heading)
    for summary in summaries:
        manifest = summary.manifest
        table.add_row(
            summary.name,
            ", ".join(map(str, summary.versions)),
            manifest.signature.task,
            manifest.format,
            f"{len(manifest.signature.columns)}",
            size(summary.size_bytes),
            manifest.created,
        )
    return table


def _render(inspection: "Inspection") -> "Iterator[RenderableType]":
    manifest = inspection.manifest
    rows: list[tuple[str, RenderableType]] = []
    if manifest is not None:
        rows += _manifest_rows(manifest)
    rows += [("path", inspection.path), ("size", size(inspection.size_bytes))]
    if inspection.signature is not None:
        rows += _output_rows(inspection.signature)
    if manifest is None and inspection.audit is not None:
        rows += _fact_rows(inspection.audit)
    yield fields(rows)
    if inspection.graph is not None:
        yield ""
        yield from _render_graph(inspection.graph, manifest)
    if inspection.audit is not None and inspection.audit.facts.tree is not None:
        yield ""
        yield _estimator_tree(inspection.audit.facts.tree)
    if inspection.signature is not None:
        yield ""
        yield _columns_table(inspection.signature)
    if inspection.audit is not None and (manifest is None or inspection.audit.refused):
        yield from _render_types(inspection.audit)


def _render_graph(graph: "OnnxGraph", manifest: "Manifest | None") -> "Iterator[RenderableType]":
    converted = None if manifest is None else manifest.onnx
    files = () if manifest is None else manifest.files
    operators = ", ".join(f"{name} {count}" for name, count in graph.operators.items())
    opsets = ", ".join(f"{domain} {version}" for domain, version in graph.opsets.items())
    rows: list[tuple[str, RenderableType]] = [
        ("ONNX inputs", ", ".join(map(_tensor, graph.inputs[:_SHOWN_COLUMNS]))),
        ("outputs", ", ".join(map(_tensor, graph.outputs))),
        ("operators", f"{sum(graph.operators.values())}: {operators}"),
        ("opsets", opsets),
        *(("file", size(entry.size_bytes)) for entry in files if entry.name.endswith(".onnx")),
    ]
    if converted is not None:
        rows.append(("parity", parity(converted)))
    yield fields(rows)
    if converted is not None and converted.speeds:
        yield ""
        yield speed_table(converted.speeds)


def _tensor(tensor: "TensorInfo") -> str:
    free = ("rows", *["?"] * len(tensor.shape))
    sizes = zip(tensor.shape, free, strict=False)
    shape = ", ".join(name if size is None else str(size) for size, name in sizes)
    return f"{tensor.name} {tensor.type.lower()}[{shape}]"


def _manifest_rows(manifest: "Manifest") -> "list[tuple[str, RenderableType]]":
    rows: list[tuple[str, RenderableType]] = [
        ("model", f"{manifest.name} version {manifest.version}"),
        ("saved", manifest.created),
        ("format", f"{manifest.format} ({manifest.format_reason})"),
        ("libraries", ", ".join(f"{name} {text}" for name, text in manifest.libraries.items())),
    ]
    if manifest.data_rows:
        verified = f"{manifest.data_rows:,} rows, {manifest.verified_rows:,} predicted the same"
        rows.append(("data", f"{verified} after reloading"))
    if manifest.metrics:
        shown = [(key, value) for key, value in manifest.metrics.items() if key != "rows"]
        text = ", ".join(f"{key} {value:.4g}" for key, value in shown)
        rows.append(("metrics", f"{text} (on the data given at save)"))
    if manifest.tags:
        rows.append(("tags", ", ".join(f"{key}={value}" for key, value in manifest.tags.items())))
    return rows


def _output_rows(signature: "Signature") -> "list[tuple[str, RenderableType]]":
    rows: list[tuple[str, RenderableType]] = [("task", signature.task.replace("_", " "))]
    if signature.classes:
        rows.append(("classes", ", ".join(map(str, signature.classes))))
    outputs = f"{', '.join(signature.outputs)} ({signature.label_dtype})"
    rows.append(("outputs", outputs + (" and probabilities" * signature.probabilities)))
    return rows


def _fact_rows(audit: "Audit") -> "list[tuple[str, RenderableType]]":
    facts = audit.facts
    rows: list[tuple[str, RenderableType]] = [("format", audit.format)]
    if facts.sklearn_versions:
        rows.append(("saved with", f"scikit-learn {', '.join(facts.sklearn_versions)}"))
    if facts.classes:
        rows.append(("classes", ", ".join(map(str, facts.classes))))
    if facts.feature_names:
        rows.append(("inputs", ", ".join(facts.feature_names)))
    elif facts.n_features is not None:
        rows.append(("inputs", f"{facts.n_features} columns without names"))
    return rows


def _estimator_tree(root: "TypeTree") -> "RenderableType":
    from rich.text import Text
    from rich.tree import Tree

    def grow(branch: Tree, found: "TypeTree") -> Tree:
        for name, child in found.children:
            kind = child.type.rpartition(".")[2]
            grow(branch.add(Text.assemble((f"{name}  ", "dim"), kind)), child)
        return branch

    return grow(Tree(root.type.rpartition(".")[2]), root)


def _columns_table(signature: "Signature") -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, header_style="bold", pad_edge=False)
    for heading in ("input", "type", "missing", "values"):
        table.add_column(heading)
    for column in signature.columns[:_SHOWN_COLUMNS]:
        table.add_row(column.name, column.dtype, _acceptance(column.missing), _values(column))
    hidden = len(signature.columns) - _SHOWN_COLUMNS
    if hidden > 0:
        table.add_row(f"... and {hidden:,} more", "", "", "")
    return table


def _acceptance(accepted: bool | None) -> str:
    return "not known" if accepted is None else "accepted" if accepted else "refused"


def _values(column: "Column") -> str:
    categories = column.categories or ()
    shown = ", ".join(map(str, categories[:_SHOWN_CATEGORIES]))
    hidden = len(categories) - _SHOWN_CATEGORIES
    return shown + (f" and {hidden} more" if hidden > 0 else "")


def _render_types(audit: "Audit") -> "Iterator[RenderableType]":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", pad_edge=False)
    table.add_column("type in the file")
    table.add_column("verdict")
    for found in sorted(audit.types, key=lambda entry: (entry.admitted, entry.name)):
        verdict = Text("known", "green") if found.admitted else Text("refused", "bold red")
        table.add_row(found.name, verdict)
    yield ""
    yield table
    if audit.refused:
        options = " ".join(f"--trust {name}" for name in audit.refused)
        yield f"\nIt will not load unless you trust what is refused: {options}"
