"""What a server has counted, as its history keeps it."""

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from mlserve_cli.monitoring.traffic import Subject, Traffic
from mlserve_cli.serving import metric_families as families

if TYPE_CHECKING:
    from mlserve_cli.monitoring.registry import Registry


def traffic_of(metrics: "Registry") -> dict[Subject, Traffic]:
    """What each version of each model has done since the server's start, over all workers.

    Any thread may ask.
    """
    found: defaultdict[Subject, Traffic] = defaultdict(Traffic)
    for (family, labels), numbers in metrics.counted().items():
        if family == families.REQUESTS.name:
            traffic = found[Subject(*labels[:2])]
            count, status = int(numbers[0]), labels[3]
            traffic.requests += count
            traffic.client_errors += count if status.startswith("4") else 0
            traffic.server_errors += count if status.startswith("5") else 0
        elif family == families.ROWS.name:
            found[Subject(*labels)].rows += int(numbers[0])
        elif family == families.REQUEST_SECONDS.name:
            # The sum comes before the buckets; see `Family.cells`.
            counts = numbers[1:]
            buckets = {int(place): int(counts[place]) for place in np.flatnonzero(counts)}
            found[Subject(*labels[:2])].add(Traffic(seconds=float(numbers[0]), buckets=buckets))
    return dict(found)
