"""Saving a model: a new version in the repository, proven to load and to predict the same."""

import datetime as dt
import re
import shutil
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlserve_cli.errors import SignatureError, UsageError
from mlserve_cli.inference.describe import describe_estimator, input_frame
from mlserve_cli.inference.estimator import EstimatorPredictor
from mlserve_cli.inference.frames import columns_of, to_batch
from mlserve_cli.inference.learnt_columns import learnt_columns
from mlserve_cli.inference.onnx import OnnxPredictor
from mlserve_cli.serialization.libraries import library_versions
from mlserve_cli.serialization.manifest import SCHEMA_VERSION, Manifest
from mlserve_cli.serialization.model_format import ModelFormat
from mlserve_cli.serialization.models import DEFAULT_MODELS
from mlserve_cli.serialization.payload import file_name, read_estimator, write_payload
from mlserve_cli.serialization.repository import Artifact, ModelRepository, check_name
from mlserve_cli.serialization.rows import Rows, read_rows, write_reference
from mlserve_cli.serialization.sources import Source, open_source
from mlserve_cli.serialization.verification import expect_from_estimator, expect_from_predictor
from mlserve_cli.signature import DType, Signature

if TYPE_CHECKING:
    import pandas as pd

    from mlserve_cli.inference.predictor import Predictor


def save_model(  # noqa: PLR0913 -- one keyword per option of the command
    source: object,
    name: str | None = None,
    *,
    data: "pd.DataFrame | str | Path | None" = None,
    target: str | None = None,
    format: ModelFormat | None = None,
    models: str | Path = DEFAULT_MODELS,
    tags: Mapping[str, str] | None = None,
    trust: Collection[str] = (),
) -> Artifact:
    """Saves a model as a new version in the repository.

    Args:
        source: A fitted estimator; or a model file, an MLflow model directory, `FILE.py:NAME` or
            `package.module:NAME`.
        name: Name of the model; taken from the source where it is not given.
        data: Rows that the model takes, as a frame or a file. They give the exact signature, the
            reference for drift checks and an example, and the saved file must predict on them what
            the source predicts before the version appears.
        target: Column of the data that the model predicts; gives the stored quality metrics.
        format: How to store the estimator; None takes skops where it works, else joblib.
        models: Folder of the model repository.
        tags: Free text to keep with the version.
        trust: Types to load although mlserve does not know them, as `module.Name`.

    Returns:
        The new version.

    Raises:
        ArtifactError: The source is not a fitted model, or does not survive being saved.
        InputError: The data does not fit the model.
        UsageError: Options that do not go together, or a name that a model cannot have.
    """
    if name is not None:
        check_name(name)
    opened = open_source(source, trust=trust)
    rows = read_rows(data, target, text=_text_columns(opened, target))
    name = name or re.sub(r"[^A-Za-z0-9._-]+", "-", opened.name).strip("-.") or "model"

    def fill(folder: Path) -> Manifest:
        if opened.onnx is not None:
            manifest = _fill_from_onnx(folder, opened.onnx, rows, format)
        else:
            manifest = _fill_from_estimator(folder, opened, rows, format, trust)
        return replace(manifest, tags=dict(tags or {}), target=target)

    return ModelRepository(models).publish(name, fill)


def _text_columns(opened: Source, target: str | None) -> set[str]:
    """Columns that the model knows as text, the target included: `01234` is no number there."""
    known = opened.columns or learnt_columns(opened.estimator) or ()
    names = {column.name for column in known if column.dtype is DType.STRING}
    classes = list(getattr(opened.estimator, "classes_", ()))
    if target is not None and classes and isinstance(classes[0], str):
        names.add(target)
    return names


def _fill_from_estimator(
    folder: Path,
    opened: Source,
    rows: Rows | None,
    format: ModelFormat | None,
    trust: Collection[str],
) -> Manifest:
    estimator = opened.estimator
    inputs = None if rows is None else input_frame(estimator, rows.inputs)
    signature = describe_estimator(estimator, inputs, columns=opened.columns)
    predictor = EstimatorPredictor(estimator, signature)
    rows = None if rows is None or inputs is None else replace(rows, inputs=inputs)
    kind = f"{type(estimator).__module__}.{type(estimator).__qualname__}"
    if format is ModelFormat.ONNX:
        return replace(_fill_converted(folder, predictor, rows), estimator=kind)
    check = expect_from_estimator(predictor, None if rows is None else rows.sample())

    def verify(path: Path, written: ModelFormat) -> None:
        copy = EstimatorPredictor(read_estimator(path, written, trust), signature)
        check.verify(copy, path.name)

    written, reason = write_payload(estimator, folder, format, verify)
    return replace(
        _manifest(folder, predictor, rows),
        estimator=kind,
        format=written,
        format_reason=reason,
        libraries=library_versions(*_packages(estimator)),
        verified_rows=check.rows,
    )


