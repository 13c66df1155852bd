"""Promises over several frames: state takes the source's counts, reductions, constants by frame."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import snnc
from snnc.converter.sources import SourceOptions, load_source
from snnc.ir.file import SnncFile
from snnc.ir.graph import Graph
from snnc.ir.neurons import IntegrateFire
from snnc.ir.nodes import Population
from snnc.runtime.model import Model
from tests.converter.sources.frames.test_modules import CASES, T, _strong
from tests.converter.sources.spiking.libraries import LIFNode

pytestmark = pytest.mark.torch


class Coded(nn.Module):
    """Two constants that differ by frame: spikes in front of a layer, reals behind it."""

    spikes: torch.Tensor
    position: torch.Tensor

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(1)
        self.fc, self.lif = nn.Linear(6, 8), LIFNode(step_mode="m")
        self.out, self.lif2 = nn.Linear(8, 3), LIFNode(step_mode="m", v_reset=None)
        self.register_buffer("spikes", (torch.rand(T, 1, 8) > 0.5).float())
        self.register_buffer("position", torch.randn(T, 1, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.lif(self.fc(x)) + self.spikes
        z: torch.Tensor = self.lif2(self.out(y) + self.position)
        return z.sum(0)


def _converted(net: nn.Module, shape: tuple[int, ...], axis: int | None, **more: Any) -> Any:
    options = SourceOptions(
        frames=T, time_axis=axis, input_range=(-3.0, 3.0), input_bits=6, levels=more.get("levels")
    )
    source = load_source(net, options, torch.zeros(shape))
    return source, snnc.convert(source)


def _data(model: Model, n: int, axis: int | None) -> np.ndarray:
    shape = model.integer_graph.inputs[0].shape
    size = (n, *shape) if axis is None else (n, T, *shape)
    return np.random.default_rng(0).normal(size=size).astype(np.float32)


@pytest.mark.parametrize(
    "name", ["all-at-once", *(pytest.param(n, marks=pytest.mark.slow) for n in CASES)]
)
def test_sources_over_frames_verify(name: str) -> None:
    cls, shape, axis, reduction = CASES[name]
    levels = 32 if name == "batch-first" else None  # sinabs' counts have no bound
    source, conversion = _converted(_strong(cls()), shape, axis, levels=levels)
    assert conversion.float_graph.outputs[0].reduction == reduction
    x = _data(conversion.model, 8, axis)
    found = snnc.verify(source, conversion.model, x)
    assert found.ok, found.to_json()["promises"]
    assert found.n_frames == T
    outputs = snnc.run(conversion.model, x).outputs
    assert outputs.shape[:2] == ((8, T) if reduction == "none" else (8, outputs.shape[1]))


def test_constants_that_differ_by_frame_are_patterns() -> None:
    net = _strong(Coded())
    source, conversion = _converted(net, (T, 1, 6), 0)
    kinds = [node.kind for node in conversion.float_graph.nodes.values()]
    assert kinds.count("pattern") == 2
    found = snnc.verify(source, conversion.model, _data(conversion.model, 8, 0))
    assert found.ok, found.to_json()["promises"]


def test_a_wrong_leak_is_found() -> None:
    """The float graph with another decay: lowering fails, at a frame after the first."""
    cls, shape, axis, _ = CASES["all-at-once"]
    source, conversion = _converted(_strong(cls()), shape, axis)
    file = conversion.file
    graph = file.float_graph
    node = next(n for n in graph.populations if isinstance(n.model, IntegrateFire))
    wrong = replace(node, model=replace(node.model, decay=np.array(0.25)))
    nodes: list[Any] = [
        wrong if isinstance(n, Population) and n is node else n for n in graph.nodes.values()
    ]
    changed = Graph(
        nodes,
        graph.projections.values(),
        form="float",
        name=graph.name,
        metadata=graph.metadata,
    )
    damaged: SnncFile = replace(file, float_graph=changed)
    model = replace(conversion.model, file=damaged)
    found = snnc.verify(source, model, _data(conversion.model, 4, axis))
    assert not found.ok
    report = next(p for p in found.populations if p.name == node.name)
    assert report.lowering.n_mismatches > 0
    assert report.lowering.first is not None
    assert report.lowering.first.frame > 0
