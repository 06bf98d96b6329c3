import numpy as np

from mlserve_cli.drift.counting.texts import MOST_LABELS, TextCounts
from mlserve_cli.drift.sources.interface import Texts


def block(*values: str | None) -> Texts:
    labels = sorted({value for value in values if value is not None})
    return Texts(np.array([-1 if v is None else labels.index(v) for v in values]), labels)


def test_texts_and_missing_values_are_counted_over_blocks() -> None:
    counts = TextCounts()
    counts.add(block("a", "b", None, "a"))
    counts.add(block("c", "a", None))
    assert counts.labels == {"a": 3, "b": 1, "c": 1}
    assert (counts.rows, counts.missing, counts.groups) == (7, 2, None)


def test_memory_ends_where_texts_are_all_different() -> None:
    counts = TextCounts()
    for start in range(0, 3 * MOST_LABELS, 10_000):
        labels = [f"id {number}" for number in range(start, start + 10_000)]
        counts.add(Texts(np.arange(len(labels)), labels))
    counts.add(block("id 5", "id 5", "never seen"))
    assert counts.groups is not None
    assert counts.groups.sum() == counts.rows
    assert len(counts.labels) == MOST_LABELS + 1
    assert counts.labels["id 5"] == 3


def test_groups_do_not_depend_on_when_labels_became_too_many() -> None:
    few = TextCounts()
    few.add(block("x", "y", "x"))
    assert few.by_group().sum() == 3
    assert sorted(few.by_group()[few.by_group() > 0].tolist()) == [1, 2]
