"""Every kind of source loads by content, and every bad one is a named error."""

from __future__ import annotations

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from torch import nn

from snnc.converter.sources import InputGrid, SourceModel, SourceOptions, load_source
from snnc.converter.sources.onnxrun import OnnxRunner
from snnc.converter.sources.save import save_model
from snnc.ir.errors import (
    BadInputFile,
    BadWeights,
    CannotLoad,
    DamagedFile,
    DataError,
    ExportFailed,
    KeyMismatch,
    NewerFile,
    ShapeMismatch,
    UnsafePickle,
    WrongUsage,
)
from tests.converter.sources.nets import ConvNet, conv_net

pytestmark = pytest.mark.torch
SHAPE = (1, 1, 8, 8)
FACTORY = "tests.converter.sources.nets:build_conv_net"


@pytest.fixture(scope="module")
def net() -> ConvNet:
    return conv_net()


@pytest.fixture(scope="module")
def saved(net: ConvNet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("saved") / "digits.pt"
    save_model(net, torch.zeros(5, 1, 8, 8), path, input=InputGrid(0, 16))
    return path


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


class _Trap:
    """Unpickling this writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (_spring, (str(self.path),))


def _spring(path: str) -> str:
    Path(path).write_text("code ran")
    return path


def _replace_member(path: Path, ending: str, data: bytes) -> None:
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    (name,) = [n for n in members if n.endswith(ending)]
    members[name] = data
    with zipfile.ZipFile(path, "w") as archive:
        for member, content in members.items():
            archive.writestr(member, content)


def _member(path: Path, ending: str) -> bytes:
    with zipfile.ZipFile(path) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(ending)]
        return archive.read(name)


@pytest.fixture
def plain(net: ConvNet, tmp_path: Path) -> Path:
    path = tmp_path / "plain.pt2"
    with path.open("wb") as file:
        torch.export.save(torch.export.export(net, (torch.zeros(SHAPE),), strict=False), file)
    return path


class _Writer(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.from_file("flag", False, 1)


def test_torchscript_that_reaches_files_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "script.pt"
    with pytest.warns(DeprecationWarning, match="torch.jit"):
        torch.jit.script(_Writer()).save(str(path))  # type: ignore[no-untyped-call]
    with pytest.raises(UnsafePickle, match=r"calls `torch\.from_file`"):
        load_source(path, SourceOptions(input_shape=(1, 4)))


def test_no_code_in_a_pickle_runs(tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    torch.save({"state_dict": _Trap(flag)}, tmp_path / "zip.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(_Trap(flag)))
    for name in ("zip.pt", "raw.pt"):
        with pytest.raises((UnsafePickle, DamagedFile)):
            load_source(tmp_path / name)
    assert not flag.exists()


def test_no_code_in_sample_inputs_runs(plain: Path, tmp_path: Path) -> None:
    flag = tmp_path / "flag"
    buffer = io.BytesIO()
    torch.save((_Trap(flag),), buffer)
    _replace_member(plain, "sample_inputs/model.pt", buffer.getvalue())
    with pytest.raises(UnsafePickle, match="sample_inputs"):
        load_source(plain)
    assert not flag.exists()


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"torch.ops.aten.clamp.default", b"_operator.attrgetter", "calls `_operator.attrgetter`"),
        (b"torch.ops.aten.clamp.default", b"torch.os.system", "calls `torch.os.system`"),
        (b"torch.ops.aten.clamp.default", b"torch.ops.aten.from_file.default", "from_file"),
        (b'"as_int": 1', b'"as_expr": {"expr_str": "__import__(1)", "hint": null}', "expression"),
    ],
)
def test_programs_that_could_run_code_are_refused(
    plain: Path, old: bytes, new: bytes, message: str
) -> None:
    graph = _member(plain, "models/model.json")
    assert old in graph
    _replace_member(plain, "models/model.json", graph.replace(old, new))
    with pytest.raises(UnsafePickle, match=message):
        load_source(plain)


def test_guards_are_never_compiled(plain: Path) -> None:
    import json

    graph = json.loads(_member(plain, "models/model.json"))
    graph["guards_code"] = ["__import__('os').abort()"]
    _replace_member(plain, "models/model.json", json.dumps(graph).encode())
    assert load_source(plain).provenance["loader"] == "torch.export"


@pytest.mark.parametrize("keep", [0, 1, 4, 100, 0.3, 0.7, 0.99])
def test_truncated_files_are_one_clear_error(saved: Path, tmp_path: Path, keep: float) -> None:
    data = saved.read_bytes()
    path = tmp_path / "cut.pt"
    path.write_bytes(data[: int(keep if keep >= 1 else keep * len(data))])
    with pytest.raises((DamagedFile, CannotLoad)):
        load_source(path)


def test_flipped_bits_are_found(saved: Path, tmp_path: Path) -> None:
    data = bytearray(saved.read_bytes())
    data[len(data) // 2] ^= 255
    path = tmp_path / "flipped.pt"
    path.write_bytes(bytes(data))
    with pytest.raises((DamagedFile, CannotLoad)):
        load_source(path)


def test_zip_bombs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "bomb.pt"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("archive_format", b"pt2")
        archive.writestr("data/weights/w", bytes(2**27))
    with pytest.raises(DamagedFile, match="grow"):
        load_source(path)


def test_names_that_leave_the_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "escape.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../archive_format", b"pt2")
    with pytest.raises(DamagedFile, match="leaves it"):
        load_source(path)


@pytest.mark.parametrize("content", [b"", b"hello", b"\x89HDF\r\n\x1a\nrest", b"\x08\x01" * 50])
def test_what_is_no_model_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "thing"
    path.write_bytes(content)
    with pytest.raises(CannotLoad):
        load_source(path)


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "nothing.pt", tmp_path):
        with pytest.raises(BadInputFile, match=r"cannot be read"):
            load_source(path)


def test_a_newer_save_model_file_is_refused(saved: Path, tmp_path: Path) -> None:
    path = tmp_path / "new.pt"
    path.write_bytes(saved.read_bytes())
    declaration = _member(path, "snnc-source.json").replace(b'"format": 1', b'"format": 9')
    _replace_member(path, "snnc-source.json", declaration)
    with pytest.raises(NewerFile, match="format 9"):
        load_source(path)


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


def _onnx_model(batch: str | int = "n", opset: int = 18) -> onnx.ModelProto:
    weight = helper.make_tensor("w", TensorProto.FLOAT, (3, 2), [1, -2, 3, 4, 0.5, 6])
    nodes = [
        helper.make_node("Identity", ["x"], ["x1"]),
        helper.make_node("MatMul", ["x1", "w"], ["y1"]),
        helper.make_node("Dropout", ["y1"], ["y"]),
    ]
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [batch, 3])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [batch, 2])],
        [weight],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


@pytest.mark.parametrize("opset", [9, 13, 17, 18, 20])
def test_onnx_files_load(tmp_path: Path, opset: int) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(_onnx_model(opset=opset), path)
    source = load_source(path)
    assert [n.op_type for n in source.onnx.graph.node] == ["MatMul"]
    assert source.inputs[0].shape == (3,)
    assert source.provenance["opset"] == max(opset, 18)
    assert source.eager is None
    out = OnnxRunner(source.onnx).outputs({"x": np.array([[1, 2, 4]], np.float32)})[0]
    assert out.tolist() == [[1 + 6 + 2, -2 + 8 + 24]]


def test_old_opsets_and_bad_graphs_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "net.onnx"
    onnx.save(_onnx_model(opset=6), path)
    with pytest.raises(CannotLoad, match="opset 6"):
        load_source(path)
    broken = _onnx_model()
    broken.graph.node[1].input[0] = "nowhere"
    path.write_bytes(broken.SerializeToString())
    with pytest.raises(DamagedFile, match="malformed"):
        load_source(path)


def test_external_data_must_stay_in_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (tmp_path / "secret").write_bytes(np.zeros(6, np.float32).tobytes())
    model = _onnx_model()
    tensor = model.graph.initializer[0]
    tensor.raw_data = b""
    onnx.external_data_helper.set_external_data(tensor, location="../secret")
    tensor.ClearField("raw_data")
    tensor.ClearField("float_data")
    path = folder / "net.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(BadInputFile, match="outside the model's folder"):
        load_source(path)
    (folder / "weights").write_bytes(np.arange(6, dtype=np.float32).tobytes())
    tensor.external_data[0].value = "weights"
    path.write_bytes(model.SerializeToString())
    out = OnnxRunner(load_source(path).onnx).outputs({"x": np.ones((1, 3), np.float32)})[0]
    assert out.tolist() == [[0 + 2 + 4, 1 + 3 + 5]]


def test_free_axes_need_an_input_shape(tmp_path: Path) -> None:
    model = _onnx_model()
    model.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "k"
    path = tmp_path / "net.onnx"
    onnx.save(model, path)
    with pytest.raises(ShapeMismatch, match="no fixed shape"):
        load_source(path)
    assert load_source(path, SourceOptions(input_shape=(1, 3))).inputs[0].shape == (3,)
    with pytest.raises(ShapeMismatch, match="does not fit"):
        load_source(path, SourceOptions(input_shape=(1, 3, 1)))


@pytest.mark.parametrize("entry", ["{", "[1]", '[{"lo": 0}]', "3"])
def test_a_damaged_grid_in_an_onnx_file(entry: str, tmp_path: Path) -> None:
    model = onnx.parser.parse_model(
        '<ir_version: 8, opset_import: ["": 18]> g (float[1,2] x) => (float[1,2] y) { y = Relu(x) }'
    )
    prop = model.metadata_props.add()
    prop.key, prop.value = "snnc.inputs", entry
    path = tmp_path / "m.onnx"
    path.write_bytes(model.SerializeToString())
    with pytest.raises(DamagedFile, match="malformed"):
        load_source(path)
