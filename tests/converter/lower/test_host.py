"""The analog first part on the host: where it ends, what it costs, what it computes."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest

from snnc.converter.lower import lower
from snnc.converter.lower.host_bound import ANALOG_LIMIT
from snnc.converter.sources import SourceModel
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.errors import NeedsInputGrid, UnsupportedOperator
from tests.converter.lower.nets import check, f32, fires, from_text, sample, weights

NUMBERS = {"lo": f32(0), "hi": f32(4), "half": f32(0.5)}
WEIGHTS = {"w0": weights(3, 2, 3, 3), "w1": weights(3, 3, 3, 3, seed=2), "b0": weights(3)}
STEM = "c0 = Conv <pads: ints = [1,1,1,1]> (x, w0, b0) "
TO_COUNTS = STEM + (
    "a0 = Clip(c0, lo, hi) r0 = Round(a0) d0 = Div(r0, hi) "
    "c1 = Conv <pads: ints = [1,1,1,1]> (d0, w1) a1 = Clip(c1, lo, hi) y = Round(a1)"
)
TO_STREAM = STEM + (
    "a0 = Clip(c0, lo, hi) r0 = Round(a0) c1 = Conv <pads: ints = [1,1,1,1]> (r0, w1) "
    "s = Add(c0, c1) a1 = Clip(s, lo, hi) y = Round(a1)"
)


def net(body: str, **options: Any) -> SourceModel:
    return from_text(body, (2, 5, 6), NUMBERS | WEIGHTS, **options)


def test_analog_input_stays_on_the_host_up_to_the_first_activation() -> None:
    lowered, _ = check(net(TO_COUNTS, grid=None))
    (host,) = lowered.graph.host_ops
    assert (host.result, host.lo, host.hi, float(host.step)) == ("count", 0, 4, 0.25)
    assert host.source_tensor == "d0"
    assert host.operators == ("Conv", "Clip", "Round", "Div")
    assert host.n_macs == 5 * 6 * 3 * 2 * 9
    assert len(fires(lowered)) == 1
    assert "stays on the host; declare an input grid" in lowered.notes[0]


def test_analog_input_stays_on_the_host_up_to_the_residual_stream() -> None:
    lowered, _ = check(net(TO_STREAM, grid=None))
    (host,) = lowered.graph.host_ops
    assert (host.result, host.source_tensor) == ("value", "c0")
    assert len(fires(lowered)) == 2
    largest = np.abs(WEIGHTS["w0"]).reshape(3, -1).sum(axis=1).max() * ANALOG_LIMIT
    assert host.hi >= largest


def test_the_host_part_computes_the_source_s_own_tensor() -> None:
    source = net(TO_STREAM, grid=None)
    lowered = lower(source)
    (host,) = lowered.graph.host_ops
    x = sample(source)
    part = OnnxRunner(onnx.load_from_string(lowered.onnx[host.onnx]), ["c0"]).run(x)
    whole = OnnxRunner(onnx.load_from_string(lowered.onnx["source"]), ["c0"]).run(x)
    np.testing.assert_array_equal(part["c0"], whole["c0"])


def test_a_grid_brings_the_first_layer_on_chip_and_an_option_keeps_it_on_the_host() -> None:
    assert lower(net(TO_COUNTS)).graph.host_ops == []
    lowered, _ = check(net(TO_COUNTS), first_layer="host")
    assert len(lowered.graph.host_ops) == 1
    assert not lowered.graph.inputs[0].grid
    assert "leave --first-layer host out" in lowered.notes[0]


def test_the_first_layer_on_chip_needs_a_grid() -> None:
    with pytest.raises(NeedsInputGrid, match="analog") as caught:
        lower(net(TO_COUNTS, grid=None), first_layer="chip")
    assert "--input-range" in str(caught.value.hint)


def test_operators_without_event_form_are_fine_on_the_host() -> None:
    body = "e = Exp(x) q = Softmax(e) m = Mul(e, q) " + TO_COUNTS.replace("(x,", "(m,")
    lowered, _ = check(net(body, grid=None))
    assert set(lowered.graph.host_ops[0].operators) >= {"Exp", "Softmax", "Mul"}
    fates = {f.fate for f in lowered.fates.values()}
    assert fates == {"host", "event"} or fates == {"host", "event", "folded"}


def test_a_source_without_integer_activations_is_refused() -> None:
    with pytest.raises(UnsupportedOperator, match="does not depend on any integer activation"):
        lower(net("y = Conv(x, w0)", grid=None))


def test_unsigned_bytes_enter_as_they_are() -> None:
    from snnc.converter.sources import InputGrid

    body = "f = Cast <to: int = 1> (x) m = Div(f, full) " + TO_COUNTS.replace("(x,", "(m,")
    source = from_text(
        body,
        (2, 5, 6),
        NUMBERS | WEIGHTS | {"full": f32(255)},
        dtype="uint8",
        grid=InputGrid(lo=0, hi=255),
    )
    lowered, _ = check(source)
    assert (lowered.graph.inputs[0].lo, lowered.graph.inputs[0].hi) == (0, 255)
    first = next(iter(lowered.graph.projections.values()))
    np.testing.assert_allclose(first.map.weight, WEIGHTS["w0"].astype(float) / 255)


def test_an_analog_input_in_a_residual_stream_is_refused() -> None:
    body = TO_COUNTS.replace(" y = ", " r1 = ")
    body += " p = Conv(r1, w2) y = Add(x, p)"
    source = from_text(body, (2, 5, 6), NUMBERS | WEIGHTS | {"w2": weights(2, 3, 1, 1)}, grid=None)
    with pytest.raises(NeedsInputGrid, match="itself joins a residual stream"):
        lower(source)
