"""What the parties share: the network, the samples, the clock.

Every party is a script that prints one JSON object on its last line; the arguments are those of
`arguments()`. Compile time and one warm-up batch stay outside of the clock.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from nets import NETS
from torch import Tensor, nn


def arguments() -> argparse.Namespace:
    """Name of the network, the folder that `make_net.py` filled, batch size, T."""
    parser = argparse.ArgumentParser()
    parser.add_argument("net", choices=NETS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--steps", type=int, default=4)
    return parser.parse_args()


def load_net(a: argparse.Namespace) -> nn.Module:
    """The network with its weights, in evaluation mode."""
    net = NETS[a.net].make()
    net.load_state_dict(torch.load(a.folder / "weights.pt", weights_only=True))
    return net.eval()


def load_data(a: argparse.Namespace) -> Tensor:
    """Samples, shape (N, …)."""
    with np.load(a.folder / "samples.npz") as archive:
        return torch.from_numpy(archive["x"])


def activations(net: nn.Module) -> Iterable[tuple[nn.Module, str, nn.Module]]:
    """Every activation but the input's coding, with its parent and attribute name."""
    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            is_activation = hasattr(child, "levels") or hasattr(child, "divisor")
            if is_activation and name != "encode":
                yield parent, name, child


def report(run: Callable[[Tensor], Tensor], x: Tensor, batch: int, **extra: object) -> None:
    """Time `run` (samples to outputs) over all samples and print the result."""
    torch.set_num_threads(1)
    with torch.no_grad():
        run(x[:batch])
        start = time.perf_counter()
        outputs = torch.cat([run(part) for part in x.split(batch)])
        seconds = time.perf_counter() - start
    show(seconds, batch, outputs.numpy(), **extra)


def show(seconds: float, batch: int, outputs: np.ndarray, **extra: object) -> None:
    """Print a party's result."""
    rounded = np.round(outputs.reshape(len(outputs), -1).astype(np.float64), 6)
    print(json.dumps({"seconds": seconds, "batch": batch, "outputs": rounded.tolist(), **extra}))
