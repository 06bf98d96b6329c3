"""Addresses of predictions."""

import pytest

from mlserve_cli.errors import UsageError
from mlserve_cli.serving.routes import PlatformPaths, find_endpoint

NONE = PlatformPaths()


@pytest.mark.parametrize(
    ("path", "protocol", "name", "version"),
    [
        ("/predict", "native", None, None),
        ("/models/a/predict", "native", "a", None),
        ("/models/a/versions/3/predict", "native", "a", 3),
        ("/models/a/versions/x/predict", "native", "a", -1),
        ("/v2/models/a/versions/3/infer", "v2", "a", 3),
        ("/v1/models/a:predict", "tensorflow", "a", None),
        ("/v1/models/a/versions/3:predict", "tensorflow", "a", 3),
        ("/invocations", "mlflow", None, None),
    ],
)
def test_an_address_names_protocol_model_and_version(
    path: str, protocol: str, name: str | None, version: int | None
) -> None:
    found = find_endpoint(path, NONE)
    assert found is not None
    assert (found.protocol.name, found.name, found.version) == (protocol, name, version)


@pytest.mark.parametrize("path", ["/", "/predict/", "/models//predict", "/v1/models/a", "/vertex"])
def test_other_addresses_are_none(path: str) -> None:
    assert find_endpoint(path, NONE) is None


def test_a_platform_chooses_an_address_even_if_it_is_one_of_ours() -> None:
    for path in ("/v1/endpoints/1/deployedModels/2:predict", "/predict"):
        found = find_endpoint(path, PlatformPaths(path))
        assert found is not None
        assert (found.protocol.name, found.name) == ("tensorflow", None)


@pytest.mark.parametrize("path", ["", "predict", "/a b", "/{name}", "/<x>", "/a?b", "/%2f"])
def test_what_is_no_path_is_refused(path: str) -> None:
    with pytest.raises(UsageError, match="as a path, expected one such as /v1/predict"):
        PlatformPaths(health=path)
