"""Chip files: limits with a source each, formats, and named refusals."""

from __future__ import annotations

from pathlib import Path

import pytest

from snnc.backends.chips import chip_names, load_chip
from snnc.backends.lava.limits import LOIHI1, LOIHI2
from snnc.ir.errors import UnknownHardware
from snnc.ir.limits import Limits

TEXTS = """
title = "A chip"
process = "1 nm"
payload = "graded"
note = "None."
"""
FULL = (
    TEXTS
    + """
[limits]
source = "the data sheet"
cores_per_chip = 2
neurons_per_core = { value = 10, source = "page 3" }
[mesh]
columns = 2
rows = 1
cores_per_router = 1
source = "page 4"
[synapses]
word_bits = 32
header_bits = 4
weight_widths = [2, 4]
index_widths = [8]
dense_lists = "plain"
kernels = "unshared"
source = "page 5"
[neurons]
models = ["fixed-current-lif"]
programmable = false
source = "page 6"
"""
)


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "mychip.toml"
    path.write_text(text)
    return path


def test_limits_with_their_own_source_or_the_tables() -> None:
    for name in chip_names():
        for limit in load_chip(name).limits.values():
            assert limit.value > 0
            assert limit.source
    assert "arXiv" in load_chip("loihi2").limits["weight_bits"].source


def test_users_chip(tmp_path: Path) -> None:
    chip = load_chip(written(tmp_path, FULL))
    assert chip.name == "mychip"
    assert chip.cores_per_chip == 2
    assert chip.limits["cores_per_chip"].source == "the data sheet"
    assert chip.limits["neurons_per_core"].source == "page 3"
    assert chip.core_limits() == {"neurons": 10}
    assert chip.limit("in_axons_per_core") is None
    assert chip.mesh is not None
    assert chip.mesh.columns == 2
    assert chip.synapses is not None
    assert chip.synapses.block_synapses is None
    assert chip.neurons is not None
    assert not chip.neurons.programmable


def test_what_a_file_leaves_out_is_unknown(tmp_path: Path) -> None:
    chip = load_chip(written(tmp_path, TEXTS))
    assert (chip.mesh, chip.synapses, chip.neurons, chip.cores_per_chip) == (None,) * 4
    assert chip.widths() == Limits(target="mychip")


def test_formats_of_loihi() -> None:
    """As Davies et al., nengo-loihi, lava-nc and Timcheck et al. have them."""
    formats = {"membrane_bits": 24, "weight_bits": 8, "max_exponent": 7, "max_delay": 62}
    formats |= {"bias_bits": 13, "bias_exponent_bits": 3}
    assert (
        Limits(target="loihi1", current_bits=22, payload_bits=0, leak_bits=12, **formats) == LOIHI1
    )
    assert (
        Limits(target="loihi2", current_bits=24, payload_bits=24, leak_bits=12, **formats) == LOIHI2
    )
    for name in ("loihi1", "loihi2"):
        stock = ("threshold_bits", "bias_bits", "bias_exponent_bits")
        assert [load_chip(name).limit(key) for key in stock] == [17, 13, 3]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("neurons_per_core", "neurons_in_core", "did you mean `neurons_per_core`"),
        ('{ value = 10, source = "page 3" }', '{ value = 10, page = "3" }', "unknown key `page`"),
        ('{ value = 10, source = "page 3" }', "-1", ">= 0"),
        ('{ value = 10, source = "page 3" }', "1.5", "must be an integer"),
        ("columns = 2", "columns = 0", ">= 1"),
        ('source = "page 4"', "", "lacks the key `source`"),
        ("[2, 4]", "[4, 2]", "must rise"),
        ("[2, 4]", "[]", "must be a list of integers"),
        ('"plain"', '"sorted"', "unknown dense_lists"),
        ('"unshared"', '"tap"', "did you mean `taps`"),
        ("programmable = false", "programmable = 0", "true or false"),
        ('["fixed-current-lif"]', '"fixed-current-lif"', "list of texts"),
        ('["fixed-current-lif"]', '["lifs"]', "did you mean `lif`"),
    ],
)
def test_malformed_files_are_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in FULL
    with pytest.raises(UnknownHardware, match=message):
        load_chip(written(tmp_path, FULL.replace(old, new)))


def test_a_file_nested_too_deeply_is_refused(tmp_path: Path) -> None:
    (tmp_path / "deep.toml").write_text("a = " + "[" * 100_000)
    with pytest.raises(UnknownHardware, match=r"deep\.toml"):
        load_chip(str(tmp_path / "deep.toml"))
