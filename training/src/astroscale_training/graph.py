"""`Ops` that write ONNX nodes instead of computing: the world in which a model is exported."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from onnx import NodeProto, TensorProto, helper, numpy_helper

from astroscale_training.ops import Array


class Graph:
    """Nodes and constants in the order of writing; the same calls give the same bytes."""

    def __init__(self) -> None:
        self.nodes: list[NodeProto] = []
        self._constants: dict[tuple[str, tuple[int, ...], bytes], str] = {}
        self.initializers: list[TensorProto] = []

    def node(self, kind: str, *inputs: "Node | np.ndarray[Any, Any]", outputs: int = 1, **more: Any) -> list["Node"]:
        """Write a node of `kind`; its outputs."""
        names = [f"{kind.lower()}_{len(self.nodes)}_{i}" for i in range(outputs)]
        single = any(x.single for x in inputs if isinstance(x, Node))
        given = [x.name if isinstance(x, Node) else self.constant(x) for x in inputs]
        self.nodes.append(helper.make_node(kind, given, names, **more))
        return [Node(self, name, single=single) for name in names]

    def constant(self, value: "np.ndarray[Any, Any]") -> str:
        """The name of a constant; equal ones are kept once."""
        key = (value.dtype.str, value.shape, value.tobytes())
        if key not in self._constants:
            name = f"constant_{len(self.initializers)}"
            self._constants[key] = name
            self.initializers.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return self._constants[key]

    def cast(self, a: "Node", to: int) -> "Node":
        """`a` as another type of `TensorProto`."""
        return Node(self, self.node("Cast", a, to=to)[0].name, single=to == TensorProto.FLOAT)

    def named(self, a: "Node", name: str) -> None:
        """Give a tensor the name of an output."""
        self.nodes.append(helper.make_node("Identity", [a.name], [name]))


class Node:
    """A tensor of the graph, with arithmetic. single: it is float32, and so are constants beside it."""

    __array_ufunc__ = None  # so that ndarray + Node asks Node

    def __init__(self, graph: Graph, name: str, *, single: bool = False) -> None:
        self.graph = graph
        self.name = name
        self.single = single

    @property
    def dtype(self) -> type[np.float32 | np.float64]:
        """Of constants beside it."""
        return np.float32 if self.single else np.float64

    def _with(self, kind: str, left: Any, right: Any) -> "Node":
        both = [x if isinstance(x, Node) else np.asarray(x, dtype=self.dtype) for x in (left, right)]
        return self.graph.node(kind, *both)[0]

    def __add__(self, other: Any) -> "Node":
        return self._with("Add", self, other)

    def __radd__(self, other: Any) -> "Node":
        return self._with("Add", other, self)

    def __sub__(self, other: Any) -> "Node":
        return self._with("Sub", self, other)

    def __rsub__(self, other: Any) -> "Node":
        return self._with("Sub", other, self)

    def __mul__(self, other: Any) -> "Node":
        return self._with("Mul", self, other)

    def __rmul__(self, other: Any) -> "Node":
        return self._with("Mul", other, self)

    def __truediv__(self, other: Any) -> "Node":
        return self._with("Div", self, other)


class GraphOps:
    """`ops.Ops` on nodes."""

    def __init__(self, graph: Graph) -> None:
        self.graph = graph

    def matmul(self, a: Node, b: Array) -> Node:
        """See `Ops`."""
        return self.graph.node("MatMul", a, np.asarray(b, dtype=a.dtype))[0]

    def concat(self, parts: Sequence[Node]) -> Node:
        """See `Ops`."""
        return self.graph.node("Concat", *parts, axis=1)[0]

    def split(self, a: Node, widths: Sequence[int]) -> list[Node]:
        """See `Ops`."""
        return self.graph.node("Split", a, np.array(widths, dtype=np.int64), outputs=len(widths), axis=1)

    def missing(self, a: Node) -> Node:
        """See `Ops`."""
        return self.graph.cast(self.graph.node("IsNaN", a)[0], TensorProto.DOUBLE)

    def filled(self, a: Node, value: Node | Array) -> Node:
        """See `Ops`."""
        return self.graph.node("Where", self.graph.node("IsNaN", a)[0], value, a)[0]

    def sqrt(self, a: Node) -> Node:
        """See `Ops`."""
        return self.graph.node("Sqrt", a)[0]

    def cos(self, a: Node) -> Node:
        """See `Ops`."""
        return self.graph.node("Cos", a)[0]

    def clip(self, a: Node, low: float, high: float) -> Node:
        """See `Ops`."""
        return self.graph.node("Clip", a, np.array(low), np.array(high))[0]

    def single(self, a: Node) -> Node:
        """See `Ops`."""
        return self.graph.cast(a, TensorProto.FLOAT)

    def double(self, a: Node) -> Node:
        """See `Ops`."""
        return self.graph.cast(a, TensorProto.DOUBLE)

    def sum_columns(self, a: Node) -> Node:
        """See `Ops`."""
        return self.graph.node("ReduceSum", a, np.array([1], dtype=np.int64), keepdims=1)[0]

    def least(self, a: Node) -> Node:
        """See `Ops`."""
        return self.graph.node("ReduceMin", a, np.array([1], dtype=np.int64), keepdims=1)[0]


def merge_twins(graph: Graph) -> None:
    """Drop nodes that say again what an earlier one said (same kind, inputs and attributes)."""
    seen: dict[tuple[str, tuple[str, ...], bytes], list[str]] = {}
    renamed: dict[str, str] = {}
    kept: list[NodeProto] = []
    for node in graph.nodes:
        inputs = [renamed.get(name, name) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
        attributes = b"".join(a.SerializeToString() for a in node.attribute)
        key = (node.op_type, tuple(inputs), attributes)
        if key in seen and node.op_type != "Identity":
            renamed.update(zip(node.output, seen[key], strict=True))
            continue
        seen[key] = list(node.output)
        kept.append(node)
    graph.nodes = kept
