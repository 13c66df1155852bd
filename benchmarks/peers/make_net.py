"""Write what all parties of a network share: FOLDER gets weights.pt, samples.npz and source.*."""

from __future__ import annotations

import argparse
import io
import zipfile
from pathlib import Path

import numpy as np
import recurrent
import torch
from nets import NETS, ROOT, samples, settled

import snnc

parser = argparse.ArgumentParser()
parser.add_argument("net", choices=NETS)
parser.add_argument("folder", type=Path)
parser.add_argument("--data", type=Path, required=True)
parser.add_argument("--samples", type=int)
a = parser.parse_args()

x, y = samples(a.net, a.data, a.samples)
if a.net == "mnist":
    source = (ROOT / "examples" / "mnist" / "model.pt").read_bytes()
    with zipfile.ZipFile(io.BytesIO(source)) as archive:
        program = torch.export.load(io.BytesIO(archive.read("program.pt2")))
    weights = dict(program.state_dict)
    (a.folder / "source.pt").write_bytes(source)
elif a.net == "recurrent":
    net = recurrent.trained()
    weights = net.state_dict()
    recurrent.write_nir(net, a.folder / "source.nir")
else:
    model = settled(a.net, samples(a.net, a.data)[0])
    weights = model.state_dict()
    snnc.save_model(model, x[:1], a.folder / "source.pt")
torch.save(weights, a.folder / "weights.pt")
np.savez(a.folder / "samples.npz", x=x.numpy(), **({} if y is None else {"y": y}))
