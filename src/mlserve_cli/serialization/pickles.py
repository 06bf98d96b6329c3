"""Loads and writes pickle and joblib files; loading builds admitted and trusted types only."""

import importlib
import pickle
import types
import warnings
from collections.abc import Callable, Collection, Iterable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import joblib
import numpy as np

from mlserve_cli.errors import (
    ArtifactError,
    CorruptArtifactError,
    MlserveError,
    UntrustedTypeError,
)
from mlserve_cli.serialization.admitted import TrustPolicy, Use
from mlserve_cli.serialization.array_header import (
    ArrayHeader,
    MalformedArrayError,
    checked_shape,
    set_dtype_state,
)
from mlserve_cli.serialization.audit import Audit, audit_file, require_trust
from mlserve_cli.serialization.byte_source import open_source, quoted
from mlserve_cli.serialization.call_rules import Call
from mlserve_cli.serialization.importing import import_admitted
from mlserve_cli.serialization.native_state import check_native_state
from mlserve_cli.serialization.pickle_stream import ARRAY_WRAPPER, MalformedPickleError, PickleStream

if TYPE_CHECKING:
    import os

    from mlserve_cli.serialization.byte_source import ByteSource

