"""Quantised ONNX in QDQ form."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.lower import lower
from snnc.converter.lower.through import largest_fan_in
from snnc.converter.sources import SourceModel
from snnc.ir.arrays import Array
from tests.converter.lower.nets import check, f32, fires, from_text, model_of, weights

WEIGHT = np.random.default_rng(0).integers(-128, 128, (3, 2, 3, 3)).astype(np.int8)


def net(body: str, **more: Array) -> SourceModel:
    constants = {
        "wq": WEIGHT,
        "ws": f32([0.01, 0.02, 0.005]),
        "wz": np.zeros(3, np.int8),
        "s": f32(0.1),
        "z": np.asarray(np.int8(-20)),
        "zu": np.asarray(np.uint8(3)),
    }
    return from_text(
        "w = DequantizeLinear <axis: int = 0> (wq, ws, wz) "
        "c = Conv <pads: ints = [1,1,1,1]> (x, w) " + body,
        (2, 5, 6),
        constants | more,
    )


@pytest.mark.parametrize(("zero", "lo", "hi"), [("z", -108, 147), ("zu", -3, 252)])
def test_an_activation_travels_without_its_zero_point(zero: str, lo: int, hi: int) -> None:
    lowered, _ = check(net(f"q = QuantizeLinear(c, s, {zero}) y = DequantizeLinear(q, s, {zero})"))
    (population,) = fires(lowered)
    assert (model_of(population).lo, model_of(population).hi) == (lo, hi)
    assert float(population.step) == float(f32(0.1))
    assert population.source_tensor == "y"


def test_weights_by_channel_keep_their_grid() -> None:
    lowered, _ = check(net("q = QuantizeLinear(c, s, z) y = DequantizeLinear(q, s, z)"))
    map_ = next(iter(lowered.graph.projections.values())).map
    expected = WEIGHT * f32([0.01, 0.02, 0.005]).astype(np.float64).reshape(3, 1, 1, 1)
    np.testing.assert_array_equal(map_.weight, expected)
    assert largest_fan_in(map_) == 18


def test_a_relu_between_is_part_of_the_rule() -> None:
    lowered, _ = check(net("p = Relu(c) q = QuantizeLinear(p, s, z) y = DequantizeLinear(q, s, z)"))
    (population,) = fires(lowered)
    assert (model_of(population).lo, model_of(population).hi) == (0, 147)


def test_steps_by_channel() -> None:
    more = {"sc": f32([0.1, 0.2, 0.3]), "zc": np.zeros(3, np.int8)}
    body = (
        "q = QuantizeLinear <axis: int = 1> (c, sc, zc) "
        "d = DequantizeLinear <axis: int = 1> (q, sc, zc) y = Conv(d, v)"
    )
    lowered, _ = check(net(body, v=weights(2, 3, 1, 1), **more))
    np.testing.assert_array_equal(fires(lowered)[0].step, f32([0.1, 0.2, 0.3]).astype(float))


def test_a_sum_of_two_scales_has_both_summands_in_one_population() -> None:
    body = (
        "q = QuantizeLinear(c, s, z) d = DequantizeLinear(q, s, z) "
        "e = Conv(d, v) q2 = QuantizeLinear(e, s2, z) d2 = DequantizeLinear(q2, s2, z) "
        "t = Add(d, d2) q3 = QuantizeLinear(t, s3, z) y = DequantizeLinear(q3, s3, z)"
    )
    more = {"v": weights(3, 3, 1, 1), "s2": f32(0.07), "s3": f32(0.13)}
    lowered, _ = check(net(body, **more))
    assert len(lowered.graph.incoming(fires(lowered)[-1].name)) == 2


def test_quantised_input_without_a_grid_leaves_the_host_as_counts() -> None:
    source = from_text(
        "q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z) y = Conv(d, v)",
        (3, 5, 6),
        {"s": f32(0.1), "z": np.asarray(np.int8(-20)), "v": weights(2, 3, 1, 1)},
        grid=None,
    )
    (host,) = lower(source).graph.host_ops
    assert (host.lo, host.hi, host.n_macs) == (-108, 147, 0)
