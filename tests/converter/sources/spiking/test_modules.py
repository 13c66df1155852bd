"""Spiking modules are read by their class path and attributes, and checked beside their reading."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from onnx import numpy_helper
from torch import nn

import snnc.nn
from snnc.converter.sources import SourceOptions, load_source
from snnc.converter.sources.onnxrun import FrameRunner
from snnc.converter.sources.save import save_model
from snnc.converter.sources.spiking.replace import spiking_modules
from snnc.ir.arrays import Array
from snnc.ir.errors import UnsupportedOperator
from tests.converter.sources.spiking.libraries import (
    IAFSqueeze,
    Leaky,
    LIFNode,
    OldLeaky,
    Q_IFNode,
)

pytestmark = pytest.mark.torch
N_FRAMES = 6


class Net(nn.Module):
    """Two spiking layers, one frame a call."""

    def __init__(self, first: nn.Module, second: nn.Module) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.fc1, self.first = nn.Linear(6, 20), first
        self.fc2, self.second = nn.Linear(20, 20), second
        self.fc3 = nn.Linear(20, 3)
        with torch.no_grad():
            self.fc1.weight.mul_(4)
            self.fc2.weight.mul_(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = _spikes(self.first(self.fc1(x)))
        y: torch.Tensor = self.fc3(_spikes(self.second(self.fc2(x))))
        return y


def _spikes(result: torch.Tensor | tuple[torch.Tensor, ...]) -> torch.Tensor:
    return result[0] if isinstance(result, tuple) else result


def _hard(z: torch.Tensor) -> torch.Tensor:
    return torch.round(torch.clamp(z, 0, 4))


def _frames(shape: tuple[int, ...]) -> Array:
    return np.random.default_rng(1).normal(size=(N_FRAMES, *shape)).astype(np.float32)


NETS = {
    "snntorch": lambda: Net(Leaky(0.9), Leaky(0.5, 0.7, reset_mechanism="zero", init_hidden=True)),
    "snntorch-old": lambda: Net(OldLeaky(1.0), OldLeaky(0.75)),
    "spikingjelly": lambda: Net(LIFNode(3.0), LIFNode(1.5, v_reset=-0.3, decay_input=False)),
    "spikingjelly-soft": lambda: Net(LIFNode(v_reset=None), LIFNode(v_reset=None, v_threshold=0.5)),
    "snnc": lambda: Net(snnc.nn.LIF(0.75, threshold=0.5, reset="zero"), snnc.nn.ILIF(4)),
    "snnc-if": lambda: Net(snnc.nn.IF(), snnc.nn.IF(reset="zero")),
}


@pytest.mark.parametrize("name", NETS)
def test_operators_modules_and_onnx_agree_frame_by_frame(name: str) -> None:
    """The user's modules, the operators that stand for them and their ONNX: one result."""
    net = NETS[name]().eval()
    source = load_source(net, example_inputs=torch.zeros(1, 6))
    kinds = [node.op_type for node in source.onnx.graph.node if node.domain == "snnc"]
    assert kinds == ["IntegrateFire", "IntegrateFire"]
    inputs = source.inputs[0].name
    calls = [{inputs: frame} for frame in _frames((1, 6))]
    assert source.eager is not None
    with torch.no_grad():
        by_hand = [net(torch.from_numpy(call[inputs])).numpy() for call in calls]
    assert np.array_equal(np.concatenate(by_hand), source.eager.outputs(calls)[0])
    spikes = [node.output[0] for node in source.onnx.graph.node if node.domain == "snnc"]
    eager = source.eager.run(calls, spikes)
    ort = FrameRunner(source.onnx, spikes).run(calls)
    for tensor in spikes:
        counts = np.stack([values[tensor] for values in eager])
        assert np.array_equal(counts, np.stack([values[tensor] for values in ort]))
        assert 0.02 < counts.mean() < counts.max()


def test_the_users_module_is_left_as_it_was() -> None:
    net = NETS["snntorch"]().eval()
    first = net.first
    assert isinstance(first, Leaky)
    with torch.no_grad():
        net(torch.ones(1, 6))
    before = first.mem.clone()
    attributes = set(vars(first))
    load_source(net, example_inputs=torch.zeros(1, 6))
    assert type(first) is Leaky
    assert set(vars(first)) == attributes
    assert torch.equal(first.mem, before)


