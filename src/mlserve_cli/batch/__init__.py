"""Files scored in bounded memory."""

from mlserve_cli.batch.estimate import estimate_rows
from mlserve_cli.batch.finding import is_many
from mlserve_cli.batch.folder import predict_folder
from mlserve_cli.batch.job import BatchPredictor, predict_file
from mlserve_cli.batch.options import BatchOptions, BatchReport, OnError, Output, Progress

__all__ = [
    "BatchOptions",
    "BatchPredictor",
    "BatchReport",
    "OnError",
    "Output",
    "Progress",
    "estimate_rows",
    "is_many",
    "predict_file",
    "predict_folder",
]
