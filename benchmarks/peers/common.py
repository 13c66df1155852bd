"""What the parties share: the network, the samples, the clock.

Every party is a script that prints one JSON object a line, one for each batch size that it was
asked for; the arguments are those of `arguments()`. Compile time and one warm-up batch stay outside
of the clock.
"""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from nets import NETS
from torch import Tensor, nn

PASSES = 5
"""Passes over the samples at most; the fastest counts."""


def parser() -> argparse.ArgumentParser:
    """Name of the network, the folder that `make_net.py` filled, batch sizes, seconds, T."""
    parser = argparse.ArgumentParser()
    parser.add_argument("net", choices=NETS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--batches", type=int, nargs="+", default=[1])
    parser.add_argument("--seconds", type=float, default=3.0, help="for each batch size")
    parser.add_argument("--steps", type=int, default=4)
    return parser


def arguments() -> argparse.Namespace:
    """The arguments of a party without further ones."""
    return parser().parse_args()


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


@dataclass(frozen=True, kw_only=True)
class Timed:
    """A network's run over samples.

    Attributes:
        batch: samples at once.
        ms: milliseconds of a sample, in the fastest pass.
        n_samples: that were run before the time was over; all of them, or the first.
        outputs: theirs, one row a sample.
        results: whatever else `run` gave.
    """

    batch: int
    ms: float
    n_samples: int
    outputs: np.ndarray
    results: Sequence[Any] = ()


def timed(run: Callable[[Any], Any], x: Any, batch: int, seconds: float) -> Timed:
    """Time passes over the samples until the seconds are over.

    Args:
        run: a batch to (outputs, anything else).
        x: samples, first axis.
        batch: samples at once.
        seconds: to stop after; what has been run by then counts.
    """
    run(x[:batch])
    best, kept, end = math.inf, (0, [], []), time.perf_counter() + seconds  # type: ignore[var-annotated]
    for _ in range(PASSES):
        start, outputs, results, done = time.perf_counter(), [], [], 0
        for at in range(0, len(x), batch):
            given, other = run(x[at : at + batch])
            done += len(given)
            outputs.append(np.asarray(given).reshape(len(given), -1))
            results.append(other)
            if time.perf_counter() > end:
                break
        if done < kept[0]:
            break  # the time ended within a later pass
        best = min(best, (time.perf_counter() - start) / done)
        kept = (done, outputs, results)
        if time.perf_counter() > end:
            break
    return Timed(
        batch=batch,
        ms=1000 * best,
        n_samples=kept[0],
        outputs=np.concatenate(kept[1]),
        results=kept[2],
    )


def streamed(run: Callable[[Any], np.ndarray], x: Any, batch: int, seconds: float) -> Timed:
    """Time simulators that take seconds to start: a long stream of samples less a short one.

    Args:
        run: samples, one batch after the other, to outputs.
        x: samples, first axis.
        batch: samples at once.
        seconds: that the difference should take; streams grow until it does, or is the larger part.

    Raises:
        SystemExit: there are too few samples: all of them take no longer than a few, or by less
            than the time of these few changes.
    """

    def taken(n: int) -> tuple[float, np.ndarray]:
        start = time.perf_counter()
        outputs = run(x[:n])
        return time.perf_counter() - start, outputs.reshape(n, -1)

    if len(x) < 3 * batch:
        raise SystemExit(f"{len(x)} samples are too few for streams in batches of {batch}")
    n = short = 2 * batch
    (first, _), (again, _) = taken(n), taken(n)
    base = min(first, again)  # the first may compile
    while True:
        n = min(len(x) // batch * batch, 4 * n)
        long, outputs = taken(n)
        enough = long - base > max(seconds, base / 2)
        if not enough and n + batch <= len(x):
            continue
        if not enough:
            once_more, _ = taken(short)
            noise, base = abs(once_more - base), min(once_more, base)
            if long - base <= 2 * noise:
                raise SystemExit(
                    f"{n} samples take {long:.3g} s, {short} take {base:.3g} s or {noise:.2g} s "
                    f"more: too few to time one"
                )
        ms = 1000 * (long - base) / (n - short)
        return Timed(batch=batch, ms=ms, n_samples=n, outputs=outputs)


def show(found: Timed, **extra: object) -> None:
    """Print a party's result."""
    line = {
        "batch": found.batch,
        "ms": found.ms,
        "n_samples": found.n_samples,
        "outputs": found.outputs.astype(np.float64).tolist(),
    }
    print(json.dumps(line | extra), flush=True)


def in_time(batch: int, seconds: float, ms: float | None) -> int:
    """A batch size that can be expected to end in time: a large one is made smaller.

    Args:
        batch: asked for.
        seconds: of the clock.
        ms: of one sample alone; None before it is known.
    """
    return batch if ms is None else max(2, min(batch, int(1000 * seconds / ms)))


def timed_batches(run: Callable[[Any], Any], x: Any, a: argparse.Namespace) -> Iterator[Timed]:
    """Time every batch size that was asked for, the first of them as it is."""
    ms: float | None = None
    for batch in a.batches:
        found = timed(run, x, in_time(batch, a.seconds, ms), a.seconds)
        ms = found.ms if ms is None else ms
        yield found


def report(
    run: Callable[[Tensor], Tensor], x: Tensor, a: argparse.Namespace, **extra: object
) -> None:
    """Time `run` (samples to outputs) for every batch size and print the results."""
    torch.set_num_threads(1)
    with torch.inference_mode():
        for found in timed_batches(lambda part: (run(part).numpy(), None), x, a):
            show(found, **extra)
