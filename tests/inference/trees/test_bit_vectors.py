"""Bit vectors end in the leaves that a walk from node to node ends in."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlserve_cli.inference.trees.bit_vectors import MOST_LEAVES, BitVectors
from mlserve_cli.inference.trees.ensemble import Mode, Trees

FEATURES = 3
SPLITS = st.sampled_from([-1e300, -2.0, -1.0, -0.0, 0.5, 1.0, np.nextafter(1.0, 2), 3.0, np.inf])
VALUES = st.one_of(SPLITS, st.floats(width=64), st.sampled_from([np.nan, -np.inf, 2.0, 2.5]))
NODES = st.tuples(
    st.integers(0, FEATURES - 1),
    SPLITS,
    st.sampled_from(list(Mode)),
    st.booleans(),
    st.integers(0, 2**32),
)
SHAPES = st.lists(NODES, min_size=1, max_size=MOST_LEAVES - 1)


def ensemble(shapes: list[list[Any]], targets: int, dtype: type) -> Trees:
    """Each tree grows by nodes that take the place of one of its leaves."""
    roots, target = [], []
    columns: list[tuple[int, float, Mode, bool]] = []
    child: list[list[int]] = []
    is_leaf: list[list[bool]] = []
    leaves = 0
    for number, shape in enumerate(shapes):
        roots.append(len(columns))
        ends: list[tuple[int, int]] = []
        for feature, split, mode, missing, place in shape:
            node = len(columns)
            if ends:
                parent, side = ends.pop(place % len(ends))
                child[parent][side], is_leaf[parent][side] = node, False
            columns.append((feature, split, mode, missing))
            child.append([0, 0])
            is_leaf.append([True, True])
            ends += [(node, 0), (node, 1)]
        for parent, side in ends:
            child[parent][side] = leaves
            leaves += 1
            target.append(number % targets)
    feature, split, mode, missing = zip(*columns, strict=True)
    return Trees(
        np.array(roots),
        np.array(feature),
        np.array(split),
        np.array(mode, np.uint8),
        np.array(missing),
        np.array(child).T,
        np.array(is_leaf).T,
        np.random.default_rng(leaves).normal(size=leaves).astype(dtype),
        np.array(target),
        targets,
    )


def goes_true(trees: Trees, node: int, value: float) -> bool:
    if np.isnan(value):
        return bool(trees.missing_true[node])
    if trees.mode[node] == Mode.LESS:
        return bool(value < trees.split[node])
    return bool(value <= trees.split[node])


def walked(trees: Trees, rows: np.ndarray) -> np.ndarray:
    totals = np.zeros((len(rows), trees.targets), trees.weight.dtype)
    for total, row in zip(totals, rows, strict=True):
        for root in trees.roots:
            node, is_leaf = root, False
            while not is_leaf:
                side = 0 if goes_true(trees, node, row[trees.feature[node]]) else 1
                node, is_leaf = trees.child[side, node], trees.is_leaf[side, node]
            total[trees.target[node]] += trees.weight[node]
    return totals


@settings(max_examples=300, deadline=None)
@given(
    st.lists(SHAPES, min_size=1, max_size=5),
    st.integers(1, 3),
    st.sampled_from([np.float32, np.float64]),
    st.lists(st.lists(VALUES, min_size=FEATURES, max_size=FEATURES), min_size=1, max_size=20),
)
def test_the_leaves_are_those_of_a_walk(
    shapes: list[list[Any]], targets: int, dtype: type, rows: list[list[float]]
) -> None:
    trees = ensemble(shapes, targets, dtype)
    values = np.array(rows)
    found = BitVectors(trees).score(values)
    np.testing.assert_array_equal(found, walked(trees, values))
    assert found.dtype == dtype


def chain(leaves: int) -> list[Any]:
    """A tree that is as deep as it can be."""
    return [(k % FEATURES, float(k), Mode.LESS_OR_EQUAL, False, 1 + k) for k in range(leaves - 1)]


@pytest.mark.parametrize("leaves", [2, 8, 9, 16, 17, 32, 33, 63, 64])
def test_every_leaf_of_every_word_is_found(leaves: int) -> None:
    trees = ensemble([chain(leaves)] * 3, 1, np.float64)
    rows = np.random.default_rng(leaves).integers(-1, leaves + 1, (5_000, FEATURES)) + 0.5
    np.testing.assert_array_equal(BitVectors(trees).score(rows), walked(trees, rows))


def test_so_many_trees_that_their_tables_are_parted() -> None:
    random = np.random.default_rng(1)
    shapes = [
        [
            (int(random.integers(FEATURES)), float(random.normal()), Mode.LESS_OR_EQUAL,
             bool(random.integers(2)), int(random.integers(1_000)))
            for _ in range(31)
        ]
        for _ in range(300)
    ]  # fmt: skip
    trees = ensemble(shapes, 2, np.float64)
    vectors = BitVectors(trees)
    assert len(vectors._groups) > 1
    rows = np.where(random.random((50, FEATURES)) < 0.2, np.nan, random.normal(size=(50, FEATURES)))
    np.testing.assert_array_equal(vectors.score(rows), walked(trees, rows))


def test_more_leaves_than_a_word_has_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 64 leaves"):
        BitVectors(ensemble([chain(65)], 1, np.float64))
    # A table with a place for each leaf of the largest tree would have 2.4 GB.
    with pytest.raises(ValueError, match="A tree has 60,000 leaves; 64 are the most"):
        BitVectors(ensemble([chain(60_000), *[chain(2)] * 5_000], 1, np.float64))


def test_trees_of_very_large_tables_are_refused() -> None:
    with pytest.raises(ValueError, match="tables of 1,500 trees would be too large"):
        BitVectors(ensemble([chain(64)] * 1_500, 1, np.float64))


def test_a_tree_of_several_targets_is_refused() -> None:
    trees = ensemble([chain(4)], 1, np.float64)
    trees.target[1] = 1
    with pytest.raises(ValueError, match="several targets"):
        BitVectors(trees)


def test_no_rows_are_no_rows() -> None:
    assert BitVectors(ensemble([chain(4)], 2, np.float64)).score(np.empty((0, FEATURES))).shape == (
        0,
        2,
    )
