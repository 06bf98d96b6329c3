"""A cluster that cannot work says so."""

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlserve_cli.batch.cluster import ClusterOptions, Shipment, predict_on_cluster, running
from mlserve_cli.errors import EngineError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Cluster

pytestmark = pytest.mark.xdist_group("dask")


def test_a_cluster_without_workers_or_without_mlserve_is_an_error(
    new_cluster: "Callable[[int], Cluster]",
    shipment: Shipment,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source, out = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_bytes(b"a,b\n1,2\n")
    cluster = new_cluster(0)
    where = ClusterOptions(cluster.address)
    monkeypatch.setattr(running, "_ASK_SECONDS", 0.1)
    monkeypatch.setattr(running, "_WORKERLESS_SECONDS", 0.5)
    with (
        pytest.warns(UserWarning, match="The Dask cluster has no workers; waiting for one"),
        pytest.raises(EngineError, match=r"has had no workers for .* seconds"),
    ):
        predict_on_cluster(source, out, shipment, None, where)
    cluster.start_worker_without_mlserve()
    with pytest.raises(UsageError, match="No module named 'mlserve_cli") as error:
        predict_on_cluster(source, out, shipment, None, where)
    assert error.value.hint is not None
    assert "pip install 'mlserve-cli[dask]==" in error.value.hint
    assert not (tmp_path / ".out.csv.part").exists()
