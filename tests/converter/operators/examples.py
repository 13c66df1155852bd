"""One example or more for every operator of docs/support.md, by operator type.

A module of this package that has `EXAMPLES` is found by itself: a new lowering rule brings its
example in a file of its own or in the one of its family.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pkgutil import iter_modules

import numpy as np

import tests.converter.operators as package
from snnc.converter.sources import InputGrid, SourceModel
from snnc.ir.arrays import Array, Shape
from tests.converter.lower.nets import f32, from_text, weights

COUNTS = "c0 = Conv <pads=[1,1,1,1]> (x, w0) a0 = Clip(c0, lo, hi) k = Round(a0) "
"""Integer activations k, shape (1, 4, 5, 6), counts 0 to 4."""


@dataclass(frozen=True)
class Example:
    """A small network around one operator.

    Attributes:
        body: ONNX text, behind `COUNTS`; what it calls `y` is the output.
        constants: by name.
        status: what `snnc check` says of the operator; None: the normal form is without it.
        before: what stands in front of `body`.
        shape: of the input.
        opset: of the file.
    """

    body: str
    constants: Mapping[str, Array] = field(default_factory=dict)
    status: str | None = "folded"
    before: str = COUNTS
    shape: Shape = (2, 5, 6)
    opset: int = 18

    def source(self) -> SourceModel:
        """The network."""
        always = {"lo": f32(0), "hi": f32(4), "w0": weights(4, 2, 3, 3) * f32(0.6)}
        used = {n: a for n, a in always.items() if n in self.before + self.body}
        return from_text(
            self.before + self.body,
            self.shape,
            used | dict(self.constants),
            grid=InputGrid(lo=-8, hi=8, step=0.25),
            opset=self.opset,
        )


def all_examples() -> dict[str, list[Example]]:
    """Examples of all modules by operator type."""
    found: dict[str, list[Example]] = {}
    for module in _modules():
        for op_type, examples in getattr(module, "EXAMPLES", {}).items():
            found.setdefault(op_type, []).extend(examples)
    return found


def _modules() -> Iterator[object]:
    for each in iter_modules(package.__path__, f"{package.__name__}."):
        if not each.name.rpartition(".")[2].startswith("test_") and each.name != __name__:
            yield import_module(each.name)


def ints(*values: int) -> Array:
    """A vector of int64."""
    return np.array(values, dtype=np.int64)
