"""Reports of three networks, a comparison, and their pictures in docs/images: `make reports`.

    SNNC_DATA=FOLDER PYTHONPATH=. python docs/make_reports.py --out reports

Networks and browser are those of the tests.

- `digits`: the network of examples/digits, trained here.
- `espikeformer`: E-SpikeFormer's Base at a small size. It is not trained: its batch norms are
  fitted so that no activation is dead or saturated, and its numbers stand for no published model.
- `nmnist`: the trained network of examples/nmnist on recordings of an event camera that it was not
  trained on (events/nmnist_train1000.npz in SNNC_DATA), ten frames each.
- `comparison`: the first network with weights of 8, 4 and 3 bits, in `burst` and `graded`.

The pictures need Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch

import snnc
from snnc.converter.sources import SourceOptions, load_source
from snnc.runtime.data import DataSet
from tests.browser import Browser, chromium
from tests.systems.espikeformer import Base, calibrate

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
IMAGES = ROOT / "docs" / "images"
HARDWARE = ("45nm", "45nm-int8", "loihi1", "loihi2")
SIZE = 64
N_SAMPLES = 8
"""That are verified."""
N_RECORDINGS = 100
WIDTH = 1180
"""Of the pictures, in pixels."""


def digits(folder: Path) -> None:
    """Train (once), convert, verify, report: the commands of the demo."""
    train, model = EXAMPLES / "digits" / "train.py", folder / "digits.pt"
    if not model.exists():
        subprocess.run([sys.executable, train, "--out", folder], check=True)
        (folder / "model.pt").rename(model)
    data = np.load(folder / "test.npz")
    deploy("digits", model, DataSet(x=data["x"], y=data["y"], name="digits"), folder)


def espikeformer(folder: Path) -> None:
    """E-SpikeFormer's blocks on 64 x 64 images."""
    torch.manual_seed(0)
    model = Base((8, 16, 32, 48), (1, 2, 1), 10)
    x = torch.randn(N_SAMPLES + 2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(3))
    calibrate(model, x[:2], lower=2.0)
    deploy(
        "espikeformer", model, DataSet(x=x[2:].numpy(), name="noise"), folder, input_range=(-3, 3)
    )


def nmnist(folder: Path) -> None:
    """Ten frames of an event camera, membranes kept from frame to frame."""
    train = runpy.run_path(str(EXAMPLES / "nmnist" / "train.py"))
    with np.load(Path(os.environ["SNNC_DATA"]) / "events" / "nmnist_train1000.npz") as held:
        pack = {name: held[name] for name in held.files}
    others = train["split"](len(pack["label"]))[1][:N_RECORDINGS]
    x = np.stack([train["frames_of"](*train["recording"](pack, i)) for i in others])
    data = DataSet(x=x, y=pack["label"][others].astype(np.int64), name="N-MNIST, held out")
    model = folder / "nmnist.pt"  # a report bears its source's name
    shutil.copyfile(EXAMPLES / "nmnist" / "model.pt", model)
    deploy("nmnist", model, data, folder)


def comparison(folder: Path) -> None:
    """The first network in three widths and two codes."""
    models = []
    for bits in (8, 4, 3):
        models.append(folder / f"digits-{bits}.snnc")
        snnc.convert(folder / "digits.pt", output=models[-1], weight_bits=bits, force=True)
    data = np.load(folder / "test.npz")
    snnc.compare(
        models,
        DataSet(x=data["x"], y=data["y"], name="digits"),
        codes=["burst", "graded"],
        hardware=HARDWARE,
        engine="dense",
        output=[folder / "comparison.html", folder / "comparison.json"],
        figures=folder / "figures-comparison",
        force=True,
    )


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
        engine="dense",
        map="loihi2",
        verification=verified.to_json(),
        output=[folder / f"{name}.html", folder / f"{name}.json"],
        figures=folder / f"figures-{name}",
        force=True,
    )


def shoot(browser: Browser, folder: Path) -> None:
    """Pictures of the pages: tops of all, light and dark, and what they show further down."""
    tops = (("digits", False), ("espikeformer", True), ("nmnist", False), ("comparison", False))
    for name, dark in tops:
        browser.open(folder / f"{name}.html", width=WIDTH, height=1000, dark=dark)
        browser.screenshot(IMAGES / f"report-{name}.png")
        if browser.problems:
            raise SystemExit(f"{name}: {browser.problems}")
    for name, part in PARTS:
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
        for name, figure in FIGURES:
            drawn = options.out / f"figures-{name}" / f"{figure}.png"
            shutil.copyfile(drawn, IMAGES / f"figure-{figure}.png")
    print(json.dumps([str(p) for p in sorted(IMAGES.glob("*.png"))], indent=1))


NETWORKS = (digits, espikeformer, nmnist, comparison)
PARTS = (
    ("espikeformer", "network"), ("nmnist", "raster"), ("nmnist", "statistics"),
    ("digits", "activity"), ("comparison", "pareto"),
)  # fmt: skip
"""Sections that have a picture of their own."""
FIGURES = (("comparison", "pareto-45nm"), ("nmnist", "energy-by-layer"), ("nmnist", "activity"))
"""Figures that docs show."""

if __name__ == "__main__":
    main()
