"""Host parts that take many frames at once."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from onnx.numpy_helper import from_array

from snnc.ir.arrays import Array
from snnc.runtime.rowwise import many_rows

SHAPE = (1, 2, 3)


def part(kind: str, constant: Array) -> bytes:
    """x (1, 1, 2, 3) with a constant."""
    info = [helper.make_tensor_value_info(n, 1, [1, *SHAPE]) for n in "xy"]
    node = helper.make_node(kind, ["x", "c"], ["y"])
    graph = helper.make_graph([node], "part", info[:1], info[1:], [from_array(constant, "c")])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return model.SerializeToString()


@pytest.mark.parametrize("shape", [(), (3,), (1, 1, 1, 3)])
def test_numbers_for_themselves_take_many_rows(shape: tuple[int, ...]) -> None:
    import onnxruntime as ort

    rng = np.random.default_rng(0)
    model = part("Div", rng.random(shape).astype(np.float32) + 1)
    x = rng.random((5, *SHAPE)).astype(np.float32)
    alone = ort.InferenceSession(model)
    many = ort.InferenceSession(many_rows(model, [SHAPE]))
    expected = np.concatenate([alone.run(None, {"x": row[None]})[0] for row in x])
    np.testing.assert_array_equal(many.run(None, {"x": x})[0], expected)


@pytest.mark.parametrize(
    ("kind", "shape", "read"),
    [
        ("MatMul", (3, 3), SHAPE),  # sums
        ("Pow", (), SHAPE),  # is not rounded correctly
        ("Add", (1, 1, 1, 2, 3), SHAPE),  # has more axes than a frame
        ("Add", (), (2, 3)),  # another first axis than that of frames
    ],
)
def test_others_stay_as_they_are(kind: str, shape: tuple[int, ...], read: tuple[int, ...]) -> None:
    model = part(kind, np.ones(shape, dtype=np.float32))
    assert many_rows(model, [read]) == model


def test_what_is_no_onnx_is_left_to_the_loader() -> None:
    assert many_rows(b"nonsense", [SHAPE]) == b"nonsense"
