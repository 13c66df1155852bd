"""Sums of branches: one population where a sum is used once, an accumulator where it streams."""

from __future__ import annotations

from snnc.converter.sources import SourceModel
from snnc.ir.arrays import Array
from snnc.ir.maps import Identity
from tests.converter.lower.nets import check, f32, fires, from_text, weights

FIRST = "c0 = Conv <pads: ints = [1,1,1,1]> (x, w0) a0 = Clip(c0, lo, hi) r0 = Round(a0) "
NUMBERS = {"lo": f32(0), "hi": f32(4)}


def net(body: str, **more: Array) -> SourceModel:
    given = {"w0": weights(3, 2, 3, 3), "w1": weights(3, 3, 3, 3, seed=2)}
    return from_text(FIRST + body, (2, 5, 6), NUMBERS | given | more)


def test_a_sum_used_once_is_one_population_with_several_projections() -> None:
    body = (
        "c1 = Conv <pads: ints = [1,1,1,1]> (r0, w1) s = Add(c1, r0) "
        "a1 = Clip(s, lo, hi) y = Round(a1)"
    )
    lowered, _ = check(net(body))
    last = fires(lowered)[-1]
    assert sorted(p.map.kind for p in lowered.graph.incoming(last.name)) == ["conv", "identity"]
    assert len(lowered.graph.populations) == 2


def test_a_stream_is_an_accumulator_with_skip_weights_of_one() -> None:
    body = (
        "c1 = Conv <pads: ints = [1,1,1,1]> (r0, w1) s1 = Add(c1, r0) "
        "a1 = Clip(s1, lo, hi) r1 = Round(a1) c2 = Conv <pads: ints = [1,1,1,1]> (r1, w1) "
        "s2 = Add(s1, c2) a2 = Clip(s2, lo, hi) r2 = Round(a2) "
        "c3 = Conv <pads: ints = [1,1,1,1]> (r2, w1) y = Add(s2, c3)"
    )
    lowered, _ = check(net(body))
    streams = [p for p in lowered.graph.populations if p.model.kind == "accumulator"]
    assert [p.source_tensor for p in streams] == ["s1", "s2", "y"]
    for stream in streams[1:]:
        skips = [p for p in lowered.graph.incoming(stream.name) if isinstance(p.map, Identity)]
        assert [float(p.map.weight) for p in skips] == [1.0]


def test_a_layer_used_twice_is_computed_once() -> None:
    body = (
        "c1 = Conv <pads: ints = [1,1,1,1]> (r0, w1) a1 = Clip(c1, lo, hi) r1 = Round(a1) "
        "n = Neg(c1) a2 = Clip(n, lo, hi) r2 = Round(a2) y = Add(r1, r2)"
    )
    lowered, _ = check(net(body))
    convs = [p for p in lowered.graph.projections.values() if p.map.kind == "conv"]
    assert len(convs) == 2


def test_a_batch_norm_on_a_stream_stays_in_the_rule() -> None:
    body = (
        "c1 = Conv <pads: ints = [1,1,1,1]> (r0, w1) s = Add(c1, r0) "
        "n = BatchNormalization(s, g, bb, m, v) a1 = Clip(n, lo, hi) r1 = Round(a1) "
        "y = Add(s, r1)"
    )
    more = {
        "g": f32([1, -2, 0.5]),
        "bb": f32([0.1, 0.2, 0.3]),
        "m": f32([0, 1, 0]),
        "v": f32([1, 2, 1]),
    }
    lowered, _ = check(net(body, **more))
    (stream_to_fire,) = lowered.graph.incoming(fires(lowered)[-1].name)
    assert set(stream_to_fire.map.weight.tolist()) == {1.0, -1.0}


def test_a_layer_on_a_sum_of_counts_reads_an_accumulator() -> None:
    body = (
        "c1 = Conv <pads: ints = [1,1,1,1]> (r0, w1) a1 = Clip(c1, lo, hi) r1 = Round(a1) "
        "s = Add(r0, r1) c2 = Conv <pads: ints = [1,1,1,1]> (s, w1) "
        "a2 = Clip(c2, lo, hi) y = Round(a2)"
    )
    lowered, _ = check(net(body))
    assert [p.model.kind for p in lowered.graph.populations] == [
        "float-fire",
        "float-fire",
        "accumulator",
        "float-fire",
    ]


def test_subtraction() -> None:
    body = (
        "c1 = Conv <pads: ints = [1,1,1,1]> (r0, w1) s = Sub(c1, r0) "
        "a = Clip(s, lo, hi) y = Round(a)"
    )
    check(net(body))


def test_an_output_of_counts_is_read_from_its_population() -> None:
    lowered, _ = check(net("y = Identity(r0)"))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire"]


def test_an_output_with_unequal_steps_is_read_from_an_accumulator() -> None:
    s = f32([0.5, 1, 2]).reshape(3, 1, 1)
    lowered, _ = check(net("y = Mul(r0, s)", s=s))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire", "accumulator"]