def _fill_converted(folder: Path, predictor: EstimatorPredictor, rows: Rows | None) -> Manifest:
    from mlserve_cli.conversion.convert import convert_to_onnx
    from mlserve_cli.serialization.convert import onnx_payload

    data = None if rows is None else rows.sample()
    conversion = convert_to_onnx(predictor.estimator, predictor.signature, data=data)
    path = folder / file_name(ModelFormat.ONNX)
    path.write_bytes(conversion.model)
    return replace(
        _manifest(folder, OnnxPredictor(path, predictor.signature), rows),
        format_reason="asked for; the estimator itself is not kept",
        libraries=library_versions(*_packages(predictor.estimator), "onnxruntime"),
        verified_rows=0 if rows is None else conversion.parity.rows,
        onnx=onnx_payload(predictor.estimator, conversion, data),
    )


def _fill_from_onnx(
    folder: Path, source: Path, rows: Rows | None, format: ModelFormat | None
) -> Manifest:
    if format not in (None, ModelFormat.ONNX):
        raise UsageError(
            f"{source} is an ONNX model; it cannot be stored as {format}.",
            hint="Leave --format out.",
        )
    predictor = OnnxPredictor(source, width=None if rows is None else len(rows.inputs.columns))
    if rows is not None:
        signature, inputs = _named_signature(predictor.signature, rows.inputs)
        predictor, rows = OnnxPredictor(source, signature), replace(rows, inputs=inputs)
    path = folder / file_name(ModelFormat.ONNX)
    shutil.copyfile(source, path)
    verified_rows = 0
    if rows is not None:
        check = expect_from_predictor(predictor, rows.sample())
        check.verify(OnnxPredictor(path, predictor.signature), path.name)
        verified_rows = check.rows
    return replace(_manifest(folder, predictor, rows), verified_rows=verified_rows)


def _named_signature(
    signature: Signature, inputs: "pd.DataFrame"
) -> "tuple[Signature, pd.DataFrame]":
    """An ONNX model's signature with the names and dtypes of its data."""
    if signature.named:
        missing = [name for name in signature.names if name not in inputs.columns]
        if missing:
            raise SignatureError(
                f"The data lacks inputs of the model: {', '.join(missing)}. "
                f"It has: {', '.join(inputs.columns)}.",
                column=missing[0],
            )
        inputs = inputs[list(signature.names)]
    elif len(inputs.columns) != len(signature.columns):
        raise SignatureError(
            f"The data has {len(inputs.columns)} columns; the model takes "
            f"{len(signature.columns)} without names.",
            hint="Leave the other columns out of the file, or name the one that the model "
            "predicts: --target COLUMN",
        )
    return replace(signature, columns=columns_of(inputs), named=True), inputs


def _manifest(folder: Path, predictor: "Predictor", rows: Rows | None) -> Manifest:
    """The manifest of a model; writes what is kept of its rows beside it."""
    signature = predictor.signature
    metrics: dict[str, float] = {}
    if rows is not None:
        write_reference(folder, rows, signature)
        metrics = _metrics(predictor, rows)
    return Manifest(
        schema_version=SCHEMA_VERSION,
        name="",
        version=0,
        created=dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        estimator="",
        format=ModelFormat.ONNX,
        format_reason="the source is an ONNX model",
        signature=signature,
        libraries=library_versions("onnxruntime"),
        metrics=metrics,
        data_rows=0 if rows is None else len(rows.inputs),
    )


def _metrics(predictor: "Predictor", rows: Rows) -> dict[str, float]:
    if rows.truth is None:
        return {}
    from mlserve_cli.monitoring.quality import quality_metrics

    signature = predictor.signature
    batch = to_batch(rows.inputs, signature)
    prediction = predictor.predict(batch, probabilities=signature.probabilities)
    return quality_metrics(signature.task, rows.truth, prediction, signature.classes)


def _packages(estimator: Any) -> set[str]:
    """Top-level packages of an estimator and of the estimators in it."""
    inner = estimator.get_params().values() if hasattr(estimator, "get_params") else ()
    modules = {type(part).__module__ for part in (estimator, *inner) if hasattr(part, "fit")}
    return {module.partition(".")[0] for module in modules} | {"joblib", "skops", "scikit-learn"}
