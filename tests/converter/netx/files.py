"""`.net` files written with h5py alone, and a reading of them written out layer by layer."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from snnc.backends.registry import get_engine
from snnc.converter.sources import GraphSource, SourceOptions, open_source
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph

CUBA: Mapping[str, Any] = {"type": "CUBA", "iDecay": 1024, "vDecay": 128, "vThMant": 10}


def write(path: Path, *layers: Mapping[str, Any], **more: Any) -> Path:
    """A `.net` file; a layer is its arrays, `neuron` a mapping, as lava-dl writes them."""
    with h5py.File(path, "w") as file:
        for i, layer in enumerate(layers):
            group = file.create_group(f"layer/{i}")
            for key, value in layer.items():
                if key == "type":
                    group.create_dataset(key, (1,), "S10", [value.encode("ascii")])
                elif key == "neuron":
                    for name, part in value.items():
                        group[f"neuron/{name}"] = part
                else:
                    group[key] = value
        for key, value in more.items():
            file[key.replace("__", "/")] = value
    return path


def dense(weight: Any, neuron: Mapping[str, Any] | None = CUBA, **more: Any) -> dict[str, Any]:
    """A dense layer."""
    weight = np.asarray(weight, dtype=np.float32)
    layer = {"type": "dense", "shape": np.array([len(weight)]), "weight": weight, **more}
    return layer if neuron is None else {**layer, "neuron": neuron}


def read(path: Path, **options: Any) -> GraphSource:
    """Read a file as a source."""
    source = open_source(path, SourceOptions(**options))
    assert isinstance(source, GraphSource)
    return source


def counts(graph: Graph, x: IntArray, engine: str = "oracle") -> dict[str, IntArray]:
    """What every node gives for one sample x of shape (T, *shape)."""
    session = get_engine(engine).prepare(graph, RunSettings(), n_frames=len(x))
    result = session.run({"input": x[None]})
    return {name: found[0] for name, found in result.counts.items()}


class Lif:
    """Lava's fixed-point LIF, one step after the other."""

    def __init__(self, decay_u: int, decay_v: int, threshold: int, bias: Any = 0) -> None:
        self.decays, self.threshold, self.bias = (decay_u, decay_v), threshold, bias
        self.u: Any = 0
        self.v: Any = 0

    def __call__(self, a: IntArray) -> IntArray:
        self.u = _kept(self.u, self.decays[0]) + a * 64
        v = _kept(self.v, self.decays[1]) + self.u + self.bias * 64
        spikes = v > self.threshold * 64
        self.v = np.where(spikes, 0, v)
        return spikes.astype(np.int64)


def _kept(x: Any, decay: int) -> Any:
    return np.sign(x) * (np.abs(x) * (4096 - decay) // 4096)
