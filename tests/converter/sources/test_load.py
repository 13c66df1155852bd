"""Every kind of source loads by content, and every bad one is a named error."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from snnc.converter.sources import InputGrid, SourceModel, SourceOptions, load_source
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.ir.errors import (
    BadWeights,
    CannotLoad,
    DataError,
    ExportFailed,
    KeyMismatch,
    ShapeMismatch,
    UnsafePickle,
    WrongUsage,
)
from tests.converter.sources.nets import ConvNet, conv_net

pytestmark = pytest.mark.torch
SHAPE = (1, 1, 8, 8)
FACTORY = "tests.converter.sources.nets:build_conv_net"


def image() -> np.ndarray:
    return np.random.default_rng(3).integers(0, 17, SHAPE).astype(np.float32)


def assert_same_function(source: SourceModel, net: ConvNet) -> None:
    x = image()
    expected = net(torch.from_numpy(x)).detach().numpy()
    feed = {source.inputs[0].name: x}
    assert np.allclose(OnnxRunner(source.onnx).outputs(feed)[0], expected, atol=1e-5)
    if source.eager is not None:
        assert np.array_equal(source.eager.outputs([feed])[0], expected)


def test_saved_model_loads_with_its_grid_and_module_paths(net: ConvNet, saved: Path) -> None:
    source = load_source(saved)
    assert_same_function(source, net)
    (declared,) = source.inputs
    assert declared.shape == (1, 8, 8)
    assert declared.dtype == "float32"
    assert declared.grid == InputGrid(0, 16)
    assert source.name == "digits"
    assert source.provenance["loader"] == "save_model"
    assert len(source.provenance["sha256"]) == 64
    paths = {source.module_path(node.name) for node in source.onnx.graph.node}
    assert {"stem.0", "stem.1", "fire", "block.0", "fire2", "head"} <= paths


def test_a_saved_model_holds_no_path_of_the_machine(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        inner = zipfile.ZipFile(io.BytesIO(archive.read("program.pt2")))
    here = str(Path(__file__).resolve().parents[3]).encode()
    assert not [name for name in inner.namelist() if here in inner.read(name)]


def test_every_tensor_of_the_program_can_be_read_in_pytorch(saved: Path) -> None:
    source = load_source(saved)
    assert source.eager is not None
    rounds = [n.output[0] for n in source.onnx.graph.node if n.op_type == "Round"]
    assert len(rounds) == 2
    feed = {source.inputs[0].name: image()}
    (eager,) = source.eager.run([feed], rounds)
    onnx_values = OnnxRunner(source.onnx, rounds).run(feed)
    for name in rounds:
        assert np.array_equal(eager[name], onnx_values[name])
        assert eager[name].max() == 4
        assert eager[name].min() == 0


def test_a_module_at_hand_loads_and_keeps_its_mode(net: ConvNet) -> None:
    net.train()
    net.block.eval()
    source = load_source(net, example_inputs=torch.zeros(2, 1, 8, 8))
    assert net.training
    assert not net.block.training
    net.eval()
    assert_same_function(source, net)
    assert source.name == "ConvNet"
    assert source.provenance["sha256"] is None


def test_a_plain_pt2_loads_whatever_its_extension(net: ConvNet, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    torch.export.save(torch.export.export(net, (torch.zeros(SHAPE),), strict=False), buffer)
    path = tmp_path / "model.bin"
    path.write_bytes(buffer.getvalue())
    source = load_source(path)
    assert_same_function(source, net)
    assert source.provenance["loader"] == "torch.export"
    assert source.inputs[0].grid is None


def test_a_free_batch_axis_becomes_one(net: ConvNet, tmp_path: Path) -> None:
    program = torch.export.export(
        net,
        (torch.zeros(2, 1, 8, 8),),
        dynamic_shapes=({0: torch.export.Dim("n")},),
        strict=False,
    )
    path = tmp_path / "free.pt2"
    with path.open("wb") as file:
        torch.export.save(program, file)
    source = load_source(path)
    assert source.inputs[0].shape == (1, 8, 8)
    assert_same_function(source, net)


def test_torchscript_loads_through_the_older_exporter(net: ConvNet, tmp_path: Path) -> None:
    path = tmp_path / "script"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.trace(net, torch.zeros(SHAPE)).save(str(path))  # type: ignore[no-untyped-call]
    with pytest.raises(CannotLoad, match="shape of its input"):
        load_source(path)
    source = load_source(path, SourceOptions(input_shape=SHAPE))
    assert_same_function(source, net)
    assert source.provenance["loader"] == "torchscript"
    assert source.eager is not None
    assert source.eager.tensors == frozenset()


@pytest.mark.parametrize("nested", [None, "model", "state_dict", "ema"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_checkpoints_are_found(
    net: ConvNet, tmp_path: Path, nested: str | None, prefix: str
) -> None:
    state = {prefix + key: value for key, value in net.state_dict().items()}
    path = tmp_path / "weights.pth"
    torch.save(state if nested is None else {nested: state, "epoch": 3}, path)
    with pytest.raises(CannotLoad, match=r"weights and no model") as refused:
        load_source(path)
    assert "--factory" in str(refused.value)
    source = load_source(path, SourceOptions(factory=FACTORY, input_shape=SHAPE))
    assert_same_function(source, net)
    assert source.provenance["checkpoint_key"] == nested


def test_missing_and_unknown_keys_are_named(net: ConvNet, tmp_path: Path) -> None:
    state = dict(net.state_dict())
    state["head.scale"] = state.pop("head.bias")
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    with pytest.raises(KeyMismatch) as error:
        load_source(path, SourceOptions(factory=FACTORY, input_shape=SHAPE))
    assert "1 missing: `head.bias`" in str(error.value)
    assert "1 unknown: `head.scale`" in str(error.value)


def test_a_weight_of_another_shape_is_named(net: ConvNet, tmp_path: Path) -> None:
    state = dict(net.state_dict())
    state["head.bias"] = torch.zeros(4)
    path = tmp_path / "weights.pth"
    torch.save(state, path)
    with pytest.raises(ShapeMismatch, match=r"`head.bias` has shape \(4,\)"):
        load_source(path, SourceOptions(factory=FACTORY, input_shape=SHAPE))


@pytest.mark.parametrize(
    ("factory", "message"),
    [
        ("nets", "not of the form"),
        ("tests.converter.sources.nets:nothing", "has no attribute 'nothing'"),
        ("no_such_package.x:y", "No module named 'no_such_package'"),
        ("builtins:dict", "not a torch.nn.Module"),
    ],
)
def test_bad_factories_are_named(net: ConvNet, tmp_path: Path, factory: str, message: str) -> None:
    path = tmp_path / "weights.pth"
    torch.save(net.state_dict(), path)
    with pytest.raises(CannotLoad, match=message):
        load_source(path, SourceOptions(factory=factory, input_shape=SHAPE))


def test_a_factory_for_a_file_that_holds_the_model_is_refused(saved: Path) -> None:
    with pytest.raises(WrongUsage, match="--factory is for files of weights"):
        load_source(saved, SourceOptions(factory=FACTORY))


def test_a_pickled_module_is_refused_unless_trusted(net: ConvNet, tmp_path: Path) -> None:
    path = tmp_path / "module.pt"
    torch.save({"model": net}, path)
    with pytest.raises(UnsafePickle, match="runs code"):
        load_source(path, SourceOptions(input_shape=SHAPE))
    source = load_source(path, SourceOptions(input_shape=SHAPE, trust_pickle=True))
    assert_same_function(source, net)
    assert source.provenance["loader"] == "pickled-module"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_bad_weights_are_named(value: float) -> None:
    net = conv_net(1)
    with torch.no_grad():
        conv = net.block[0]
        assert isinstance(conv, nn.Conv2d)
        conv.weight[1, 2, 0, 0] = value
    with pytest.raises(BadWeights, match=r"`block.0.weight` .* \(1, 2, 0, 0\)"):
        load_source(net, example_inputs=torch.zeros(SHAPE))


def test_wrong_shapes_are_refused(net: ConvNet, saved: Path) -> None:
    with pytest.raises(ShapeMismatch, match=r"1, 3, 8, 8"):
        load_source(net, example_inputs=torch.zeros(1, 3, 8, 8))
    with pytest.raises(ShapeMismatch, match="not the shape"):
        load_source(saved, SourceOptions(input_shape=(1, 1, 9, 9)))


def test_a_model_that_changes_its_buffers_is_refused(tmp_path: Path) -> None:
    net = ConvNet().train()
    program = torch.export.export(net, (torch.zeros(SHAPE),), strict=False)
    path = tmp_path / "train.pt2"
    with path.open("wb") as file:
        torch.export.save(program, file)
    with pytest.raises(ExportFailed, match=r"changes its buffer"):
        load_source(path)


class _Branch(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * 2 if bool(x.sum() > 0) else x


def test_untraceable_models_are_a_named_error() -> None:
    with pytest.raises(ExportFailed, match="cannot trace"):
        load_source(_Branch(), example_inputs=torch.ones(1, 4))


def test_options_declare_a_grid_and_may_not_contradict_the_file(net: ConvNet, saved: Path) -> None:
    options = SourceOptions(input_range=(-1.0, 1.0), input_bits=4)
    grid = load_source(net, options, torch.zeros(SHAPE)).inputs[0].grid
    assert grid == InputGrid(-8, 7, 2 / 15)
    with pytest.raises(DataError, match="already lies on a grid"):
        load_source(saved, options)
    data = np.array([0.0, 0.5, 3.0])
    calibrated = load_source(net, SourceOptions(calibrate=data), torch.zeros(SHAPE))
    assert calibrated.inputs[0].grid == InputGrid(0, 255, 3 / 255)
