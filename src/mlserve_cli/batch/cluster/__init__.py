"""Files scored on a Dask cluster, with the result of a local run."""

from mlserve_cli.batch.cluster.predict import ClusterOptions, predict_on_cluster
from mlserve_cli.batch.cluster.shipment import Shipment, ship_model

__all__ = ["ClusterOptions", "Shipment", "predict_on_cluster", "ship_model"]
