"""Random networks for lowering: layers, activations of every form, streams, views, pools."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from snnc.converter.sources import InputGrid, SourceModel
from snnc.ir.arrays import Array, Shape, size_of
from tests.converter.lower.nets import GRID, f32, from_text

INPUT: Shape = (2, 6, 6)
Tensor = tuple[str, Shape]
LEVELS = (1, 3, 4, 15)


class RandomNet:
    """The nodes of one network, drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.constants: dict[str, Array] = {}
        self.body: list[str] = []
        self.tensors: list[Tensor] = [("x", INPUT)]
        self._build()

    def source(self, grid: InputGrid | None = GRID) -> SourceModel:
        """The network as a source."""
        return from_text(" ".join(self.body), INPUT, self.constants, grid=grid)

    def _build(self) -> None:
        now = self._activation(self._layer(self.tensors[0]))
        self.tensors.append(now)
        steps: list[Callable[[Tensor], Tensor]] = [
            self._layer,
            self._activation,
            self._constants,
            self._view,
            self._pool,
            self._join,
        ]
        for _ in range(self.rng.integers(3, 9)):
            step = steps[self.rng.choice(6, p=[0.25, 0.3, 0.15, 0.1, 0.1, 0.1])]
            if self.rng.random() < 0.25:
                now = self.tensors[self.rng.integers(1, len(self.tensors))]
            now = step(now)
            self.tensors.append(now)
        if self.rng.random() < 0.6:
            now = self._activation(now)
        self.body.append(f"y = Identity({now[0]})")

    def _constant(self, values: object) -> str:
        name = f"k{len(self.constants)}"
        self.constants[name] = np.asarray(values)
        return name

    def _emit(self, op: str, *inputs: str, attributes: str = "") -> str:
        out = f"t{len(self.body)}"
        self.body.append(f"{out} = {op} {attributes} ({', '.join(inputs)})")
        return out

    def _real(self, *shape: int) -> str:
        return self._constant(f32(self.rng.standard_normal(shape) * 0.5))

    def _activation(self, tensor: Tensor) -> Tensor:
        t, shape = tensor
        levels = float(self.rng.choice(LEVELS))
        lo = self._constant(f32(-levels if self.rng.random() < 0.3 else 0))
        hi, half = self._constant(f32(levels)), self._constant(f32(0.5))
        scale = self._constant(f32(self.rng.choice([0.25, 0.5, 0.3, 1.0])))
        form = self.rng.integers(7)
        if form == 0:
            t = self._emit("Div", self._emit("Round", self._emit("Clip", t, lo, hi)), hi)
        elif form == 1:
            t = self._emit("Floor", self._emit("Add", self._emit("Clip", t, lo, hi), half))
            t = self._emit("Mul", t, scale)
        elif form == 2:
            t = self._emit("Clip", self._emit("Round", self._emit("Div", t, scale)), lo, hi)
            t = self._emit("Mul", t, scale)
        elif form == 3:
            bound = self._constant(self.constants[hi] * self.constants[scale])
            t = self._emit("Min", self._emit("Relu", t), bound)
            t = self._emit("Round", self._emit("Div", t, scale))
        elif form == 4:
            by_channel = self.rng.choice([0.1, 0.2, 0.5], (shape[0],) + (1,) * (len(shape) - 1))
            scale = self._constant(f32(by_channel))
            t = self._emit("Clip", self._emit("Round", self._emit("Div", t, scale)), lo, hi)
            t = self._emit("Mul", t, scale)
        elif form == 5:
            zero = self._constant(np.int8(self.rng.integers(-10, 10)))
            t = self._emit("QuantizeLinear", t, scale, zero)
            t = self._emit("DequantizeLinear", t, scale, zero)
        else:
            t = self._emit("Ceil", self._emit("Clip", t, lo, hi))
        return t, shape

    def _layer(self, tensor: Tensor) -> Tensor:
        t, shape = tensor
        n_out = int(self.rng.integers(2, 5))
        if len(shape) != 3:
            return self._emit("MatMul", t, self._real(shape[-1], n_out)), (*shape[:-1], n_out)
        kernel, stride = int(self.rng.choice([1, 1, 3])), int(self.rng.choice([1, 1, 2]))
        pad = int(self.rng.integers(0, 2)) if kernel == 3 else 0
        if min(shape[1:]) + 2 * pad < kernel:
            return tensor
        groups = 1
        if self.rng.random() < 0.3:
            groups, n_out = shape[0], shape[0] * int(self.rng.integers(1, 3))
        inputs = [t, self._real(n_out, shape[0] // groups, kernel, kernel)]
        if self.rng.random() < 0.5:
            inputs.append(self._real(n_out))
        pads = ",".join([str(pad)] * 4)
        attributes = (
            f"<group: int = {groups}, strides: ints = [{stride},{stride}], pads: ints = [{pads}]>"
        )
        spatial = tuple((n + 2 * pad - kernel) // stride + 1 for n in shape[1:])
        return self._emit("Conv", *inputs, attributes=attributes), (n_out, *spatial)

    def _constants(self, tensor: Tensor) -> Tensor:
        t, shape = tensor
        form = self.rng.integers(4)
        if form == 0 and len(shape) > 1:
            n = shape[0]
            variance = self._constant(f32(self.rng.random(n) + 0.5))
            parts = [self._real(n) for _ in range(3)]
            return self._emit("BatchNormalization", t, *parts, variance), shape
        spread = [(), (shape[0],) + (1,) * (len(shape) - 1), shape][self.rng.integers(3)]
        values = self.rng.standard_normal(spread) + (1.5 if form == 1 else 0)
        inputs = [t, self._constant(f32(values))]
        if form != 2 and self.rng.random() < 0.2:
            inputs.reverse()
        return self._emit(["Add", "Mul", "Sub", "Mul"][form], *inputs), shape

    def _view(self, tensor: Tensor) -> Tensor:
        t, shape = tensor
        form = self.rng.integers(5)
        if form == 0 and len(shape) == 3:
            t = self._emit("Transpose", t, attributes="<perm: ints = [0,2,3,1]>")
            return t, (shape[1], shape[2], shape[0])
        if form == 1 and len(shape) == 3:
            flat = (shape[0], size_of(shape[1:]))
            return self._emit("Reshape", t, self._constant(np.array([1, *flat]))), flat
        if form == 2 and len(shape) == 2:
            t = self._emit("Transpose", t, attributes="<perm: ints = [0,2,1]>")
            return t, (shape[1], shape[0])
        if form == 3 and len(shape) == 3:
            pads = self._constant(np.array([0, 0, 1, 0, 0, 0, 0, 1]))
            return self._emit("Pad", t, pads), (shape[0], shape[1] + 1, shape[2] + 1)
        if form == 4 and shape[0] > 1:
            cut = [self._constant(np.array([n])) for n in (1, shape[0], 1)]
            return self._emit("Slice", t, *cut), (shape[0] - 1, *shape[1:])
        return tensor

    def _pool(self, tensor: Tensor) -> Tensor:
        t, shape = tensor
        if len(shape) != 3 or min(shape[1:]) < 3:
            return tensor
        form = self.rng.integers(3)
        if form == 2:
            axes = self._constant(np.array([3]))
            return self._emit("ReduceMean", t, axes), (*shape[:2], 1)
        op, stride = [("MaxPool", 2), ("AveragePool", 1)][form]
        attributes = f"<kernel_shape: ints = [2,2], strides: ints = [{stride},{stride}]>"
        spatial = tuple((n - 2) // stride + 1 for n in shape[1:])
        return self._emit(op, t, attributes=attributes), (shape[0], *spatial)

    def _join(self, tensor: Tensor) -> Tensor:
        t, shape = tensor
        same = [v for v in self.tensors if v[1] == shape and v[0] != t]
        if same and self.rng.random() < 0.6:
            return self._emit("Add", t, same[self.rng.integers(len(same))][0]), shape
        beside = [v for v in self.tensors if v[1][1:] == shape[1:]]
        if not beside:
            return tensor
        other, other_shape = beside[self.rng.integers(len(beside))]
        joined = self._emit("Concat", t, other, attributes="<axis: int = 1>")
        return joined, (shape[0] + other_shape[0], *shape[1:])
