"""What the parties that run in PyTorch share: the net, the images, the clock.

Every party is a script that prints one JSON object on its last line; the arguments are those of
`arguments()`. Compile time and one warm-up batch stay outside of the clock.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "examples" / "mnist"))


def arguments() -> argparse.Namespace:
    """Weights (a state dict), images (.npz with x, y), batch size, T."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--batch", type=int, default=100)
    parser.add_argument("--limit", type=int, default=1000)
    parser.add_argument("--steps", type=int, default=4)
    return parser.parse_args()


def load_net(weights: Path) -> nn.Module:
    """The network of examples/mnist with trained weights, in evaluation mode."""
    from train import MnistNet

    net = MnistNet()
    net.load_state_dict(torch.load(weights, weights_only=True))
    return net.eval()


def load_data(path: Path, limit: int) -> tuple[Tensor, np.ndarray]:
    """Images (N, 1, 28, 28) float32 and labels."""
    with np.load(path) as archive:
        x, y = archive["x"][:limit], archive["y"][:limit]
    return torch.from_numpy(x.reshape(-1, 1, 28, 28).astype(np.float32)), y


def activations(net: nn.Module) -> Iterable[tuple[nn.Module, str, nn.Module]]:
    """Every integer activation with its parent and attribute name."""
    from snnc.nn import IntegerActivation

    for parent in list(net.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, IntegerActivation):
                yield parent, name, child


def report(
    run: Callable[[Tensor], Tensor], x: Tensor, y: np.ndarray, batch: int, **extra: object
) -> None:
    """Time `run` (images to logits) over all images and print the result."""
    torch.set_num_threads(1)
    with torch.no_grad():
        run(x[:batch])
        start = time.perf_counter()
        logits = torch.cat([run(part) for part in x.split(batch)])
        seconds = time.perf_counter() - start
    print(
        json.dumps(
            {
                "seconds": seconds,
                "accuracy": float((logits.argmax(1).numpy() == y).mean()),
                "predictions": logits.argmax(1).tolist(),
                "batch": batch,
                **extra,
            }
        )
    )
