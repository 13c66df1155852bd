"""Operators that only move values become wiring, never neurons."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.converter.sources import SourceModel
from snnc.ir.arrays import Array
from snnc.ir.maps import Conv
from tests.converter.lower.nets import check, f32, fires, from_text, weights

FIRST = "c0 = Conv <pads: ints = [1,1,1,1]> (x, w0) a0 = Clip(c0, lo, hi) r0 = Round(a0) "
NUMBERS = {"lo": f32(0), "hi": f32(4)}
array = np.array


def net(body: str, **more: Array) -> SourceModel:
    return from_text(FIRST + body, (2, 5, 6), NUMBERS | {"w0": weights(4, 2, 3, 3)} | more)


VIEWS = {
    "flatten": ("f = Flatten(r0) y = MatMul(f, m)", {"m": weights(120, 3)}),
    "reshape": (
        "f = Reshape(r0, s) y = MatMul(f, m)",
        {"s": array([1, 4, 30]), "m": weights(30, 3)},
    ),
    "tokens": (
        "f = Reshape(r0, s) t = Transpose <perm: ints = [0,2,1]> (f) y = MatMul(t, m)",
        {"s": array([1, 4, 30]), "m": weights(4, 3)},
    ),
    "squeeze": (
        "u = Unsqueeze(r0, z) q = Squeeze(u, z) y = Conv(q, v)",
        {"z": array([0]), "v": weights(3, 4, 2, 2)},
    ),
    "slice-of-space": (
        "p = Slice(r0, st, en, ax, sp) y = Conv(p, v)",
        {
            "st": array([1, 5]),
            "en": array([5, -7]),
            "ax": array([2, 3]),
            "sp": array([2, -2]),
            "v": weights(3, 4, 2, 2),
        },
    ),
    "gather": (
        "p = Gather <axis: int = 1> (r0, i) y = Conv(p, v)",
        {"i": array([2, 0]), "v": weights(3, 2, 2, 2)},
    ),
    "zero-padding": (
        "p = Pad(r0, pp) y = Conv(p, v)",
        {"pp": array([0, 0, 1, 0, 0, 0, 2, 1]), "v": weights(3, 4, 3, 3)},
    ),
    "constant-padding": (
        "p = Pad(r0, pp, fill) y = Conv(p, v)",
        {"pp": array([0, 0, 1, 1, 0, 0, 1, 1]), "fill": array(f32(1.5)), "v": weights(3, 4, 3, 3)},
    ),
    "pixel-shuffle": (
        'p = DepthToSpace <blocksize: int = 2, mode: string = "CRD"> (r0) y = Conv(p, v)',
        {"v": weights(3, 1, 3, 3)},
    ),
    "depth-to-space": (
        "p = DepthToSpace <blocksize: int = 2> (r0) y = Conv(p, v)",
        {"v": weights(3, 1, 3, 3)},
    ),
    "space-to-depth": (
        "p = Pad(r0, pp) q = SpaceToDepth <blocksize: int = 2> (p) y = Conv(q, v)",
        {"pp": array([0, 0, 0, 0, 0, 0, 1, 0]), "v": weights(3, 16, 2, 2)},
    ),
    "expand-nothing": (
        "e = Expand(r0, s) y = Conv(e, v)",
        {"s": array([1, 4, 5, 6]), "v": weights(3, 4, 2, 2)},
    ),
}


@pytest.mark.parametrize("form", VIEWS)
def test_a_view_costs_no_neurons(form: str) -> None:
    body, more = VIEWS[form]
    lowered, _ = check(net(body, **more))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire", "accumulator"]


def test_zero_padding_becomes_the_convolution_s_own() -> None:
    body, more = VIEWS["zero-padding"]
    lowered, _ = check(net(body, **more))
    conv = list(lowered.graph.projections.values())[1]
    assert conv.gather is None
    assert isinstance(conv.map, Conv)
    assert conv.map.padding == ((1, 2), (0, 1))


def test_split_and_concat_wire_parts() -> None:
    body = (
        "p, q = Split <axis: int = 1> (r0, parts) e = Conv(q, v) a1 = Clip(e, lo, hi) "
        "r1 = Round(a1) k = Concat <axis: int = 1> (p, r1, one) y = Conv(k, u)"
    )
    more = {"parts": array([3, 1]), "v": weights(2, 1, 1, 1), "u": weights(2, 6, 3, 3)}
    lowered, _ = check(net(body, one=f32(np.ones((1, 1, 5, 6))), **more))
    last = lowered.graph.populations[-1]
    into = lowered.graph.incoming(last.name)
    assert [p.map.in_shape for p in into] == [(3, 5, 6), (2, 5, 6)]
    assert last.bias.shape in ((2,), (2, 3, 4))


def test_an_activation_behind_a_concat_of_counts_is_one_population() -> None:
    body = (
        "e = Conv(r0, v) a1 = Clip(e, lo, hi) r1 = Round(a1) k = Concat <axis: int = 1> (r0, r1) "
        "n = BatchNormalization(k, g, bb, m, va) a2 = Clip(n, lo, hi) y = Round(a2)"
    )
    more = {"v": weights(2, 4, 1, 1), "g": weights(6), "bb": weights(6), "m": weights(6)}
    lowered, _ = check(net(body, va=f32([1.0] * 6), **more))
    last = fires(lowered)[-1]
    assert last.shape == (6, 5, 6)
    assert len(lowered.graph.incoming(last.name)) == 2


def test_concat_before_an_activation_reads_accumulators() -> None:
    body = (
        "e = Conv(r0, v) f = Conv(r0, u) k = Concat <axis: int = 1> (e, f) "
        "a2 = Clip(k, lo, hi) y = Round(a2)"
    )
    lowered, _ = check(net(body, v=weights(2, 4, 1, 1), u=weights(3, 4, 1, 1, seed=2)))
    assert [p.model.kind for p in lowered.graph.populations] == [
        "float-fire",
        "accumulator",
        "accumulator",
        "float-fire",
    ]


def test_a_batch_norm_between_two_transposes_folds() -> None:
    """Spiking transformers write norm(linear(x).transpose).transpose."""
    body = (
        "f = Reshape(r0, s) t = Transpose <perm: ints = [0,2,1]> (f) l = MatMul(t, m) "
        "u = Transpose <perm: ints = [0,2,1]> (l) n = BatchNormalization(u, g, bb, mm, va) "
        "w = Transpose <perm: ints = [0,2,1]> (n) a1 = Clip(w, lo, hi) y = Round(a1)"
    )
    more = {"g": weights(3), "bb": weights(3), "mm": weights(3), "va": f32([1.0] * 3)}
    lowered, _ = check(net(body, s=array([1, 4, 30]), m=weights(4, 3), **more))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire", "float-fire"]


def test_an_activation_behind_a_transpose_fires_where_the_layer_computes() -> None:
    body = (
        "e = Conv(r0, v) f = Reshape(e, s) t = Transpose <perm: ints = [0,2,1]> (f) "
        "a1 = Clip(t, lo, hi) r1 = Round(a1) d = Div(r1, hi) y = MatMul(d, m)"
    )
    more = {"v": weights(3, 4, 1, 1), "s": array([1, 3, 30]), "m": weights(3, 2)}
    lowered, _ = check(net(body, **more))
    assert [p.model.kind for p in lowered.graph.populations] == [
        "float-fire",
        "float-fire",
        "accumulator",
    ]


@pytest.mark.parametrize("mode", ["CRD", "DCR"])
def test_an_activation_behind_a_pixel_shuffle_is_one_of_the_small_channels(mode: str) -> None:
    """Upsampling networks write conv, shuffle, activation."""
    body = (
        f'e = Conv(r0, v) p = DepthToSpace <blocksize: int = 2, mode: string = "{mode}"> (e) '
        "z = Mul(p, sc) a1 = Clip(z, lo, hi) y = Round(a1)"
    )
    scale = f32([1, 0.5]).reshape(2, 1, 1)
    lowered, _ = check(net(body, v=weights(8, 4, 1, 1), sc=scale))
    assert fires(lowered)[-1].shape == (2, 10, 12)


def test_scales_by_channel_behind_a_transpose_read_an_accumulator() -> None:
    body = (
        "e = Conv(r0, v) t = Transpose <perm: ints = [0,2,3,1]> (e) z = Mul(t, sc) "
        "a1 = Clip(z, lo, hi) y = Round(a1)"
    )
    lowered, _ = check(net(body, v=weights(3, 4, 1, 1), sc=f32([1, 0.5, 2])))
    assert [p.model.kind for p in lowered.graph.populations] == [
        "float-fire",
        "accumulator",
        "float-fire",
    ]
    assert fires(lowered)[-1].channel_axis == 2


ACTIVATIONS = (
    "a1 = Clip(p, lo, hi) r1 = Round(a1) a2 = Clip(q, lo, hi) r2 = Round(a2) y = Add(r1, r2)"
)


def test_parts_of_a_convolution_are_layers_of_their_own() -> None:
    body = "e = Conv(r0, v, b) p, q = Split <axis: int = 1> (e, parts) " + ACTIVATIONS
    more = {"v": weights(4, 4, 3, 3), "b": weights(4), "parts": np.array([2, 2])}
    lowered, _ = check(net(body, **more))
    assert [p.model.kind for p in lowered.graph.populations] == [
        *["float-fire"] * 3,
        "accumulator",
    ]


def test_parts_of_a_matrix_product_are_layers_of_their_own() -> None:
    """The q, k and v of a transformer come from one layer."""
    body = (
        "f = Reshape(r0, s) t = Transpose <perm: ints = [0,2,1]> (f) m = MatMul(t, v) "
        "l = Add(m, b) p, q = Split <axis: int = 2> (l, parts) "
    )
    more = {"v": weights(4, 6), "b": weights(6), "s": np.array([1, 4, 30])}
    lowered, _ = check(net(body + ACTIVATIONS, parts=np.array([3, 3]), **more))
    assert [p.model.kind for p in lowered.graph.populations].count("accumulator") == 1


def test_padding_is_no_channel_of_a_layer() -> None:
    """One position for each channel: a padded element must not take another one's weights."""
    body = "e = Conv <strides: ints = [5,6]> (r0, v) y = Pad(e, pads)"
    pads = np.array([0, 0, 0, 0, 0, 0, 1, 1])
    lowered, _ = check(net(body, v=weights(2, 4, 3, 3), pads=pads))
    assert [p.model.kind for p in lowered.graph.populations][-1] == "accumulator"


