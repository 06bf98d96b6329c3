"""Predictions that a server made, kept in Parquet files.

`RECORDS/MODEL/VERSION/*.parquet`: one row per predicted row, with its inputs, its outputs, and the
columns `_time`, `_latency_seconds`, `_request_id`, `_row`, `_model` and `_version`. Each file says
in its metadata which column is what; see `layout.Roles`.
"""
