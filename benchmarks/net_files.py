"""`.net` files written with h5py alone: what benchmarks compare beside Intel's own networks."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import h5py
import numpy as np

from snnc.ir.arrays import IntArray

Layer: TypeAlias = Mapping[str, Any]

SDNN: Layer = {"neuron/type": "SDNN", "neuron/vThMant": 3}


def cuba(current: int, voltage: int, threshold: int = 20) -> Layer:
    """A neuron whose current and membrane lose these shares, in 1/4096, each step."""
    return {
        "neuron/type": "CUBA",
        "neuron/iDecay": current,
        "neuron/vDecay": voltage,
        "neuron/vThMant": threshold,
    }


def write_net(path: Path, *layers: Layer) -> Path:
    """A `.net` file; `neuron/…` are the parts of a layer's neuron."""
    with h5py.File(path, "w") as file:
        for i, layer in enumerate(layers):
            for key, value in layer.items():
                file[f"layer/{i}/{key}"] = np.bytes_(value) if isinstance(value, str) else value
    return path


def dense(weight: IntArray, neuron: Layer, **more: Any) -> Layer:
    """All to all, weight (out, in)."""
    shape = np.array([len(weight)])
    return {"type": "dense", "shape": shape, "weight": weight, **neuron, **more}


def conv(weight: IntArray, shape: tuple[int, ...], neuron: Layer, **more: Any) -> Layer:
    """A convolution, weight (out, in / groups, y, x), to `shape` (C, H, W)."""
    how = {"stride": 1, "padding": 0, "dilation": 1, "groups": 1, **more}
    return {"type": "conv", "shape": np.array(shape), "weight": weight, **neuron, **how}


def entering(shape: tuple[int, ...], neuron: Layer | None = None) -> Layer:
    """An input layer."""
    return {"type": "input", "shape": np.array(shape), **(neuron or {})}


def small_nets() -> dict[str, tuple[Layer, ...]]:
    """Networks of a few neurons for each thing that the format can say."""
    rng = np.random.default_rng(9)

    def even(*shape: int, most: int = 60) -> IntArray:
        return rng.integers(-most, most + 1, shape) * 2

    leaky, delays = cuba(1024, 128), rng.integers(0, 5, (2, 12))
    again = {"type": "dense_rec", "weight_rec": even(12, 12)}
    flat = {"type": "flatten", "shape": np.array([96])}
    bias, halved = rng.integers(-9, 9, 8), {"stride": 2, "padding": 1}
    first = conv(even(6, 2, 3, 3), (6, 4, 4), leaky, bias=bias[:6], **halved)
    grouped = conv(even(6, 3, 2, 2), (6, 4, 4), leaky, dilation=2, padding=1, groups=2)
    told = conv(even(6, 2, 3, 3, most=9), (6, 4, 4), SDNN, bias=bias[:6], **halved)
    sums = {**SDNN, "neuron/sigma_output": True}
    last = dense(even(5, 96, most=9), sums)
    return {
        "decays": (dense(even(12, 20), leaky), dense(even(6, 12), cuba(300, 1))),
        "recurrent": ({**dense(even(12, 20), leaky), **again}, dense(even(6, 12), leaky)),
        "delays": (
            dense(even(12, 20), leaky, delay=delays[0]),
            dense(even(6, 12), leaky, delay=delays[1]),
        ),
        "one sign": (dense(even(12, 20), leaky), dense(abs(even(6, 12)), leaky)),
        "conv": (entering((2, 8, 8)), first, grouped, flat, dense(even(5, 96), leaky)),
        "sigma-delta": (
            entering((10,), SDNN),
            dense(even(8, 10, most=9), SDNN, bias=bias),
            dense(even(4, 8, most=9), sums),
        ),
        "sigma-delta conv": (entering((2, 8, 8), SDNN), told, flat, last),
    }
