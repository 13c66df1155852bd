"""What code `delta` saves on videos: operations and events of it, and of `graded`, frame by frame.

The MNIST network of examples/mnist is streamed over three sequences of 32 frames: digits that
drift by one pixel every fourth frame; N-MNIST recordings, the events of the last 40 ms of which
make a frame every 4 ms; the same recordings with the events of 4 ms alone. Both codes give the
same counts in every frame.

    python benchmarks/delta.py --data FOLDER

FOLDER holds images/mnist_t10k.npz and events/nmnist_train1000.npz.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

import snnc
from snnc.ir.arrays import Array
from snnc.runtime.model import Model

HERE = Path(__file__).parent
N_SAMPLES, N_FRAMES = 20, 32
SHOWN = ("events", "synaptic_events", "unit_spike_operations")
FRAME_US, LAST_US = 4_000, 40_000
CONTRAST = 32
"""Pixel value of one event."""


def drifting(images: Array, n_frames: int = N_FRAMES, every: int = 4) -> Array:
    """Images (N, 28, 28) as videos (N, T, 1, 28, 28), to the right by a pixel every few frames."""
    moved = [np.roll(images, t // every - n_frames // every // 2, axis=2) for t in range(n_frames)]
    return np.stack(moved, axis=1)[:, :, None]


def recorded(events: dict[str, Array], n_samples: int, last_us: int) -> Array:
    """N-MNIST as videos (N, T, 1, 28, 28): the events of the last `last_us` µs, both polarities."""
    videos = np.zeros((n_samples, N_FRAMES, 1, 28, 28))
    for i in range(n_samples):
        part = slice(*events["offset"][i : i + 2])
        at = np.cumsum(events["dt_us"][part].astype(np.int64))
        x, y = events["x"][part].astype(int) - 3, events["y"][part].astype(int) - 3
        inside = (x >= 0) & (x < 28) & (y >= 0) & (y < 28)
        for t in range(N_FRAMES):
            end = LAST_US + t * FRAME_US
            now = inside & (at < end) & (at >= end - last_us)
            np.add.at(videos[i, t, 0], (y[now], x[now]), CONTRAST)
    return np.minimum(videos, 255).astype(np.uint8)


def counted(model: Model, videos: Array, code: str, engine: str = "dense") -> dict[str, int]:
    """Counters of a stream over videos (N, T, …)."""
    with snnc.stream(model, engine=engine, code=code) as running:
        for t in range(videos.shape[1]):
            running.step(videos[:, t])
        return running.counters


def table(model: Model, sequences: dict[str, Array]) -> list[str]:
    """Rows of Markdown: each counter in `delta`, as a share of `graded`."""
    names = " | ".join(name.replace("_", " ") for name in SHOWN)
    lines = [f"| sequence | code | {names} |", "|---" * (len(SHOWN) + 2) + "|"]
    for name, videos in sequences.items():
        found = {code: counted(model, videos, code) for code in ("graded", "delta")}
        per_frame = videos.shape[0] * videos.shape[1]
        for code, counters in found.items():
            cells = [f"{counters[key] / per_frame:,.0f}" for key in SHOWN]
            lines.append(f"| {name} | {code} | {' | '.join(cells)} |")
        shares = [f"{found['delta'][key] / found['graded'][key]:.2f} ×" for key in SHOWN]
        lines.append(f"| | delta / graded | {' | '.join(shares)} |")
    return lines


def main() -> None:
    """Measure and write benchmarks/results/delta.md."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--data", type=Path, required=True)
    folder = parser.parse_args().data
    model = snnc.convert(HERE.parent / "examples" / "mnist" / "model.pt").model
    images = np.load(folder / "images" / "mnist_t10k.npz")["x"][:N_SAMPLES].reshape(-1, 28, 28)
    with np.load(folder / "events" / "nmnist_train1000.npz") as held:
        events = {name: held[name] for name in ("x", "y", "dt_us", "offset")}
    sequences = {
        "digits that drift": drifting(images),
        "N-MNIST, the last 40 ms": recorded(events, N_SAMPLES, LAST_US),
        "N-MNIST, the last 4 ms": recorded(events, N_SAMPLES, FRAME_US),
    }
    lines = [
        "# Code delta against graded",
        "",
        f"The MNIST network, {N_SAMPLES} sequences of {N_FRAMES} frames each; counters a frame.",
        "",
        *table(model, sequences),
    ]
    text = "\n".join(lines) + "\n"
    (HERE / "results" / "delta.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
