"""Large trees, each in a node of its own.

Of several trees in a node, ONNX Runtime takes a hundred rows through one and then through the next.
A tree alone in its node stays in the processor's cache for all rows: 8,000 sorted rows took 7.7
microseconds each through 100 trees of 2,200 leaves, and 8.3 through three trees a node. A single
row takes longer through so many nodes, 85 microseconds and 36.
"""

from typing import TYPE_CHECKING

from onnx import GraphProto, ModelProto, helper

if TYPE_CHECKING:
    from collections.abc import Iterator

    from onnx import NodeProto

    from mlserve_cli.inference.trees.ensemble import Trees

# Smaller trees stay in the cache together, and gain two per cent.
_LARGE_LEAVES = 256
# ONNX Runtime keeps what each tree says of all rows before it adds that up.
_MOST_TREES = 300


class SeparatedTrees:
    """Nodes of one tree each, in place of nodes of several trees.

    Weights are added up in the order of the trees, as in one node, so that results are the same to
    the last bit.
    """

    def __init__(self) -> None:
        # Serialized, since nodes that are taken apart have ten times the size.
        self._nodes: dict[str, list[bytes]] = {}
        self._trees = 0

    def take(self, node: "NodeProto", trees: "Trees") -> None:
        """Takes a node's trees apart, where they are large, have one target, and are not too many.

        Args:
            node: The node.
            trees: What it has.
        """
        count = trees.roots.size
        is_large = trees.weight.size >= count * _LARGE_LEAVES
        is_of_use = is_large and trees.targets == 1 and count > 1
        if not is_of_use or self._trees + count > _MOST_TREES:
            return
        try:
            apart = trees.apart()
        except ValueError:
            return
        self._trees += count
        self._nodes[node.output[0]] = [_alone(one) for one in _nodes(node, apart)]

    def put_into(self, model: "ModelProto") -> bytes:
        """The serialized model with these nodes.

        Args:
            model: Loses all of its nodes, so that they are not in memory twice.
        """
        nodes = [
            part
            for node in model.graph.node
            for part in self._nodes.get(node.output[0]) or [_alone(node)]
        ]
        del model.graph.node[:]
        # Messages of Protocol Buffers one after the other are read as one that has all of them.
        return b"".join((model.SerializeToString(), *nodes))


def _alone(node: "NodeProto") -> bytes:
    content: bytes = ModelProto(graph=GraphProto(node=[node])).SerializeToString()
    return content


def _nodes(node: "NodeProto", trees: "list[Trees]") -> "Iterator[NodeProto]":
    [source], [result] = node.input, node.output
    names = [f"{result}/tree_{number}" for number in range(len(trees))]
    # What all trees up to one add to.
    sums = [names[0], *(f"{name}/sum" for name in names[1:-1]), result]
    for number, (tree, name) in enumerate(zip(trees, names, strict=True)):
        yield tree.to_node(source, name, node.domain)
        if number:
            yield helper.make_node("Add", [sums[number - 1], name], [sums[number]])
