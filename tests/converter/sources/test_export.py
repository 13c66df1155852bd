"""Export of PyTorch programs: module paths, values by name, modes that come back."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from snnc.converter.sources import load_source
from snnc.converter.sources.eager import ProgramEager
from snnc.converter.sources.export import (
    export_module,
    module_paths,
    path_from_name,
    plain_module,
    program_to_onnx,
)
from snnc.ir.errors import ShapeMismatch
from tests.converter.sources.nets import conv_net

pytestmark = pytest.mark.torch


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("/conv1/Conv", "conv1"),
        ("/layer1/layer1.0/conv1/Conv", "layer1.0.conv1"),
        ("/a/a.0/b/b.1/c/Relu", "a.0.b.1.c"),
        ("/Flatten", "/Flatten"),
        ("Conv_12", "Conv_12"),
    ],
)
def test_paths_of_the_older_exporter(name: str, path: str) -> None:
    assert path_from_name(name) == path


def test_operators_of_the_root_have_their_own_name() -> None:
    program = export_module(conv_net(), [torch.zeros(1, 1, 8, 8)], "net")
    model, _ = program_to_onnx(program, "net")
    paths = module_paths(model)
    by_operator = {node.op_type: paths[node.name] for node in model.graph.node}
    assert by_operator["Gemm"] == "head"
    assert by_operator["Add"] == "add"


class Constants(nn.Module):
    """A parameter, a buffer, one that is not saved, and a plain tensor."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.tensor([2.0, 3.0]))
        self.offset: torch.Tensor
        self.shift: torch.Tensor
        self.register_buffer("offset", torch.tensor([1.0, -1.0]))
        self.register_buffer("shift", torch.tensor([0.5, 0.5]), persistent=False)
        self.plain = torch.tensor([10.0, 20.0])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.relu(x * self.scale + self.offset + self.shift) * self.plain


def test_values_of_every_kind_of_constant() -> None:
    module = Constants()
    program = export_module(module, [torch.zeros(1, 2)], "net")
    model, exported = program_to_onnx(program, "net")
    tensors = [name for node in model.graph.node for name in node.output]
    eager = ProgramEager(exported, module, ["x"], tensors)
    relu = next(n.output[0] for n in model.graph.node if n.op_type == "Relu")
    assert relu in eager.tensors
    x = {"x": np.array([[1.0, -4.0]], np.float32)}
    assert eager.run([x], [relu])[0][relu].tolist() == [[3.5, 0.0]]
    assert eager.outputs([x])[0].tolist() == [[35.0, 0.0]]


def test_the_example_must_fit() -> None:
    with pytest.raises(ShapeMismatch, match="2, 1, 9"):
        export_module(nn.Linear(3, 3), [torch.zeros(2, 1, 9)], "net")


def test_wrappers_are_taken_off() -> None:
    net = conv_net()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # PyTorch's own, on first use
        compiled: Any = torch.compile(net)
    assert plain_module(compiled) is net
    assert plain_module(nn.DataParallel(net)) is net
    assert plain_module(nn.DataParallel(compiled)) is net
    source = load_source(nn.DataParallel(net), example_inputs=torch.zeros(1, 1, 8, 8))
    assert source.name == "ConvNet"
    assert "stem.0" in source.module_paths.values()


def test_modes_of_all_modules_come_back_even_after_an_error() -> None:
    net = conv_net().train()
    net.stem.eval()
    modes = [m.training for m in net.modules()]
    export_module(net, [torch.zeros(1, 1, 8, 8)], "net")
    with pytest.raises(ShapeMismatch):
        export_module(net, [torch.zeros(1, 3, 8, 8)], "net")
    assert [m.training for m in net.modules()] == modes
