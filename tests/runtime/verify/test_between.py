"""Values that PyTorch does not have, from those it has."""

from __future__ import annotations

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from snnc.runtime.verify.between import Between


def test_only_the_operators_in_between_run() -> None:
    nodes = [
        helper.make_node("Mul", ["x", "three"], ["a"]),
        helper.make_node("Round", ["a"], ["r"]),
        helper.make_node("Div", ["r", "three"], ["d"]),
        helper.make_node("Neg", ["d"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, (1, 2))],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 2))],
        [numpy_helper.from_array(np.array(3.0, np.float32), "three")],
        value_info=[
            helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 2)) for n in ("a", "r", "d")
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)
    between = Between(model, ["d"], ["a", "y"])
    assert between.needed == frozenset({"a"})
    # the given `a` counts, not what x would make it
    found = between.run({"x": np.zeros((1, 2)), "a": np.array([[3.4, 5.0]], np.float32)})
    assert found["d"].tolist() == [[1.0, np.float32(5.0) / np.float32(3.0)]]
    assert Between(model, [], ["a"]).run({}) == {}
