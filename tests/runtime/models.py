"""Small converted models made by hand, and what they compute in plain numpy."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.file import SnncFile, save
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity
from snnc.ir.neurons import Accumulator, FloatFire, IntegerFire
from snnc.ir.nodes import Input, Node, Output, Population
from snnc.ir.rules import FireRule, RuleOp

N_IN, N_HIDDEN, N_OUT, D = 6, 5, 3, 4
STEP = 0.25
W1 = np.random.default_rng(0).integers(-7, 8, (N_HIDDEN, N_IN))
W2 = np.random.default_rng(1).integers(-7, 8, (N_OUT, N_HIDDEN))
BIAS = np.arange(N_HIDDEN) - 2
THRESHOLDS = np.array([[2, 9, 16, 23]])


def reference(q: Array) -> IntArray:
    """Scores (N, 3) of input counts (N, 6), written out."""
    i = q.astype(np.int64) @ W1.T + BIAS
    k = np.zeros_like(i)
    for theta in THRESHOLDS[0]:
        k += i >= theta
    return k @ W2.T


def make_file(
    *, settings: RunSettings | None = None, manifest: Mapping[str, Any] | None = None, **fields: Any
) -> SnncFile:
    """A two-layer network on uint8 inputs 0..4; `fields` replace those of its input."""
    graphs = [_graph(form, fields) for form in ("float", "integer")]
    return SnncFile(
        float_graph=graphs[0],
        integer_graph=graphs[1],
        settings=settings or RunSettings(),
        manifest={"target": "sim", "weight_bits": 4, **(manifest or {})},
    )


def save_model(folder: Path, **options: Any) -> Path:
    """Write `make_file` and return its path."""
    path = folder / "tiny.snnc"
    save(path, make_file(**options))
    return path


def samples(n: int = 20, seed: int = 2) -> tuple[Array, IntArray]:
    """Inputs (n, 6) uint8 and the labels (n,) that the network gives them."""
    x = np.random.default_rng(seed).integers(0, D + 1, (n, N_IN)).astype(np.uint8)
    return x, reference(x).argmax(axis=1)


def save_samples(folder: Path, n: int = 20, **arrays: Any) -> Path:
    """Write `samples` as `data.npz`; `arrays` replace or add to x and y."""
    x, y = samples(n)
    path = folder / "data.npz"
    np.savez(path, **{"x": x, "y": y, **arrays})
    return path


def _graph(form: Any, fields: Mapping[str, Any]) -> Graph:
    dtype = np.float64 if form == "float" else np.int64
    rule = FireRule(
        ops=(
            RuleOp("add", (np.array(5.0),)),
            RuleOp("div", (np.array(7.0),)),
            RuleOp("floor"),
            RuleOp("clip", (np.array(0.0), np.array(float(D)))),
        )
    )
    fire = (
        FloatFire(rule=rule, lo=0, hi=D)
        if form == "float"
        else IntegerFire(lo=0, thresholds=THRESHOLDS)
    )
    entry = replace(
        Input(name="x", shape=(N_IN,), dtype="uint8", lo=0, hi=D, source_tensor="x"), **fields
    )
    nodes: list[Node] = [
        entry,
        Population(name="hidden", shape=(N_HIDDEN,), model=fire, bias=BIAS.astype(dtype)),
        Population(name="scores", shape=(N_OUT,), model=Accumulator(), step=np.array(STEP)),
        Output(name="y", shape=(N_OUT,)),
    ]
    scale = STEP if form == "float" else 1
    weights = {"hidden": W1.astype(dtype), "scores": (W2 * scale).astype(dtype)}
    return Graph(
        nodes=nodes,
        projections=[
            Projection(
                name="fc1", source="x", target="hidden", map=Dense(weight=weights["hidden"])
            ),
            Projection(
                name="fc2", source="hidden", target="scores", map=Dense(weight=weights["scores"])
            ),
            Projection(name="read", source="scores", target="y", map=Identity(shape=(N_OUT,))),
        ],
        form=form,
        name="tiny",
    ).validate()
