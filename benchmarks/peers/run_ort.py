"""The network as plain ONNX Runtime runs it in 8 bits: calibrated, QDQ, one scale a channel.

Rounding to levels is left to the quantiser, which has 255 of them; sums are 8-bit, too.
"""

from __future__ import annotations

import tempfile
import warnings
from pathlib import Path

import numpy as np
import onnxruntime as ort
import torch
from common import activations, arguments, load_data, load_net, report
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from torch import Tensor, nn


class Clipped(nn.Module):
    """An activation without its rounding."""

    def __init__(self, levels: int, divisor: float) -> None:
        super().__init__()
        self.levels, self.divisor = levels, divisor

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0, self.levels) / self.divisor


class Reader(CalibrationDataReader):
    """The first samples, batch by batch."""

    def __init__(self, x: np.ndarray, batch: int) -> None:
        self.left = [{"x": x[at : at + batch]} for at in range(0, len(x) - batch + 1, batch)][:4]

    def get_next(self) -> dict[str, np.ndarray] | None:
        return self.left.pop() if self.left else None


a = arguments()
net, x = load_net(a), load_data(a)
for parent, name, act in activations(net):
    levels = getattr(act, "levels", 4)
    setattr(parent, name, Clipped(levels, getattr(act, "divisor", levels)))
warnings.simplefilter("ignore")
with tempfile.TemporaryDirectory() as folder:
    exported, prepared, quantised = (Path(folder) / f"{n}.onnx" for n in ("float", "pre", "int8"))
    shapes = {"x": {0: torch.export.Dim("batch", min=1)}}
    torch.onnx.export(
        net,
        (x[:2],),
        exported,
        input_names=["x"],
        dynamic_shapes=shapes,
        dynamo=True,
        verbose=False,
    )
    quant_pre_process(exported, prepared)
    quantize_static(
        prepared,
        quantised,
        Reader(x.numpy(), min(len(x), 25)),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
        per_channel=True,
    )
    options = ort.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = ort.InferenceSession(quantised, options)


def run(part: Tensor) -> Tensor:
    return torch.from_numpy(session.run(None, {"x": part.numpy()})[0])


report(run, x, a)
