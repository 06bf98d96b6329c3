"""A scheduler is found, or it is said soon why not; a local one starts beside whatever runs."""

import contextlib
import signal
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlserve_cli.batch.cluster import ClusterOptions, Shipment, connection, predict_on_cluster
from mlserve_cli.batch.cluster.connection import connected
from mlserve_cli.errors import EngineError, MissingExtraError, UsageError

if TYPE_CHECKING:
    from .conftest import Cluster

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


def test_a_silent_server_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(EngineError, match="it was silent for 1 seconds"), connected(address):
            pass


def test_the_address_of_a_worker_is_none_of_a_scheduler(cluster: "Cluster") -> None:
    with connected(cluster.address) as client:
        worker = next(iter(client.nthreads()))
    with pytest.raises(UsageError, match="a Worker answers there"), connected(worker):
        pass


def test_an_address_with_tls_says_where_certificates_are_named(cluster: "Cluster") -> None:
    address = cluster.address.replace("tcp", "tls")
    with pytest.raises(UsageError, match="needs certificates") as error, connected(address):
        pass
    assert error.value.hint is not None
    assert "distributed.comm.tls.ca-file" in error.value.hint


def test_ctrl_c_while_processes_start_is_for_the_one_who_starts_them() -> None:
    script = "import signal; print(signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, []))"
    told: list[bytes] = []

    def start() -> None:
        with connection._deaf_children():
            signal.raise_signal(signal.SIGINT)
            told.append(subprocess.check_output([sys.executable, "-c", script]))

    with pytest.raises(KeyboardInterrupt):
        start()
    assert told == [b"True\n"]


def test_streams_and_missing_packages_and_schedulers_are_errors(
    shipment: Shipment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n1,2\n")
    with pytest.raises(UsageError, match="- is none"):
        predict_on_cluster("-", out, shipment)
    monkeypatch.setattr(connection, "_CONNECT_SECONDS", 1)
    with warnings.catch_warnings(), pytest.raises(EngineError, match="No Dask scheduler answers"):
        predict_on_cluster(source, out, shipment, None, ClusterOptions("tcp://127.0.0.1:9"))
    with pytest.raises(UsageError, match="no address of a Dask scheduler"):
        predict_on_cluster(source, out, shipment, None, ClusterOptions("nowhere://x"))
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match="Scoring on a cluster"):
        predict_on_cluster(source, out, shipment)
