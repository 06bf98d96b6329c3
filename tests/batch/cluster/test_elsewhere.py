"""What a cluster writes to a store is what one machine writes there."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.batch.remote.conftest import Bucket, bucket, credentials, endpoint

from mlserve_cli.batch import BatchOptions, OnError, predict_file, predict_folder
from mlserve_cli.batch.cluster import ClusterOptions, Shipment, predict_on_cluster
from mlserve_cli.errors import EngineError, InputError, SignatureError, UsageError

if TYPE_CHECKING:
    from .conftest import Cluster

pytestmark = pytest.mark.xdist_group("dask")
__all__ = ["bucket", "credentials", "endpoint"]

_SKIP = BatchOptions(on_error=OnError.SKIP)


def table(first: int, count: int) -> bytes:
    return b"id,a,b\r\n" + b"".join(b"%03d,%d,0.50\r\n" % (k, k) for k in range(first, count))


@pytest.fixture
def on_cluster(
    bucket: Bucket,
    new_cluster: "Callable[[int], Cluster]",
    shipment: Shipment,
) -> Callable[..., Any]:
    # Workers get the keys to the store from where they are started.
    address = ClusterOptions(new_cluster(2).address)
    return lambda source, destination, options=None: predict_on_cluster(
        source, destination, shipment, options, address
    )


def test_files_of_a_store_are_scored_as_by_one_machine(
    bucket: Bucket,
    on_cluster: Callable[..., Any],
    shipment: Shipment,
    tmp_path: Path,
) -> None:
    faulty = b"id,a,b\n1,2,3\n2,what,4\n"
    bucket.put("in/day=1/one.csv", table(0, 300))
    bucket.put("in/day=2/two.csv.gz", gzip.compress(table(300, 700)))
    bucket.put("in/day=2/three.csv", faulty)
    bucket.put("in/day=2/.hidden.csv", b"nothing")
    here = predict_folder(bucket.uri("in/"), bucket.uri("here/"), shipment.load(), _SKIP)
    there = on_cluster(bucket.uri("in/"), bucket.uri("there/"), _SKIP)
    assert (there.rows, there.skipped) == (here.rows, here.skipped) == (701, 1)
    assert there.errors == "s3://data/there/*.errors.jsonl"
    names = [name.removeprefix("here/") for name in bucket.names() if name.startswith("here/")]
    assert len(names) == 4
    for name in names:
        one, other = (bucket.get(f"{side}/{name}") for side in ("here", "there"))
        if name.endswith(".gz"):
            one, other = gzip.decompress(one), gzip.decompress(other)
        assert one == other
    assert bucket.uploads() == []
    # One file, and one that all workers have.
    predict_file(bucket.uri("in/day=1/one.csv"), tmp_path / "one.csv", shipment.load())
    on_cluster(bucket.uri("in/day=1/one.csv"), bucket.uri("one.csv"))
    assert bucket.get("one.csv") == (tmp_path / "one.csv").read_bytes()
    (tmp_path / "in.csv").write_bytes(faulty)
    report = on_cluster(tmp_path / "in.csv", bucket.uri("local.csv"), _SKIP)
    assert (report.rows, report.errors) == (1, "s3://data/local.csv.errors.jsonl")
    line = json.loads(bucket.get("local.csv.errors.jsonl"))
    assert (line["line"], line["row"]) == (3, 2)


def test_what_cannot_be_done_in_a_store_is_told(
    bucket: Bucket,
    on_cluster: Callable[..., Any],
    tmp_path: Path,
) -> None:
    source = bucket.put("in/one.csv", table(0, 3) + b"3,what,1\r\n")
    with pytest.raises(UsageError, match="to their own disks"):
        on_cluster(source, tmp_path / "out.csv")
    with pytest.raises(UsageError, match="nothing can be continued there"):
        on_cluster(source, bucket.uri("out.csv"), BatchOptions(resume=True))
    with pytest.raises(UsageError, match="it would be overwritten"):
        on_cluster(bucket.uri("in/"), bucket.uri("in/"))
    with pytest.raises(InputError, match="no table"):
        on_cluster(bucket.uri("nothing/"), bucket.uri("out/"))
    with pytest.raises((InputError, SignatureError), match=r"s3://data/in/one\.csv.*row 4"):
        on_cluster(bucket.uri("in/"), bucket.uri("out/"))
    assert bucket.names() == ["in/one.csv"]
    assert bucket.uploads() == []


def test_who_loses_the_cluster_is_not_told_to_resume(
    bucket: Bucket, new_cluster: "Callable[[int], Cluster]", shipment: Shipment
) -> None:
    bucket.put("in/one.csv", table(0, 3))
    cluster = new_cluster(1)
    where = ClusterOptions(cluster.address)
    with pytest.raises(EngineError, match="scheduler is lost") as caught:
        predict_on_cluster(
            bucket.uri("in/"),
            bucket.uri("out/"),
            shipment,
            cluster=where,
            progress=lambda _: cluster.scheduler.kill(),
        )
    assert caught.value.hint == (
        "Files that are finished stay; the same command scores all of them again."
    )
