"""The pass `frames` operator by operator: T frames at once against one frame after the other."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import parser

from snnc.converter.sources.frames.apply import per_frame
from snnc.converter.sources.frames.eager import gathered
from snnc.converter.sources.frames.layout import FrameLayout
from snnc.converter.sources.model import SourceOptions
from snnc.converter.sources.normalise import normalise
from snnc.converter.sources.onnxrun import FrameRunner, OnnxRunner
from snnc.ir.arrays import Array
from snnc.ir.errors import FramesMeet, ShapeMismatch

T = 3
HEADER = '<ir_version: 8, opset_import: ["" : 18]>'
W = "<float[4,5] w = {" + ",".join(str((i * 7) % 11 - 5) for i in range(20)) + "}>"


def _model(signature: str, body: str, constants: str = "") -> onnx.ModelProto:
    text = f"{HEADER} net ({signature}) => (float[?] y) {constants} {{ {body} }}"
    model = parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    return normalise(model, "net")


def _one(
    model: onnx.ModelProto, axis: int | None, frames: int = T
) -> tuple[onnx.ModelProto, FrameLayout]:
    options = SourceOptions(frames=frames, time_axis=axis)
    one, layout, n = per_frame(model, options, {}, "net")
    assert n == T
    assert layout is not None
    return one, layout


def _both(model: onnx.ModelProto, axis: int) -> tuple[list[Array], list[Array], FrameLayout]:
    """The output's frames (or its reduction) over all frames, and frame by frame."""
    one, layout = _one(model, axis)
    (given,) = one.graph.input
    dims = [d.dim_value for d in given.type.tensor_type.shape.dim]
    rng = np.random.default_rng(0)
    calls = [{"x": rng.normal(size=dims).astype(np.float32)} for _ in range(T)]
    whole = OnnxRunner(model).outputs(gathered(layout, calls))[0]
    found = FrameRunner(one).outputs(calls)[0]
    if layout.outputs[0] is None:
        reduced = found.sum(axis=0) if layout.reductions[0] == "sum" else found.mean(axis=0)
        return [whole.reshape(-1)], [reduced.reshape(-1)], layout
    parts = np.split(whole, T, axis=layout.outputs[0])
    return [p.reshape(-1) for p in parts], [f.reshape(-1) for f in found], layout


