"""The uvicorn that is installed is one that the fast path was written against."""

import uvicorn

from mlserve_cli.serving import uvicorn_contract


def test_everything_the_fast_path_needs_is_there() -> None:
    assert uvicorn_contract.is_kept()


def test_the_sources_are_those_that_were_read() -> None:
    # Failing here, compare uvicorn/protocols/http/httptools_impl.py with the version that is known,
    # see that hot.py still holds, run tests/serving, and add the new version's digest.
    assert uvicorn_contract.KNOWN_SOURCES.get(uvicorn.__version__) == (
        uvicorn_contract.source_digest()
    )
