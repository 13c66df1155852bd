"""Programs as torchao's PT2E leaves them: `quantized_decomposed` operators in a .pt2 file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from snnc.converter.convert import convert_source
from snnc.converter.sources import load_source
from snnc.converter.sources.programs import register_quantised
from snnc.runtime.verify import verify
from tests.runtime.verify.graphs import Case

register_quantised()
OPS = torch.ops.quantized_decomposed
RANGE = (-128, 127, torch.int8)


class Quantised(torch.nn.Module):
    """Every tensor through a pair of operators, as convert_pt2e writes them."""

    def __init__(self, per_channel: bool) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.per_channel = per_channel
        self.bias = torch.nn.Parameter(torch.randn(4, generator=generator) * 0.1)
        weight = torch.randint(-127, 128, (4, 2, 3, 3), generator=generator, dtype=torch.int8)
        self.register_buffer("weight", weight)
        self.register_buffer("scales", torch.tensor([0.01, 0.02, 0.005, 0.013]))
        self.register_buffer("zeros", torch.zeros(4, dtype=torch.int64))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pair(x, 0.0078, -3)
        if self.per_channel:
            w = OPS.dequantize_per_channel(self.weight, self.scales, self.zeros, 0, *RANGE)
        else:
            w = OPS.dequantize_per_tensor(self.weight, 0.013, 0, *RANGE)
        h = self.pair(torch.relu(torch.nn.functional.conv2d(x, w, self.bias)), 0.05, -128)
        g = self.pair(h * 0.25, 0.021, -128)
        return self.pair(h + g, 0.06, -128)

    @staticmethod
    def pair(x: torch.Tensor, scale: float, zero: int) -> torch.Tensor:
        q = OPS.quantize_per_tensor(x, scale, zero, *RANGE)
        return torch.as_tensor(OPS.dequantize_per_tensor(q, scale, zero, *RANGE))


@pytest.mark.parametrize("per_channel", [False, True])
def test_a_quantised_program_converts(per_channel: bool, tmp_path: Path) -> None:
    x = np.random.default_rng(1).uniform(-1, 1, (30, 2, 6, 5)).astype(np.float32)
    program = torch.export.export(Quantised(per_channel).eval(), (torch.from_numpy(x[:1]),))
    torch.export.save(program, tmp_path / "q.pt2")
    source = load_source(tmp_path / "q.pt2")
    converted = convert_source(source)
    assert not converted.integer_graph.host_ops
    result = verify(source, Case(source, converted, x).model(), x)
    assert result.ok
    assert result.source == "PyTorch eager"
    assert result.rounding["n_changed"] / result.rounding["n_counts"] < 1e-3
