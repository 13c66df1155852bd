"""Calls grow in number with the graph's size, not with its square; no clock is read.

Twice the blocks may take 2.2 times the calls of any function of snnc's (a sort or a heap gives a
little more than twice); a pass that calls something of all nodes for each node takes four times.
What grows inside of a single call (NumPy's, a copied dict) is seen by benchmarks/scaling.py alone.
"""

from __future__ import annotations

import cProfile
import pstats
from pathlib import Path

import onnx

from snnc.backends.dense.program import compile_graph
from snnc.backends.event import EventEngine
from snnc.converter.convert import convert_source
from snnc.converter.sources import SourceOptions, load_source
from snnc.ir import file as snnc_file
from snnc.ir.codes import RunSettings
from snnc.ir.file import SnncFile
from snnc.ir.passes.chip import run_chip_passes
from tests.converter.chain import chain, chip_passes
from tests.converter.residual import residual_onnx

BLOCKS = 12
LAYERS = 16
MOST = 2.2
FEW = 400
"""Calls of the larger network below which a function is not looked at: constant parts dominate."""


def calls(n_blocks: int, folder: Path) -> dict[str, int]:
    """Calls by function of everything between a file and a compiled network."""
    path = folder / f"{n_blocks}.onnx"
    onnx.save(residual_onnx(n_blocks), path)
    profile = cProfile.Profile()
    profile.enable()
    source = load_source(str(path), SourceOptions(input_range=(0.0, 4.0), input_bits=8))
    done = convert_source(source)
    content = SnncFile(
        float_graph=done.float_graph, integer_graph=done.integer_graph, onnx=dict(done.onnx)
    )
    snnc_file.save(path.with_suffix(".snnc"), content)
    graph = snnc_file.load(path.with_suffix(".snnc")).integer_graph
    compile_graph(graph, RunSettings(), 1)
    return _calls(profile)


def chip_calls(n_layers: int) -> dict[str, int]:
    """Calls by function of the passes that chips ask for, and of the event engine's tables."""
    graph, profile = chain(n_layers), cProfile.Profile()
    profile.enable()
    _, changes = run_chip_passes(graph, chip_passes())
    EventEngine(1).prepare(graph, RunSettings())
    assert len(changes) == len(chip_passes()) - 1  # all but biases, which nothing here has
    return _calls(profile)


def _calls(profile: cProfile.Profile) -> dict[str, int]:
    profile.disable()
    found = pstats.Stats(profile).stats  # type: ignore[attr-defined]
    return {f"{Path(file).name}:{line} {name}": n[1] for (file, line, name), n in found.items()}


def test_no_function_is_called_quadratically(tmp_path: Path) -> None:
    calls(1, tmp_path)  # imports, caches
    assert not steep(calls(BLOCKS, tmp_path), calls(2 * BLOCKS, tmp_path))


def test_no_function_is_called_quadratically_for_a_chip() -> None:
    chip_calls(3)  # imports, caches
    assert not steep(chip_calls(LAYERS), chip_calls(2 * LAYERS))


def steep(small: dict[str, int], large: dict[str, int]) -> dict[str, tuple[int, int]]:
    """What is called more often than in proportion, with its calls."""
    return {
        name: (small[name], n)
        for name, n in large.items()
        if name in small and n > FEW and n > MOST * small[name]
    }
