"""The Python face of conversion: in memory, to a file, to a bundle, or nothing at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import snnc
from snnc.converter.sources import SourceOptions, load_source
from snnc.ir.errors import OutputExists, UnsupportedByTarget, WrongUsage
from snnc.runtime.convert import DEFAULT_OUTPUT, convert
from tests import needs

pytestmark = pytest.mark.torch
torch = needs.module("torch")
from tests.cli import nets  # noqa: E402


def test_a_module_converts_in_memory() -> None:
    x = np.random.default_rng(0).integers(0, 17, (4, 1, 8, 8)).astype(np.float32)
    model = nets.net()
    found = convert(model, torch.from_numpy(x), input_range=(0, 15), input_bits=4)
    assert found.output is None
    assert found.bundle is None
    assert found.fits is None
    result = snnc.run(found.model, x)
    assert result.outputs.shape == (4, 10)
    with pytest.raises(WrongUsage, match="no file name"):
        convert(model, torch.from_numpy(x), output=DEFAULT_OUTPUT)


def test_a_loaded_source_is_exported_once_for_several_conversions() -> None:
    x = np.random.default_rng(0).integers(0, 17, (4, 1, 8, 8)).astype(np.float32)
    source = load_source(nets.net(), SourceOptions(input_range=(0, 16), input_bits=4), x)
    eight, four = (convert(source, weight_bits=bits) for bits in (8, 4))
    assert eight.float_graph.content_hash() == four.float_graph.content_hash()
    assert snnc.verify(source, four.model, x).ok
    with pytest.raises(WrongUsage, match="already"):
        convert(source, levels=4)


@pytest.mark.parametrize("error", [KeyboardInterrupt, UnsupportedByTarget("no")])
def test_a_failed_bundle_leaves_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Any
) -> None:
    import snnc.backends.lava.bundle as bundle

    def fail(*_args: Any, **_options: Any) -> None:
        raise error

    source = nets.save(tmp_path / "model.pt")
    monkeypatch.setattr(bundle, "_write_folder", fail)
    with pytest.raises((KeyboardInterrupt, UnsupportedByTarget)):
        convert(source, output=tmp_path / "model.snnc", target="loihi2")
    assert list(tmp_path.iterdir()) == [source]


def test_outputs_are_checked_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("snnc.runtime.convert.as_source", None)
    (tmp_path / "a.loihi2").mkdir()
    with pytest.raises(OutputExists, match=r"a\.loihi2"):
        convert("m.pt", output=tmp_path / "a.snnc", target="loihi")
    with pytest.raises(WrongUsage, match=r"cannot write `a\.onnx`"):
        convert("m.pt", output=tmp_path / "a.onnx")


def test_words_are_checked() -> None:
    with pytest.raises(WrongUsage, match="lava_conv is one of None, 'sparse', 'conv', not 'dense'"):
        convert("m.pt", lava_conv="dense")  # type: ignore[arg-type]
    with pytest.raises(WrongUsage, match="first_layer"):
        convert("m.pt", first_layer="gpu")  # type: ignore[arg-type]


def test_the_file_says_where_it_comes_from(tmp_path: Path) -> None:
    source = nets.save(tmp_path / "model.pt")
    convert(source, output=tmp_path / "model.snnc", weight_bits=5, code="burst")
    model = snnc.load(tmp_path / "model.snnc")
    shown = model.to_json()
    assert shown["provenance"]["file"] == "model.pt"
    assert len(shown["provenance"]["sha256"]) == 64
    assert shown["written_by"] == f"snnc {snnc.__version__}"
    assert (shown["weight_bits"], shown["code"]) == (5, "burst")
    assert max(p["bits"] for p in shown["projections"]) == 5


def test_a_bundle_option_for_a_target_without_bundle_is_refused() -> None:
    with pytest.raises(WrongUsage, match="`sim` has none"):
        convert("m.pt", lava_conv="conv")


class LongWay(torch.nn.Module):  # type: ignore[misc, name-defined]
    """A sum of a branch of four activations with 31 levels and of none."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = torch.nn.ModuleList(torch.nn.Linear(4, 4) for _ in range(4))

    def forward(self, x: Any) -> Any:
        long = x = torch.round(torch.clamp(x, 0, 31))
        for layer in self.layers:
            long = torch.round(torch.clamp(layer(long), 0, 31))
        return x + long


def test_a_long_pipeline_gets_relays_and_says_so() -> None:
    torch.manual_seed(0)
    x = np.random.default_rng(0).integers(0, 32, (5, 4)).astype(np.float32)
    module = LongWay()
    source = load_source(module, SourceOptions(input_range=(0, 31), input_bits=5), x)
    found = convert(source, target="loihi2", code="burst", schedule="pipelined")
    assert [note for note in found.notes if "relay population" in note]
    assert snnc.verify(source, found.model, x).ok
    plain = convert(source, target="loihi2", code="burst")
    assert np.array_equal(snnc.run(found.model, x).outputs, snnc.run(plain.model, x).outputs)
