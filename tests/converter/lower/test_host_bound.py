"""The bound on host values is sound."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from snnc.converter.lower.host_bound import ANALOG_LIMIT, largest_magnitude
from snnc.converter.lower.rewrite import rewrite
from snnc.converter.sources.model import HeldState, InputDeclaration, SourceModel
from snnc.converter.sources.normalise import normalise
from snnc.converter.sources.onnxrun import OnnxRunner
from tests.close import close
from tests.converter.lower.nets import f32, from_text, weights

BODIES = {
    "conv": "y = Conv(x, w, b)",
    "batch-norm": "c = Conv(x, w) y = BatchNormalization(c, b, b2, b, v)",
    "arithmetic": "a = Mul(x, s) c = Sub(a, s) d = Div(c, s) n = Neg(d) y = Add(n, x)",
    "matrix": "f = Flatten(x) y = MatMul(f, m)",
    "gemm": "f = Flatten(x) y = Gemm <transB: int = 1, alpha: float = 3.0> (f, mt, b4)",
    "shapes": "p = AveragePool <kernel_shape: ints = [2,2]> (x) r = Relu(p) y = Clip(r, lo, hi)",
}
CONSTANTS = {
    "w": weights(3, 2, 3, 3),
    "b": weights(3),
    "b2": weights(3, seed=2),
    "v": f32([0.5, 1, 2]),
    "s": f32(0.3),
    "m": weights(60, 4),
    "mt": weights(4, 60),
    "b4": weights(4),
    "lo": f32(-2),
    "hi": f32(1e6),
}


@pytest.mark.parametrize("form", BODIES)
def test_no_value_passes_it(form: str) -> None:
    source = from_text(BODIES[form], (2, 5, 6), CONSTANTS, grid=None)
    bound = largest_magnitude(rewrite(source), "y")
    rng = np.random.default_rng(0)
    runner = OnnxRunner(source.onnx)
    for _ in range(20):
        x = rng.choice([-ANALOG_LIMIT, ANALOG_LIMIT], (1, 2, 5, 6)).astype(np.float32)
        (y,) = runner.outputs({"x": x})
        assert np.abs(y).max() <= bound * (1 + 1e-6)


def test_what_is_not_known_gets_a_wide_bound() -> None:
    source = from_text("y = Log(x)", (2,), grid=None)
    assert largest_magnitude(rewrite(source), "y") == 2.0**24


def held(decay: list[float]) -> SourceModel:
    """m = decay * m + tanh(x), kept by the host."""
    model = onnx.parser.parse_model(
        '<ir_version: 9, opset_import: ["" : 18]> net (float[1,2] x, float[1,2] m) => '
        "(float[1,2] next, float[1,2] kept) { kept = Mul(m, d) t = Tanh(x) next = Add(kept, t) }"
    )
    model.graph.initializer.append(numpy_helper.from_array(f32(decay), "d"))
    return SourceModel(
        name="net",
        onnx=normalise(model, "net"),
        inputs=(InputDeclaration(name="x", shape=(2,), dtype="float32", grid=None),),
        outputs=("next",),
        module_paths={},
        states=(HeldState(taken="m", given="next", index=0, initial=np.zeros((1, 2))),),
    )


def test_a_state_that_fades_is_bounded_for_ever() -> None:
    decay, m = np.array([0.75, -0.5]), np.zeros(2)
    bound = largest_magnitude(rewrite(held(decay.tolist())), "next")
    for _ in range(100):
        m = decay * m + np.sign(decay * m + (m == 0))
    assert m.max() == close(4)
    assert m.max() <= bound <= 4.001


@pytest.mark.parametrize("decay", [1.0, 1.5])
def test_a_state_that_stays_gets_a_wide_bound(decay: float) -> None:
    view = rewrite(held([decay, 0.5]))
    assert largest_magnitude(view, "kept") == 2.0**24