CASES = {
    "matmul": ("float[3,1,4] x", "y = MatMul(x, w)", W, 0),
    "batch-first": ("float[1,3,4] x", "y = MatMul(x, w)", W, 1),
    "merged": (
        "float[3,1,4] x",
        "a = Reshape(x, s) b = Gemm(a, w) y = Reshape(b, t)",
        W[:-1] + ", int64[2] s = {3,4}, int64[3] t = {3,1,5}>",
        0,
    ),
    "moved": (
        "float[3,1,4] x",
        "a = Transpose<perm=[1,2,0]>(x) b = Relu(a) y = Transpose<perm=[2,0,1]>(b)",
        "",
        0,
    ),
    "constant-for-every-frame": (
        "float[3,1,4] x",
        "y = Add(x, c)",
        "<float[3,1,4] c = {1,2,3,4,1,2,3,4,1,2,3,4}>",
        0,
    ),
    "spikes-that-differ-by-frame": (
        "float[3,1,4] x",
        "y = Add(x, c)",
        "<float[3,1,4] c = {0.5,0,0,0,0,0.5,0,1.5,0,0,0,0}>",
        0,
    ),
    "reals-that-differ-by-frame": (
        "float[3,1,4] x",
        "a = Slice(x, b, e, d) y = Add(a, c)",
        "<float[3,1,1] c = {1.5,-2.25,0.7}, int64[1] b = {0}, int64[1] e = {2}, int64[1] d = {2}>",
        0,
    ),
    "mean": (
        "float[3,1,4] x",
        "m = ReduceMean<keepdims=0>(x, a) y = Gemm(m, w, c)",
        W[:-1] + ", int64[1] a = {0}, float[5] c = {1,2,3,4,5}>",
        0,
    ),
    "sum-with-bias": (
        "float[3,1,4] x",
        "m = ReduceSum<keepdims=0>(x, a) y = Gemm(m, w, c)",
        W[:-1] + ", int64[1] a = {0}, float[5] c = {1,2,3,4,5}>",
        0,
    ),
    "constant-minus-sum": (
        "float[3,1,4] x",
        "m = ReduceSum<keepdims=0>(x, a) y = Sub(c, m)",
        "<int64[1] a = {0}, float[4] c = {1,2,3,4}>",
        0,
    ),
    "sum-beside-constant": (
        "float[3,1,4] x",
        "m = ReduceSum<keepdims=0>(x, a) y = Concat<axis=1>(m, c)",
        "<int64[1] a = {0}, float[1,2] c = {1,2}>",
        0,
    ),
    "mean-over-space-too": (
        "float[3,1,4] x",
        "y = ReduceMean<keepdims=1>(x, a)",
        "<int64[2] a = {0,2}>",
        0,
    ),
    "loop": (
        "float[3,1,4] x",
        "a0 = Gather(x, i0) a1 = Gather(x, i1) a2 = Gather(x, i2) b0 = Gemm(a0, w) "
        "b1 = Gemm(a1, w) b2 = Gemm(a2, w) s = Add(b0, b1) u = Add(s, b2) y = Div(u, n)",
        W[:-1] + ", int64 i0 = {0}, int64 i1 = {1}, int64 i2 = {2}, float n = {3}>",
        0,
    ),
    "loop-and-stack": (
        "float[3,1,4] x",
        "a0, a1, a2 = Split<num_outputs=3>(x) b0 = Relu(a0) b1 = Relu(a1) b2 = Relu(a2) "
        "y = Concat<axis=0>(b0, b1, b2)",
        "",
        0,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_one_frame_after_the_other_is_all_frames_at_once(name: str) -> None:
    signature, body, constants, axis = CASES[name]
    whole, found, _ = _both(_model(signature, body, constants), axis)
    for a, b in zip(whole, found, strict=True):
        assert np.allclose(a, b, atol=1e-5)


def test_a_loop_becomes_one_operator() -> None:
    signature, body, constants, axis = CASES["loop"]
    one, layout = _one(_model(signature, body, constants), axis)
    assert [n.op_type for n in one.graph.node] == ["Gather", "Gemm"]
    assert layout.reductions == ("mean",)


MEETING = {
    "softmax-over-time": ("y = Softmax<axis=0>(x)", "", "holds the frames"),
    "attention-over-time": (
        "a = Reshape(x, s) b = Transpose<perm=[1,0]>(a) y = MatMul(a, b)",
        "<int64[2] s = {3,4}>",
        "every frame is multiplied",
    ),
    "max-over-time": ("y = ReduceMax(x, a)", "<int64[1] a = {0}>", "reduces the time axis"),
    "torn": ("y = Reshape(x, s)", "<int64[3] s = {2,1,6}>", "tears axis 0"),
    "cumulative": ("y = CumSum(x, a)", "<int64 a = {0}>", "is not followed"),
    "behind-a-mean": (
        "m = ReduceMean(x, a) y = Relu(m)",
        "<int64[1] a = {0}>",
        "not linear",
    ),
    "neighbours": (
        "a = Gather(x, i) b = Gather(x, j) y = Mul(a, b)",
        "<int64 i = {0}, int64 j = {1}>",
        "frames 0, 1 are joined",
    ),
    "last": ("y = Gather(x, i)", "<int64 i = {2}>", "read at frame 2 alone"),
    "some": (
        "a = Gather(x, i) b = Gather(x, j) y = Add(a, b)",
        "<int64 i = {0}, int64 j = {1}>",
        "sum over 2 of its 3 frames",
    ),
}


@pytest.mark.parametrize("name", MEETING)
def test_frames_that_meet_are_an_error(name: str) -> None:
    body, constants, message = MEETING[name]
    with pytest.raises(FramesMeet, match=message):
        _one(_model("float[3,1,4] x", body, constants), 0)


def test_frames_have_to_fit_the_example() -> None:
    with pytest.raises(ShapeMismatch, match="no input has 5 frames along axis 0"):
        _one(_model("float[3,1,4] x", "y = Relu(x)"), 0, frames=5)
