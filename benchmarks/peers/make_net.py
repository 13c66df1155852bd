"""Write what all parties of a network share: FOLDER gets weights.pt, samples.npz and source.pt."""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
import torch
from nets import NETS, ROOT, samples, settled

import snnc

parser = argparse.ArgumentParser()
parser.add_argument("net", choices=NETS)
parser.add_argument("folder", type=Path)
parser.add_argument("--data", type=Path, required=True)
a = parser.parse_args()

x, y = samples(a.net, a.data)
if a.net == "mnist":
    source = (ROOT / "examples" / "mnist" / "model.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        program = torch.export.load(io.BytesIO(archive.read("program.pt2")))
    weights = dict(program.state_dict)
    (a.folder / "source.pt").write_bytes(source)
else:
    model = settled(a.net, x)
    weights = model.state_dict()
    snnc.save_model(model, x[:1], a.folder / "source.pt")
torch.save(weights, a.folder / "weights.pt")
np.savez(a.folder / "samples.npz", x=x.numpy(), **({} if y is None else {"y": y}))
