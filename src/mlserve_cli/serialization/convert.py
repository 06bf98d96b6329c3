"""Converting a model to ONNX: into its version in the repository, or to a file."""

import math
import os
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlserve_cli.conversion.convert import convert_to_onnx
from mlserve_cli.conversion.files import save_onnx
from mlserve_cli.conversion.outputs import has_label
from mlserve_cli.conversion.parity import RowSource
from mlserve_cli.conversion.result import Conversion, Options
from mlserve_cli.conversion.sampling import plain_rows
from mlserve_cli.conversion.speed import Speed, measure_speed
from mlserve_cli.errors import MlserveError, SignatureError, UsageError
from mlserve_cli.inference.describe import describe_estimator, input_frame, plausible_row
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.frames import to_batch
from mlserve_cli.inference.learnt_columns import learnt_columns
from mlserve_cli.inference.onnx import OnnxPredictor
from mlserve_cli.serialization.load import load_estimator
from mlserve_cli.serialization.manifest import OnnxPayload, describe_file
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import DEFAULT_MODELS, ModelFile, find_model
from mlserve_cli.serialization.onnx_report import OnnxReport
from mlserve_cli.serialization.payload import file_name
from mlserve_cli.serialization.repository import Artifact, add_file
from mlserve_cli.serialization.rows import REFERENCE_NAME
from mlserve_cli.signature import DType, Signature
from mlserve_cli.tables import read_table

if TYPE_CHECKING:
    import pandas as pd


def convert_onnx(  # noqa: PLR0913 -- one keyword per option of the command
    model: str | Path | None = None,
    out: str | Path | None = None,
    *,
    data: "pd.DataFrame | str | Path | None" = None,
    options: Options | None = None,
    allow_mismatch: bool = False,
    models: str | Path = DEFAULT_MODELS,
    trust: Collection[str] = (),
) -> OnnxReport:
    """Converts a model to ONNX and proves that both predict the same.

    Args:
        model: See `load_model`.
        out: The file to write. Not given: the model's version in the repository takes it in.
        data: Rows to compare on; not given: the reference that was saved with the model, else rows
            made from the model itself.
        options: Precision, tolerance, opset and outputs.
        allow_mismatch: Whether to keep a model that does not agree.
        models: Folder of the model repository.
        trust: Types to load although mlserve does not know them, as `module.Name`.

    Raises:
        ParityError: The converted model does not agree with the estimator.
        UnsupportedEstimatorError: A step of the model has no exact ONNX form.
        UsageError: The model is ONNX already, or there is no place to write to.
        MlserveError: As `load_model`.
    """
    found = find_model(model, models=models)
    options = options or Options()
    _check_request(found, out, options)
    options = replace(options, metadata=_metadata(found))
    options.on_step("loading the model")
    estimator = load_estimator(found, trust)
    options.on_step("reading the rows to compare on")
    signature = found.manifest.signature if isinstance(found, Artifact) else None
    if data is None:
        rows, source = _reference(found)
    else:
        rows, source = _given(data, estimator, signature), RowSource.DATA
    options.on_step("trying what the model takes")
    conversion = convert_to_onnx(
        estimator,
        signature or describe_estimator(estimator, rows),
        data=rows,
        source=source,
        options=options,
        allow_mismatch=allow_mismatch,
    )
    options.on_step("measuring the speed")
    payload = onnx_payload(estimator, conversion, rows)
    options.on_step("writing the file")
    if out is not None:
        path = save_onnx(conversion, out)
    else:
        assert isinstance(found, Artifact)
        path = _attach(found, conversion.model, payload)
    return OnnxReport(str(path), len(conversion.model), payload)


