"""The metrics of a server, as `/metrics` names them."""

from mlserve_cli.monitoring.families import Family, Kind, Merge
from mlserve_cli.monitoring.histogram import FINE_SECONDS, SECONDS

_MODEL = ("model", "version")
_SIZES = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 4096.0)

REQUESTS = Family(
    "mlserve_requests_total",
    "Requests for predictions that were answered; without a model where none was found.",
    Kind.COUNTER,
    (*_MODEL, "protocol", "status"),
)
REQUEST_SECONDS = Family(
    "mlserve_request_duration_seconds",
    "From the end of a request's body to its answer.",
    Kind.HISTOGRAM,
    (*_MODEL, "protocol"),
    bounds=SECONDS,
    edges=FINE_SECONDS,
)
REQUEST_BYTES = Family(
    "mlserve_request_bytes_total",
    "Bytes of the bodies of requests for predictions, as they were sent.",
    Kind.COUNTER,
    (*_MODEL, "protocol"),
)
RESPONSE_BYTES = Family(
    "mlserve_response_bytes_total",
    "Bytes of the bodies of their answers.",
    Kind.COUNTER,
    (*_MODEL, "protocol"),
)
OTHER_REQUESTS = Family(
    "mlserve_other_requests_total",
    "Requests for anything but predictions, by address; without one where nothing is there.",
    Kind.COUNTER,
    ("route", "status"),
)
ROWS = Family("mlserve_rows_total", "Rows that were scored.", Kind.COUNTER, _MODEL)
BATCH_REQUESTS = Family(
    "mlserve_batch_requests",
    "Requests scored in one call of the model.",
    Kind.HISTOGRAM,
    _MODEL,
    bounds=_SIZES,
)
BATCH_ROWS = Family(
    "mlserve_batch_rows",
    "Rows scored in one call of the model.",
    Kind.HISTOGRAM,
    _MODEL,
    bounds=_SIZES,
)
CALL_SECONDS = Family(
    "mlserve_call_duration_seconds",
    "Duration of one call of the model.",
    Kind.HISTOGRAM,
    _MODEL,
    bounds=SECONDS,
)
QUEUE_SECONDS = Family(
    "mlserve_queue_wait_seconds",
    "How long the oldest request of a call had waited for it.",
    Kind.HISTOGRAM,
    _MODEL,
    bounds=SECONDS,
)
QUEUE_REQUESTS = Family(
    "mlserve_queue_requests", "Requests that wait for a call of the model.", labels=_MODEL
)
QUEUE_ROWS = Family("mlserve_queue_rows", "Rows of the requests that wait.", labels=_MODEL)
IN_FLIGHT = Family(
    "mlserve_requests_in_flight", "Requests that wait or are being scored.", labels=_MODEL
)
MODEL_INFO = Family(
    "mlserve_model_info",
    "Always 1, for each model that is served.",
    labels=(*_MODEL, "engine"),
    merge=Merge.MAX,
)
MODEL_LOAD_SECONDS = Family(
    "mlserve_model_load_seconds",
    "How long it took to load the model.",
    labels=_MODEL,
    merge=Merge.MAX,
)
MODEL_LOADED = Family(
    "mlserve_model_loaded_timestamp_seconds",
    "When the model was loaded, since unix epoch.",
    labels=_MODEL,
    merge=Merge.MAX,
)
MODEL_CREATED = Family(
    "mlserve_model_created_timestamp_seconds",
    "When the model was saved, since unix epoch; its age is time() minus this.",
    labels=_MODEL,
    merge=Merge.MAX,
)
DROPPED_LINES = Family(
    "mlserve_log_lines_dropped_total",
    "Lines of the log that were dropped since nobody read them fast enough.",
    Kind.COUNTER,
)
RESTARTS = Family(
    "mlserve_worker_restarts_total", "Workers that died and were replaced.", Kind.COUNTER
)
FAMILIES = (
    *(REQUESTS, REQUEST_SECONDS, REQUEST_BYTES, RESPONSE_BYTES, OTHER_REQUESTS, ROWS),
    *(BATCH_REQUESTS, BATCH_ROWS, CALL_SECONDS, QUEUE_SECONDS, QUEUE_REQUESTS, QUEUE_ROWS),
    *(IN_FLIGHT, MODEL_INFO, MODEL_LOAD_SECONDS, MODEL_LOADED, MODEL_CREATED, DROPPED_LINES),
)
