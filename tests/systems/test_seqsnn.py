"""Spiking transformers for sequences: CPG-PE, and XNOR attention with Gray and Log-PE."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

import snnc
from snnc.converter.sources import SourceOptions, load_source
from snnc.ir.arrays import Array
from snnc.ir.errors import PatternEnds
from snnc.ir.neurons import IntegrateFire
from snnc.ir.nodes import Pattern, Product
from tests.systems.seqsnn import (
    BITS,
    SequenceTransformer,
    calibrated,
    codes,
    cpg,
    gray,
    log_pe,
    mean_counts,
    series,
)

pytestmark = [pytest.mark.torch]


def check(attention: Any, depth: int, length: int, dim: int, frames: int, n: int) -> Any:
    """Convert and verify on `n` series; every LIF fires, none always."""
    torch.manual_seed(1)
    model = SequenceTransformer(3, dim, 2, depth, length, attention)
    code = codes(frames, length, "cpg" if attention == "dot" else "gray").astype("f4")
    x = series(30 + n, frames, length, 3).astype("f4")
    first = torch.from_numpy(x[:30]).transpose(0, 1).contiguous()
    trains = torch.from_numpy(code)[:, None].expand(frames, 30, length, BITS).contiguous()
    calibrated(model, first, trains)
    counts = mean_counts(model, first, trains)
    assert all(0.02 < mean < 0.9 for mean in counts.values()), counts
    options = SourceOptions(time_axis=0, input_range=(0.0, 1.0), input_bits=1)
    source = load_source(model, options, (first[:, :1], trains[:, :1]))
    conversion = snnc.convert(source)
    assert not conversion.integer_graph.host_ops
    data = {"x": x[30:], "code": np.broadcast_to(code, (n, *code.shape))}
    result = snnc.verify(source, conversion.model, data)
    summary = result.to_json()
    assert result.ok, summary["promises"]
    assert (summary["n_mismatches"], summary["n_frames"]) == (0, frames)
    assert summary["source"] == "PyTorch eager"
    return conversion


@pytest.mark.parametrize("attention", ["dot", "xnor"])
def test_small(attention: str) -> None:
    graph = check(attention, depth=1, length=4, dim=8, frames=3, n=4).float_graph
    fires = [p.model for p in graph.populations if isinstance(p.model, IntegrateFire)]
    assert {float(m.decay) for m in fires} == {0.5}
    assert {m.reset for m in fires} == {"zero"}
    assert len([n for n in graph.nodes.values() if isinstance(n, Product)]) == 2


class WithCode(torch.nn.Module):
    """The codes are constants of the model, as in the published one."""

    def __init__(self, model: torch.nn.Module, code: Array) -> None:
        super().__init__()
        self.model = model
        self.register_buffer("trains", torch.from_numpy(code)[:, None])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.model(x, self.trains)
        return y


def test_codes_that_are_constants() -> None:
    """They become the synapses of clocks, one neuron for each frame: nobody feeds them."""
    frames, length = 3, 4
    torch.manual_seed(1)
    code = codes(frames, length, "cpg").astype("f4")
    x = series(33, frames, length, 3).astype("f4")
    first = torch.from_numpy(x[:30]).transpose(0, 1).contiguous()
    trains = torch.from_numpy(code)[:, None].expand(frames, 30, length, BITS).contiguous()
    model = calibrated(SequenceTransformer(3, 8, 2, 1, length, "dot"), first, trains)
    options = SourceOptions(time_axis=0, input_range=(0.0, 1.0), input_bits=1)
    source = load_source(WithCode(model, code), options, first[:, :1])
    conversion = snnc.convert(source)
    clocks = [n for n in conversion.integer_graph.sources if isinstance(n, Pattern)]
    assert clocks
    for clock in clocks:
        assert np.array_equal(clock.counts.reshape(frames, -1), np.eye(frames))
    result = snnc.verify(source, conversion.model, x[30:])
    assert result.ok, result.to_json()["promises"]
    assert result.to_json()["n_mismatches"] == 0
    with pytest.raises(PatternEnds):
        snnc.run(conversion.model, np.zeros((1, frames + 1, length, 3), dtype="f4"))


@pytest.mark.slow
@pytest.mark.parametrize("attention", ["dot", "xnor"])
def test_deeper(attention: str) -> None:
    """Sums of spikes grow with depth: 0 … 1 + 2 depth."""
    conversion = check(attention, depth=2, length=24, dim=32, frames=4, n=8)
    assert conversion.summary.n_populations > 20


def test_codes() -> None:
    table = cpg(200)
    assert table[0].tolist() == [0, 1] * 5  # sin 0 = 0, cos 0 = 1
    p, i = 57, 3
    w = 10000 ** (-2 * i / BITS)
    assert table[p, 2 * i] == (math.sin(p * w) >= 0.8)
    bits = gray(16, 4)
    assert len(np.unique(bits, axis=0)) == 16
    assert (np.abs(np.diff(bits, axis=0)).sum(axis=1) == 1).all()
    r = log_pe(6)
    assert np.array_equal(r, r.T)
    assert r[0].tolist() == [3, 2, 2, 1, 0, 0] or r[0].tolist() == [3, 2, 1, 1, 0, 0]


def test_agreement_is_linear_and_one_product() -> None:
    """Sum over bits of XNOR(q, k) = d - sum q - sum k + 2 q k."""
    rng = np.random.default_rng(0)
    q, k = rng.integers(0, 2, (2, 5, 12))
    agree = (q[:, None] == k[None]).sum(axis=-1)
    assert np.array_equal(12 - q.sum(-1)[:, None] - k.sum(-1)[None] + 2 * q @ k.T, agree)
