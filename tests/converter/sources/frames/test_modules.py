"""Models over T frames in PyTorch: all at once, in a loop, or one frame repeated by forward()."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

import snnc.nn
from snnc.converter.sources import SourceOptions, load_source
from snnc.converter.sources.frames.eager import gathered
from snnc.converter.sources.onnxrun import FrameRunner
from snnc.converter.sources.save import save_model
from snnc.ir.errors import CalledTwice, ShapeMismatch
from tests.converter.sources.spiking.libraries import IAFSqueeze, Leaky, LIFNode

pytestmark = pytest.mark.torch
T = 4


def _strong(module: nn.Module) -> nn.Module:
    """Weights that make neurons fire."""
    torch.manual_seed(0)
    with torch.no_grad():
        for p in module.parameters():
            if p.ndim > 1:
                p.copy_(torch.randn_like(p))
    return module.eval()


class Loop(nn.Module):
    """snnTorch's way: time first, a loop, states handed from call to call."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.lif1 = nn.Linear(6, 12), Leaky(0.9)
        self.fc2, self.lif2 = nn.Linear(12, 4), Leaky(0.8, reset_mechanism="none")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mem1, mem2 = self.lif1.reset_mem(), self.lif2.reset_mem()
        voltages = []
        for t in range(x.shape[0]):
            spikes, mem1 = self.lif1(self.fc1(x[t]), mem1)
            _, mem2 = self.lif2(self.fc2(spikes), mem2)
            voltages.append(mem2)
        return torch.stack(voltages)


class AllAtOnce(nn.Module):
    """SpikingJelly's way: time first, merged with the batch for layers without state."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)
        self.lif, self.pool = LIFNode(step_mode="m", v_reset=None), nn.AvgPool2d(2)
        self.fc = nn.Linear(36, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn(self.conv(x.flatten(0, 1)))
        y = self.lif(y.unflatten(0, (x.shape[0], x.shape[1])))
        y = self.pool(y.flatten(0, 1)).flatten(1).unflatten(0, (x.shape[0], x.shape[1]))
        z: torch.Tensor = self.fc(y.mean(0))
        return z


class Repeating(nn.Module):
    """A still image that forward() itself shows for T frames."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.lif, self.fc2 = nn.Linear(6, 8), snnc.nn.LIF(0.5), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.lif.reset()
        total = sum(self.fc2(self.lif(self.fc1(x))) for _ in range(T))
        assert isinstance(total, torch.Tensor)
        return total


class BatchFirst(nn.Module):
    """sinabs' way: batch and time merged throughout."""

    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 8), IAFSqueeze(-1.0), nn.Linear(8, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.body(x.flatten(0, 1)).unflatten(0, (1, -1))
        return y


CASES: dict[str, tuple[type[nn.Module], tuple[int, ...], int | None, str]] = {
    "loop": (Loop, (T, 1, 6), 0, "none"),
    "all-at-once": (AllAtOnce, (T, 1, 2, 6, 6), 0, "mean"),
    "repeating": (Repeating, (1, 6), None, "sum"),
    "batch-first": (BatchFirst, (1, T, 6), 1, "none"),
}


@pytest.mark.parametrize("name", CASES)
def test_one_frame_model_is_the_model_over_all_frames(name: str, tmp_path: Any) -> None:
    """PyTorch over all frames, cut into frames, against ONNX Runtime frame by frame."""
    cls, shape, axis, reduction = CASES[name]
    net = _strong(cls())
    path = tmp_path / "net.pt"
    save_model(net, torch.zeros(shape), path, frames=T, time_axis=axis)
    for source in (
        load_source(net, SourceOptions(frames=T, time_axis=axis), torch.zeros(shape)),
        load_source(path),
    ):
        assert source.n_frames == T
        assert source.layout is not None
        assert source.layout.reductions == (reduction,)
        (declared,) = source.inputs
        dims = [d.dim_value for d in source.onnx.graph.input[0].type.tensor_type.shape.dim]
        rng = np.random.default_rng(1)
        frames = rng.normal(size=(T, *dims)).astype(np.float32)
        if axis is None:
            frames[:] = frames[0]
        calls = [{declared.name: frame} for frame in frames]
        kinds = {n.output[0]: n.op_type for n in source.onnx.graph.node if n.domain == "snnc"}
        names = list(kinds)
        assert source.eager is not None
        by_frame = source.eager.run(calls, names)
        ort = FrameRunner(source.onnx, names).run(calls)
        for tensor in names:
            a, b = (np.stack([values[tensor] for values in run]) for run in (by_frame, ort))
            if kinds[tensor] == "Trace":  # real values
                assert np.allclose(a, b, atol=1e-4)
            else:
                assert np.array_equal(a, b)
            assert a.any()
        with torch.no_grad():
            given = torch.from_numpy(gathered(source.layout, calls)[declared.name])
            _restart(net)
            expected = net(given).numpy().reshape(-1)
        assert np.allclose(source.eager.outputs(calls)[0].reshape(-1), expected, atol=1e-5)
        out = np.stack([values[source.outputs[0]] for values in ort])
        out = {"none": out, "sum": out.sum(0), "mean": out.mean(0)}[reduction]
        assert np.allclose(out.reshape(-1), expected, atol=1e-4)


def _restart(net: nn.Module) -> None:
    for module in net.modules():
        for name in ("reset", "reset_states"):
            if hasattr(module, name):
                getattr(module, name)()


class Shared(nn.Module):
    """One neuron in two places."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.fc2, self.lif = nn.Linear(6, 6), nn.Linear(6, 6), snnc.nn.LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.lif(self.fc2(self.lif(self.fc1(x))))
        return y


@pytest.mark.parametrize("frames", [None, 2])
def test_a_shared_stateful_module_is_refused(frames: int | None) -> None:
    with pytest.raises(CalledTwice) as caught:
        load_source(_strong(Shared()), SourceOptions(frames=frames), torch.zeros(1, 6))
    assert caught.value.where == "lif"


def test_a_module_over_all_frames_needs_a_time_axis() -> None:
    with pytest.raises(ShapeMismatch, match="takes all frames at once") as caught:
        load_source(_strong(AllAtOnce()), None, torch.zeros(1, 1, 2, 6, 6))
    assert "--time-axis" in (caught.value.hint or "")
