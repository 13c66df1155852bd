"""Small sources for lowering tests: from ONNX text, from torch modules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from snnc.converter.lower import Lowered, lower
from snnc.converter.sources import InputGrid, SourceModel, SourceOptions, load_source
from snnc.converter.sources.model import InputDeclaration
from snnc.converter.sources.normalise import normalise
from snnc.converter.sources.spiking.operators import register_schemas
from snnc.ir.arrays import Array, Shape
from snnc.ir.neurons import FloatFire
from snnc.ir.nodes import Population
from tests.converter.lower.forcing import Comparison, force

GRID = InputGrid(lo=-8, hi=8, step=0.25)


def from_text(
    body: str,
    shape: Shape,
    constants: Mapping[str, Array] | None = None,
    *,
    grid: InputGrid | None = GRID,
    levels: int | None = None,
    dtype: str = "float",
    opset: int = 18,
) -> SourceModel:
    """A source from the nodes of an ONNX graph in ONNX's text form: x in, y out."""
    dims = ",".join(map(str, (1, *shape)))
    text = (
        f'<ir_version: 9, opset_import: ["" : {opset}, "com.microsoft" : 1, "snnc" : 1]> '
        f"net ({dtype}[{dims}] x) => (float[] y) "
        f"{{ {body} }}"
    )
    register_schemas()
    model = onnx.parser.parse_model(text)
    model.graph.output[0].type.tensor_type.ClearField("shape")
    for name, array in (constants or {}).items():
        model.graph.initializer.append(numpy_helper.from_array(np.asarray(array), name))
    model = normalise(model, "net")
    numpy_dtype = {"float": "float32", "uint8": "uint8"}[dtype]
    declared = InputDeclaration(name="x", shape=shape, dtype=numpy_dtype, grid=grid)
    paths = {node.name: node.output[0] for node in model.graph.node}
    return SourceModel(
        name="net",
        onnx=model,
        inputs=(declared,),
        outputs=("y",),
        module_paths=paths,
        levels=levels,
    )


def from_torch(module: Any, shape: Shape, *, grid: InputGrid | None = GRID) -> SourceModel:
    """A source from a torch module with one float input."""
    import torch

    options = SourceOptions()
    source = load_source(module.eval(), options, torch.zeros(1, *shape))
    (declared,) = source.inputs
    inputs = (InputDeclaration(**{**vars(declared), "grid": grid}),)
    return SourceModel(**{**vars(source), "inputs": inputs})


def sample(source: SourceModel, seed: int = 0) -> dict[str, Array]:
    """A random input on its grid (or a normal one without)."""
    (declared,) = source.inputs
    rng = np.random.default_rng(seed)
    shape = (1, *declared.shape)
    if declared.grid is None:
        return {declared.name: rng.standard_normal(shape).astype(np.float32)}
    lo, hi = declared.grid.count_range
    real = rng.integers(lo, hi + 1, shape) * declared.grid.step
    return {declared.name: real.astype(declared.dtype)}


def check(
    source: SourceModel, *, n_compared: int | None = None, first_layer: Any = None
) -> tuple[Lowered, dict[str, Comparison]]:
    """Lower a source and compare every node with it, fed with the source's own values."""
    lowered = lower(source, first_layer=first_layer)
    compared = force(lowered, sample(source))
    different = {name: c.n_different for name, c in compared.items() if c.n_different}
    assert different == {}
    assert compared, "nothing was compared"
    if n_compared is not None:
        assert len(compared) == n_compared
    return lowered, compared


def fires(lowered: Lowered) -> list[Population]:
    """The populations with an integer activation."""
    return [p for p in lowered.graph.populations if isinstance(p.model, FloatFire)]


def ops_of(population: Population) -> list[str]:
    """Names of the operations of a fire rule."""
    return [op.name for op in model_of(population).rule.ops]


def model_of(population: Population) -> FloatFire:
    """The integer activation of a population that has one."""
    assert isinstance(population.model, FloatFire)
    return population.model


def f32(values: Any) -> Array:
    """Values as the source holds them."""
    return np.asarray(values, dtype=np.float32)


def weights(*shape: int, seed: int = 1) -> Array:
    """Random float32 weights."""
    rng = np.random.default_rng(seed)
    return (rng.standard_normal(shape) * 0.5).astype(np.float32)
