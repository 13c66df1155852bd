"""The recurrent network: 256 LIF neurons that read a digit of scikit-learn row by row.

    v = v / 2 + W_in x(t) + b + W_rec z(t - 1);   z = 1 and v = 0 where v > 1, else z = 0
    output = sum over the 8 rows of W_out z(t) + c

Weights are whole multiples of 1/64 of at most 8 bits, so that every sum is exact in float32 (8 rows
add 8 bits of fraction) and parties that compute this neuron must agree to the last bit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

HIDDEN, ROWS, COLUMNS, CLASSES = 256, 8, 8, 10
SHAPE = (ROWS, COLUMNS)
GRID = 64
LEAK = 0.5
N_TRAIN = 1297
N_TEST = 500
DT = 1e-4
CONVERT = (
    *("--dt", f"{DT:g}", "--reset", "zero", "--reduce", "sum"),
    *("--input-range", "0,3", "--input-bits", "2"),
)
"""What a NIR file leaves open."""
JUST_ABOVE = 1 + 2.0**-20
"""A threshold for neurons that fire at v >= it: no membrane lies between 1 and this."""


class _Spike(torch.autograd.Function):
    """v > 1, with the gradient of a fast sigmoid."""

    @staticmethod
    def forward(ctx, v):  # type: ignore[no-untyped-def]
        ctx.save_for_backward(v)
        return (v > 1).float()

    @staticmethod
    def backward(ctx, gradient):  # type: ignore[no-untyped-def]
        (v,) = ctx.saved_tensors
        return gradient / (1 + 5 * (v - 1).abs()) ** 2


class Recurrent(nn.Module):
    """256 recurrent LIF neurons, trained on scikit-learn's digits, a row a frame."""

    def __init__(self) -> None:
        super().__init__()
        self.into = nn.Linear(COLUMNS, HIDDEN)
        self.back = nn.Linear(HIDDEN, HIDDEN, bias=False)
        self.out = nn.Linear(HIDDEN, CLASSES)

    def forward(self, x: Tensor) -> Tensor:
        """Rows, shape (N, 8, 8), to sums over the frames, shape (N, 10)."""
        v, z, total = x.new_zeros(len(x), HIDDEN), x.new_zeros(len(x), HIDDEN), 0
        for t in range(ROWS):
            v = LEAK * v + self.into(x[:, t]) + self.back(z)
            z = _Spike.apply(v)
            v = v * (1 - z)
            total = total + self.out(z)
        return total  # type: ignore[return-value]


def _digits() -> tuple[np.ndarray, np.ndarray]:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(x))
    # grey values 0 … 16 in four levels
    return np.round(x[order].reshape(-1, *SHAPE) * (3 / 16)).astype(np.float32), y[order]


def test_data() -> tuple[np.ndarray, np.ndarray]:
    """Samples that were not trained on: counts 0 … 3 as float32, and classes."""
    x, y = _digits()
    return x[N_TRAIN:], y[N_TRAIN:]


def trained(epochs: int = 40) -> Recurrent:
    """The network after training, weights on their grid."""
    torch.manual_seed(0)
    x, y = (torch.from_numpy(a[:N_TRAIN]) for a in _digits())
    net = Recurrent()
    with torch.no_grad():
        net.back.weight *= 0.5
    optimizer = torch.optim.Adam(net.parameters(), lr=3e-3)
    for _ in range(epochs):
        for batch in torch.randperm(N_TRAIN).split(100):
            loss = F.cross_entropy(net(x[batch]) / 4, y[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.copy_((parameter * GRID).round().clamp(-127, 127) / GRID)
    return net.eval()


def write_nir(net: Recurrent, path: Path) -> None:
    """The network as a NIR file: an Euler step of `DT` halves the membrane."""
    import nir

    def array(parameter: Tensor) -> np.ndarray:
        return parameter.detach().numpy().astype(np.float64)

    lif = nir.LIF(
        tau=np.full(HIDDEN, DT / (1 - LEAK)),
        r=np.full(HIDDEN, 1 / (1 - LEAK)),
        v_leak=np.zeros(HIDDEN),
        v_threshold=np.ones(HIDDEN),
    )
    nodes = {
        "input": nir.Input(input_type={"input": np.array([COLUMNS])}),
        "into": nir.Affine(weight=array(net.into.weight), bias=array(net.into.bias)),
        "lif": lif,
        "back": nir.Linear(weight=array(net.back.weight)),
        "out": nir.Affine(weight=array(net.out.weight), bias=array(net.out.bias)),
        "output": nir.Output(output_type={"output": np.array([CLASSES])}),
    }
    edges = [("input", "into"), ("into", "lif"), ("lif", "back"), ("back", "lif")]
    edges += [("lif", "out"), ("out", "output")]
    nir.write(path, nir.NIRGraph(nodes=nodes, edges=edges))
