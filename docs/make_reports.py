"""Reports of three networks and the pictures of them in docs/images: `make reports`.

    SNNC_DATA=FOLDER PYTHONPATH=. python docs/make_reports.py --out reports

Networks and browser are those of the tests.

- `digits`: the network of examples/digits, trained here.
- `espikeformer`: E-SpikeFormer's Base at a small size. It is not trained: its batch norms are
  fitted so that no activation is dead or saturated, and its numbers stand for no published model.
- `gestures`: the same family on four frames of DVS-Gesture recordings (events/dvs_gesture_10.npz
  in SNNC_DATA), membranes kept from frame to frame; not trained either.

The pictures need Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import snnc
from snnc.converter.sources import SourceOptions, load_source
from snnc.ir.arrays import Array
from snnc.runtime.data import DataSet
from tests.browser import Browser, chromium
from tests.systems.espikeformer import Base, calibrate
from tests.systems.espikeformer_events import EventVision

ROOT = Path(__file__).resolve().parents[1]
IMAGES = ROOT / "docs" / "images"
HARDWARE = ("45nm", "45nm-int8", "loihi1", "loihi2")
FRAMES, SIZE = 4, 64
N_SAMPLES = 8
WIDTH = 1180
"""Of the pictures, in pixels."""


def digits(folder: Path) -> None:
    """Train (once), convert, verify, report: the commands of the demo."""
    train = ROOT / "examples" / "digits" / "train.py"
    if not (folder / "model.pt").exists():
        subprocess.run([sys.executable, train, "--out", folder], check=True)
    data = np.load(folder / "test.npz")
    deploy("digits", folder / "model.pt", DataSet(x=data["x"], y=data["y"], name="digits"), folder)


def espikeformer(folder: Path) -> None:
    """E-SpikeFormer's blocks on 64 x 64 images."""
    torch.manual_seed(0)
    model = Base((8, 16, 32, 48), (1, 2, 1), 10)
    x = torch.randn(N_SAMPLES + 2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    calibrate(model, x[:2], lower=2.0)
    deploy(
        "espikeformer", model, DataSet(x=x[2:].numpy(), name="noise"), folder, input_range=(-3, 3)
    )


def gestures(folder: Path) -> None:
    """Four frames of events, membranes kept from frame to frame."""
    torch.manual_seed(0)
    x = torch.from_numpy(recordings())
    model = EventVision((8, 8, 16, 16), (1, 1, 0), 11, frames=FRAMES, carried=True)
    calibrate(model, x[:2], lower=-1.5)
    deploy("gestures", model, DataSet(x=x[2:].numpy(), name="DVS-Gesture"), folder, time_axis=1)


def recordings() -> Array:
    """Event counts (10, T, 2, 64, 64) of the first 0.4 s, two by two pixels added up."""
    given = np.load(Path(os.environ["SNNC_DATA"]) / "events" / "dvs_gesture_10.npz")
    frames = np.zeros((10, FRAMES, 2, SIZE, SIZE), dtype=np.float32)
    for i in range(10):
        part = slice(*given["offset"][i : i + 2])
        at = np.cumsum(given["dt_us"][part].astype(np.int64)) // 100_000
        now = at < FRAMES
        x, y, p = (given[key][part][now].astype(int) for key in ("x", "y", "p"))
        np.add.at(frames[i], (at[now], p, y // 2, x // 2), 1)
    return np.minimum(frames, 15)


def deploy(name: str, given: Any, data: DataSet, folder: Path, **said: Any) -> None:
    """Convert, verify and report, as the commands do."""
    example = None if isinstance(given, Path) else data.x[:1]
    source = load_source(given, SourceOptions(**said), example)
    conversion = snnc.convert(source, output=folder / f"{name}.snnc", force=True)
    verified = snnc.verify(source, conversion.model, data.limit(N_SAMPLES))
    snnc.report(
        folder / f"{name}.snnc",
        data,
        hardware=HARDWARE,
        code="burst",
        map="loihi2",
        verification=verified.to_json(),
        output=[folder / f"{name}.html", folder / f"{name}.json"],
        force=True,
    )


def shoot(browser: Browser, folder: Path) -> None:
    """Pictures of the pages: tops of all, light and dark, and what they show further down."""
    for name, dark in (("digits", False), ("espikeformer", True), ("gestures", False)):
        browser.open(folder / f"{name}.html", width=WIDTH, height=1000, dark=dark)
        browser.screenshot(IMAGES / f"report-{name}.png")
        if browser.problems:
            raise SystemExit(f"{name}: {browser.problems}")
    for name, part in (("espikeformer", "network"), ("gestures", "raster"), ("digits", "activity")):
        browser.open(folder / f"{name}.html", width=WIDTH, height=1000)
        browser.screenshot(IMAGES / f"report-{name}-{part}.png", f"#{part}")


def main() -> None:
    """Make the reports, then their pictures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])  # type: ignore[union-attr]
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", choices=[f.__name__ for f in NETWORKS], action="append")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    for network in NETWORKS:
        if options.only is None or network.__name__ in options.only:
            network(options.out)
    if options.only is None:
        with chromium() as browser:
            shoot(browser, options.out)
    print(json.dumps([str(p) for p in sorted(IMAGES.glob("report-*.png"))], indent=1))


NETWORKS = (digits, espikeformer, gestures)

if __name__ == "__main__":
    main()