def test_positions_of_a_layer_read_an_accumulator() -> None:
    body = "e = Conv(r0, v) p, q = Split <axis: int = 3> (e, parts) " + ACTIVATIONS
    lowered, _ = check(net(body, v=weights(4, 4, 1, 1), parts=np.array([3, 3])))
    assert [p.model.kind for p in lowered.graph.populations].count("accumulator") == 2


def test_parts_of_a_grouped_convolution_read_an_accumulator() -> None:
    body = "e = Conv <group: int = 2> (r0, v) p, q = Split <axis: int = 1> (e, parts) "
    lowered, _ = check(net(body + ACTIVATIONS, v=weights(4, 2, 1, 1), parts=np.array([2, 2])))
    assert [p.model.kind for p in lowered.graph.populations].count("accumulator") == 2


def test_a_convolution_behind_an_enlargement_reads_the_small_map() -> None:
    """Nearest neighbours: taps that meet one pixel add up, and nothing is repeated."""
    body = (
        'u = Resize <mode = "nearest", coordinate_transformation_mode = "asymmetric", '
        'nearest_mode = "floor"> (r0, , s) y = Conv <pads = [1, 1, 1, 1]> (u, v)'
    )
    lowered, _ = check(net(body, s=f32([1, 1, 2, 3]), v=weights(3, 4, 3, 3)))
    assert [p.model.kind for p in lowered.graph.populations] == ["float-fire", "accumulator"]
    (into,) = lowered.graph.incoming(lowered.graph.populations[-1].name)
    assert isinstance(into.map, Conv)
    assert into.map.kernel == (4, 5)
    assert into.map.out_shape == (3, 10, 18)