def onnx_payload(
    estimator: Any, conversion: Conversion, rows: "pd.DataFrame | None"
) -> OnnxPayload:
    """What a manifest says of a conversion; measures the speed of both engines."""
    signature = conversion.signature
    onnx = OnnxPredictor(conversion.model, signature)
    many = OnnxPredictor(conversion.model, signature, many_rows=True)
    right = EstimatorPredictor(estimator, signature)
    if rows is None:
        batches = [plain_rows(estimator, signature), plausible_row(signature)]
    else:
        batches = [to_batch(rows, signature)]
    speeds: tuple[Speed, ...] = ()
    for batch in batches:
        # Made-up rows may be refused, and a model that was asked for without its label has no
        # prediction to be timed.
        with suppress(MlserveError):
            speeds = measure_speed(right, onnx, batch, many=many)
            break
    return OnnxPayload(
        parity=conversion.parity,
        precision=conversion.precision,
        opset=conversion.opset,
        ml_opset=conversion.ml_opset,
        operators=conversion.operators,
        speeds=speeds,
        variants=conversion.variants,
    )


def _given(
    data: "pd.DataFrame | str | Path", estimator: Any, signature: Signature | None
) -> "pd.DataFrame":
    """The model's columns of the rows to compare on, under the names of its signature."""
    if isinstance(data, str | Path):
        columns = signature.columns if signature else learnt_columns(estimator) or ()
        text = {column.name for column in columns if column.dtype is DType.STRING}
        data = read_table(data, text=text)
    if not len(data):
        raise SignatureError("The data has no rows to compare on.")
    rows = input_frame(estimator, data)
    if signature is None or signature.named:
        return rows
    return rows.set_axis(list(signature.names), axis=1)


def _check_request(found: Artifact | ModelFile, out: str | Path | None, options: Options) -> None:
    """Raises `UsageError` where nothing can be converted or written; asked before the work."""
    if not isinstance(found, Artifact) and out is None:
        raise UsageError(
            f"{found.path} is a file outside of the repository, and no OUT was given.",
            hint=f"Add where to write: {found.path.with_suffix('.onnx')}",
        )
    if (found.manifest if isinstance(found, Artifact) else found).format is ModelFormat.ONNX:
        raise UsageError(f"{found.path} is an ONNX model already.")
    if not math.isfinite(options.tolerance):
        raise UsageError(f"The tolerance is {options.tolerance}; expected a number, such as 1e-6.")
    if out is None and not has_label(options.outputs):
        raise UsageError(
            f"The outputs are {', '.join(options.outputs or ())}; a model in the repository is "
            "scored by its label (of regressors and transformers: variable), which is not among "
            "them.",
            hint="Name it too, or give OUT to write a file of its own.",
        )
    path = None if out is None else Path(out)
    if path is not None and path.is_dir():
        raise UsageError(f"OUT is the folder {path}; expected a file, such as {path}/model.onnx.")
    if path is not None and not path.parent.is_dir():
        raise UsageError(f"OUT is {path}, and there is no folder {path.parent}.")
    if path is not None and not os.access(path.parent, os.W_OK):
        raise UsageError(f"OUT is {path}, and nothing can be written into {path.parent.resolve()}.")


def _reference(found: Artifact | ModelFile) -> "tuple[pd.DataFrame | None, RowSource]":
    if isinstance(found, Artifact) and found.entry(REFERENCE_NAME) is not None:
        return read_table(found.file(REFERENCE_NAME)), RowSource.REFERENCE
    return None, RowSource.GENERATED


def _metadata(found: Artifact | ModelFile) -> tuple[tuple[str, str], ...]:
    """What the ONNX file says about where it comes from."""
    if isinstance(found, ModelFile):
        source = describe_file(found.path)
        return (("mlserve.name", found.name), ("mlserve.source_sha256", source.sha256))
    manifest = found.manifest
    source_entry = found.entry(file_name(manifest.format))
    assert source_entry is not None
    return (
        ("mlserve.name", manifest.name),
        ("mlserve.version", str(manifest.version)),
        ("mlserve.source_sha256", source_entry.sha256),
    )


def _attach(found: Artifact, content: bytes, payload: OnnxPayload) -> Path:
    name = file_name(ModelFormat.ONNX)
    changed = add_file(found, name, content, lambda manifest: replace(manifest, onnx=payload))
    return changed.path / name