def test_a_saved_program_computes_what_the_modules_do(tmp_path: object) -> None:
    net = NETS["spikingjelly"]().eval()
    path = f"{tmp_path}/net.pt"
    save_model(net, torch.zeros(1, 6), path)
    saved, direct = load_source(path), load_source(net, example_inputs=torch.zeros(1, 6))
    calls = [{direct.inputs[0].name: frame} for frame in _frames((1, 6))]
    assert saved.eager is not None
    assert direct.eager is not None
    assert np.allclose(saved.eager.outputs(calls)[0], direct.eager.outputs(calls)[0], atol=1e-5)


def test_merged_batch_and_time_axes() -> None:
    net = nn.Sequential(nn.Linear(6, 9), IAFSqueeze(min_v_mem=-0.5), nn.Linear(9, 2)).eval()
    neuron = spiking_modules(net)["1"][1]
    assert (neuron.squeezed, neuron.hi, neuron.rounding) == (True, None, "floor")
    assert neuron.v_min is not None
    assert math.isclose(float(neuron.v_min), -0.5)


@pytest.mark.parametrize(
    ("module", "setting"),
    [
        (Leaky(0.9, inhibition=True), "inhibition"),
        (Leaky(0.9, state_quant=True), "state_quant"),
        (Leaky(0.9, reset_delay=False), "reset_delay=False"),
        (OldLeaky(0.9, init_hidden=False), "an old snnTorch's reset"),
        (LIFNode(surrogate=_hard), "surrogate function of several levels"),
        (LIFNode(surrogate=torch.sigmoid), "surrogate function whose forward pass"),
    ],
)
def test_settings_without_event_form_are_refused_by_name(module: nn.Module, setting: str) -> None:
    net = Net(module, snnc.nn.IF())
    with pytest.raises(UnsupportedOperator, match=setting) as caught:
        load_source(net, example_inputs=torch.zeros(1, 6))
    assert caught.value.where == "first"


def test_several_levels_of_a_surrogate_function_are_found() -> None:
    net = Net(LIFNode(v_reset=None, decay_input=False, surrogate=_hard), snnc.nn.IF())
    neuron = spiking_modules(net)["first"][1]
    assert (neuron.rounding, neuron.lo, neuron.hi) == ("half_even", 0, 4)


class Doubling(LIFNode):
    """A subclass whose equations are not those of its attributes."""

    def _step(self, x: torch.Tensor) -> torch.Tensor:
        return super()._step(2 * x)


def test_a_module_that_computes_something_else_is_found_out() -> None:
    with pytest.raises(UnsupportedOperator, match="computes something else"):
        load_source(Net(Doubling(), snnc.nn.IF()), example_inputs=torch.zeros(1, 6))


class Remembers(nn.Module):
    """A membrane of the user's own, in a plain attribute or in a container."""

    def __init__(self, *, boxed: bool) -> None:
        super().__init__()
        self.boxed = boxed
        self.held: torch.Tensor | None = None
        self.box: dict[str, torch.Tensor] = {}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        held = self.box.get("v") if self.boxed else self.held
        v = x if held is None else 0.5 * held + x
        if self.boxed:
            self.box["v"] = v
        else:
            self.held = v
        return torch.round(torch.clamp(v, 0, 4))


class Keeps(nn.Module):
    """Positions that are computed once and kept, and the last result for a look at it."""

    def __init__(self) -> None:
        super().__init__()
        self.positions: torch.Tensor | None = None

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.positions is None:
            self.positions = torch.arange(x.shape[-1]) / 8
        self.last = torch.round(torch.clamp(x + self.positions, 0, 4))
        return self.last


@pytest.mark.parametrize("boxed", [False, True])
def test_a_membrane_that_nobody_declared_is_refused(boxed: bool) -> None:
    """A trace would hold what the example left in it."""
    net = Net(Remembers(boxed=boxed), snnc.nn.IF())
    with pytest.raises(UnsupportedOperator, match="from one call to the next") as caught:
        load_source(net, example_inputs=torch.ones(1, 6))
    assert caught.value.where == "first"


def test_what_is_computed_once_and_kept_is_no_state() -> None:
    load_source(Net(Keeps(), Keeps()), example_inputs=torch.ones(1, 6))


def test_a_node_that_is_called_once_with_all_frames_has_a_membrane_for_each() -> None:
    net = Net(Q_IFNode(), Q_IFNode()).eval()
    x = torch.from_numpy(_frames((1, 6)))
    source = load_source(net, SourceOptions(time_axis=0), x[:, :1])
    nodes = [node for node in source.onnx.graph.node if node.domain == "snnc"]
    constants = {t.name: numpy_helper.to_array(t) for t in source.onnx.graph.initializer}
    assert [float(constants[node.input[1]]) for node in nodes] == [0.0, 0.0]
