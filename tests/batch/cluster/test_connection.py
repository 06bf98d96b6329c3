"""A local cluster starts beside whatever else runs on this machine."""

import contextlib
import socket

import pytest

from mlserve_cli.batch.cluster.connection import connected

pytestmark = pytest.mark.xdist_group("dask")


@pytest.mark.slow
def test_a_local_cluster_leaves_dasks_usual_port_alone() -> None:
    with socket.socket() as taken:
        # Whoever has the port already serves as well.
        with contextlib.suppress(OSError):
            taken.bind(("127.0.0.1", 8787))
            taken.listen()
        with connected(None) as client:
            assert client.submit(sum, [1, 2]).result() == 3
