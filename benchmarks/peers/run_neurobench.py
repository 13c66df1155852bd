"""NeuroBench 2.3 on a PyTorch twin of a spiking network.

    python run_neurobench.py net.npz

The twin runs the network itself, from the input on: integers in float32, small enough to be exact.
Prints one JSON object.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))
import stubs

stubs.install()

import torch  # noqa: E402
from neurobench.benchmarks import Benchmark  # noqa: E402
from neurobench.metrics.static import ConnectionSparsity, Footprint  # noqa: E402
from neurobench.metrics.workload import ActivationSparsity, SynapticOperations  # noqa: E402
from neurobench.models import TorchModel  # noqa: E402
from torch import Tensor, nn  # noqa: E402
from torch.utils.data import DataLoader, TensorDataset  # noqa: E402


class Fire(nn.Module):
    """Binary spikes: without state, or integrate and fire with a soft reset."""

    def __init__(self, threshold: Tensor, stateful: bool) -> None:
        super().__init__()
        self.threshold, self.stateful = threshold, stateful
        self.v: Tensor | float = 0.0

    def forward(self, i: Tensor) -> Tensor:
        v = self.v + i if self.stateful else i
        spikes = (v >= self.threshold).float()
        self.v = v - spikes * self.threshold
        return spikes


class Twin(nn.Module):
    """Layers and neurons in turn, over the frames of a sample."""

    def __init__(self, spec: list[dict[str, Any]], arrays: Any) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, layer in enumerate(spec):
            weight = torch.from_numpy(arrays[f"weight{index}"]).float()
            bias = torch.from_numpy(arrays[f"bias{index}"]).float()
            if layer["kind"] == "conv":
                made: nn.Module = nn.Conv2d(
                    weight.shape[1] * layer["groups"], weight.shape[0], tuple(weight.shape[2:]),
                    stride=layer["stride"], padding=layer["padding"], groups=layer["groups"],
                )  # fmt: skip
            else:
                layers.append(nn.Flatten())
                made = nn.Linear(weight.shape[1], weight.shape[0])
            with torch.no_grad():
                made.weight.copy_(weight)
                made.bias.copy_(bias)
            layers.append(made)
            if f"threshold{index}" in arrays:
                threshold = torch.from_numpy(arrays[f"threshold{index}"]).float()
                shape = (-1, 1, 1) if layer["kind"] == "conv" else (-1,)
                layers.append(Fire(threshold.reshape(shape), layer["stateful"]))
        self.layers = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers:
            if isinstance(layer, Fire):
                layer.v = 0.0
        return sum(self.layers(x[:, t]) for t in range(x.shape[1]))  # type: ignore[return-value]


class Stored(nn.Module):
    """The twin's weights and biases in the smallest integer types, for Footprint."""

    def __init__(self, arrays: Any) -> None:
        super().__init__()
        for name in arrays:
            if name.startswith(("weight", "bias")) and (name[0] == "w" or arrays[name].any()):
                a = arrays[name]
                kind = next(k for k in (np.int8, np.int16, np.int32) if (a == a.astype(k)).all())
                tensor = torch.from_numpy(a.astype(kind))
                setattr(self, name, nn.Parameter(tensor, requires_grad=False))


def main() -> None:
    arrays = dict(np.load(sys.argv[1]))
    spec = json.loads(str(arrays.pop("spec")))
    x = torch.from_numpy(arrays.pop("x")).float()
    model = TorchModel(Twin(spec, arrays).eval())
    model.add_activation_module(Fire)
    loader = DataLoader(TensorDataset(x, torch.zeros(len(x))), batch_size=1)
    metrics = [[Footprint, ConnectionSparsity], [SynapticOperations, ActivationSparsity]]
    with torch.no_grad():
        found = Benchmark(model, loader, [], [], metrics).run(quiet=True)
    stored = Footprint()(TorchModel(Stored(arrays)))
    print(json.dumps({**found, "Footprint": stored, "Footprint of float32": found["Footprint"]}))


if __name__ == "__main__":
    main()
