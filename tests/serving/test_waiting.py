"""Times that are no times are refused before anything is served."""

import math

import pytest

from mlserve_cli.errors import UsageError
from mlserve_cli.serving.run import ServerOptions
from mlserve_cli.serving.waiting import Limits


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 0.0, -1.0])
def test_a_timeout_is_a_positive_number(seconds: float) -> None:
    with pytest.raises(UsageError, match=f"a timeout of {seconds:g} seconds"):
        Limits(timeout_seconds=seconds)


@pytest.mark.parametrize("seconds", [math.nan, math.inf, 0.0, -1.0])
def test_models_are_looked_for_at_times(seconds: float) -> None:
    with pytest.raises(UsageError, match=f"Found {seconds:g} seconds"):
        ServerOptions(reload_seconds=seconds)
