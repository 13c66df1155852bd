"""Operators that only move values."""

from __future__ import annotations

import numpy as np

from tests.converter.lower.nets import f32, weights
from tests.converter.operators.examples import Example, ints

_CONV = " y = Conv(p, v)"


def _then(body: str, n_channels: int, /, **constants: object) -> Example:
    """Something that moves counts, and a layer behind it."""
    arrays = {name: np.asarray(value) for name, value in constants.items()}
    return Example(f"p = {body} y = Conv(p, v)", {"v": weights(3, n_channels, 2, 2), **arrays})


_EVERY = ints(0, 0, 1, 2, 0, 0, 2, 1)

EXAMPLES = {
    "CenterCropPad": [_then("CenterCropPad <axes=[2, 3]> (k, s)", 4, s=ints(4, 8))],
    "Concat": [
        _then("Concat <axis=1> (k, k, one)", 9, one=f32(np.ones((1, 1, 5, 6)))),
        _then("Concat <axis=2> (k, x2) ", 4, x2=f32(np.ones((1, 4, 1, 6)))),
    ],
    "DepthToSpace": [
        _then('DepthToSpace <blocksize=2, mode="CRD"> (k)', 1),
        _then("DepthToSpace <blocksize=2> (k)", 1),
    ],
    "Expand": [
        Example(
            "m = ReduceMean(k, a) p = Expand(m, s) y = Conv(p, v)",
            {"a": ints(2), "s": ints(1, 4, 3, 6), "v": weights(3, 4, 2, 2)},
        ),
    ],
    "Flatten": [Example("p = Flatten(k) y = MatMul(p, v)", {"v": weights(120, 3)})],
    "Gather": [
        _then("Gather <axis=1> (k, i)", 2, i=ints(2, 0)),
        _then("Gather <axis=1> (k, i)", 3, i=ints(1, -1, 1)),
        Example(
            "m = Conv(k, v) y = Gather <axis=1> (m, i)",
            {"v": weights(3, 4, 1, 1), "i": ints(2, 2, 0)},
        ),
    ],
    "GatherElements": [
        _then("GatherElements <axis=2> (k, i)", 4, i=np.arange(72).reshape(1, 4, 3, 6) % 5)
    ],
    "GatherND": [
        Example(
            "p = GatherND(k, i) f = Flatten <axis=0> (p) y = MatMul(f, v)",
            {"i": np.array([[0, 1, 2], [0, 3, 0], [0, 1, 2]]), "v": weights(18, 3)},
        )
    ],
    "Pad": [
        _then("Pad(k, n)", 4, n=_EVERY),
        _then("Pad(k, n, f)", 4, n=_EVERY, f=f32(1.5)),
        _then("Pad(k, n)", 4, n=ints(0, 0, -1, 2, 0, 0, 2, -1)),
        _then('Pad <mode="reflect"> (k, n)', 4, n=_EVERY),
        _then('Pad <mode="edge"> (k, n)', 4, n=_EVERY),
        Example(
            'p = Pad <mode="wrap"> (k, n) y = Conv(p, v)',
            {"n": _EVERY, "v": weights(3, 4, 2, 2)},
            opset=19,
        ),
        _then("Pad(k, n, f, a)", 4, n=ints(1, 2), f=f32(0), a=ints(-1)),
    ],
    "Reshape": [
        Example("p = Reshape(k, s) y = MatMul(p, v)", {"s": ints(1, 4, 30), "v": weights(30, 3)})
    ],
    "ReverseSequence": [_then("ReverseSequence <batch_axis=0, time_axis=1> (k, n)", 4, n=ints(3))],
    "Resize": [
        _then(
            'Resize <mode="nearest", coordinate_transformation_mode="asymmetric", '
            'nearest_mode="floor"> (k, , s)',
            4,
            s=f32([1, 1, 2, 2]),
        ),
        _then('Resize <mode="nearest"> (k, , , z)', 4, z=ints(1, 4, 8, 13)),
        _then(
            'Resize <mode="nearest", coordinate_transformation_mode="align_corners", '
            'nearest_mode="ceil"> (k, , s)',
            4,
            s=f32([1, 1, 1.7, 0.6]),
        ),
        *(
            _then(
                f'Resize <mode="linear", coordinate_transformation_mode="{c}"> (k, , s)',
                4,
                s=f32([1, 1, 2, 1.5]),
            )
            for c in (
                "half_pixel",
                "pytorch_half_pixel",
                "align_corners",
                "asymmetric",
                "half_pixel_symmetric",
            )
        ),
        _then(
            'Resize <mode="cubic", cubic_coeff_a=-0.75> (k, , , z)',
            4,
            z=ints(1, 4, 8, 9),
        ),
        _then('Resize <mode="linear", axes=[3]> (k, , s)', 4, s=f32([2])),
    ],
    "ScatterND": [
        _then(
            "ScatterND(z, i, k)",
            8,
            i=[[[0, 5], [0, 2], [0, 7], [0, 0]]],
            z=f32(np.ones((1, 8, 5, 6))),
        ),
        _then("ScatterND(k, i, u)", 4, i=[[0, 1]], u=f32(np.ones((1, 5, 6)))),
        Example(
            "p = Pad(k, n) q = ScatterND(p, i, u) y = Conv(q, v)",
            {
                "n": ints(0, 0, 0, 0, 0, 0, 1, 0),
                "i": np.array([[0, c, 5, 2] for c in range(4)]),
                "u": f32([1, 2, 3, 4]),
                "v": weights(3, 4, 2, 2),
            },
        ),
    ],
    "ScatterElements": [
        Example(
            "c = Conv(k, v) r = ReduceSum(k, a) "
            "p = ScatterElements <axis = 1> (c, i, r) y = Conv(p, u)",
            {
                "v": weights(3, 4, 1, 1),
                "a": ints(1),
                "i": np.ones((1, 1, 5, 6), dtype=np.int64),
                "u": weights(2, 3, 2, 2),
            },
        ),
        _then(
            "ScatterElements <axis = 1> (z, i, k)",
            4,
            z=f32(np.zeros((1, 4, 5, 6))),
            i=np.broadcast_to(np.arange(4)[:, None, None], (1, 4, 5, 6)),
        ),
        _then("ScatterElements <axis=2> (k, i, u)", 4, i=[[[[2, 3]]]], u=f32([[[[9, 8]]]])),
        _then(
            'ScatterElements <axis=1, reduction="add"> (k, i, u)',
            4,
            i=[[[[3]], [[3]]]],
            u=f32([[[[9]], [[2]]]]),
        ),
    ],
    "Slice": [
        _then("Slice(k, s, e, a, t)", 4, s=ints(1, 5), e=ints(5, -7), a=ints(2, 3), t=ints(2, -2)),
        _then("Slice(k, s, e, a)", 2, s=ints(-3), e=ints(-1), a=ints(1)),
    ],
    "SpaceToDepth": [
        Example(
            "p = Pad(k, n) q = SpaceToDepth <blocksize=2> (p) y = Conv(q, v)",
            {"n": ints(0, 0, 0, 0, 0, 0, 1, 0), "v": weights(3, 16, 2, 2)},
        )
    ],
    "Split": [
        Example(
            "p, q = Split <axis=1> (k, n) a = Conv(p, v) b = Conv(q, u) y = Add(a, b)",
            {"n": ints(3, 1), "v": weights(3, 3, 2, 2), "u": weights(3, 1, 2, 2)},
        )
    ],
    "Squeeze": [
        Example(
            "m = ReduceSum(k, a) p = Squeeze(m, a) y = MatMul(p, v)",
            {"a": ints(2), "v": weights(6, 3)},
        )
    ],
    "Tile": [_then("Tile(k, n)", 8, n=ints(1, 2, 1, 3))],
    "Transpose": [_then("Transpose <perm=[0, 2, 3, 1]> (k)", 5)],
    "Trilu": [
        _then("Trilu(k)", 4),
        _then("Trilu <upper=0> (k, d)", 4, d=np.array(-1)),
    ],
    "Unsqueeze": [
        Example(
            "p = Unsqueeze(k, a) q = Squeeze(p, a) y = Conv(q, v)",
            {"a": ints(0), "v": weights(3, 4, 2, 2)},
        )
    ],
}
