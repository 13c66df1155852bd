"""Integer activations put into a PyTorch program, whole batches run through it.

The program is the one that the ONNX was exported from, so that a site's tensor is a value of the
same name. It was traced with one sample; `torch.vmap` runs it for many.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, fx
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from snnc.converter.nn.activation import IntegerActivation
from snnc.converter.quantize.sites import Site, along_axis
from snnc.converter.quantize.steps import Quantizer
from snnc.converter.sources.normalise import silence
from snnc.ir.arrays import Array

Activations: TypeAlias = Mapping[str, str]
"""Tensor name of a site → the name of the module in its place."""

_NORM = torch.ops.aten.batch_norm.default
_TRACED_NORM = torch.ops.aten._native_batch_norm_legit_no_training.default


def quantized_program(
    program: ExportedProgram, quantizers: Iterable[Quantizer], name: str, *, learn: bool
) -> tuple[fx.GraphModule, Activations]:
    """A module of the program with `snnc.nn.IntegerActivation` at the quantizers' sites.

    Args:
        program: the exported program; it stays as it is.
        quantizers: of sites in the ONNX that was made from it.
        name: class name of the result.
        learn: make the steps parameters.

    Returns:
        The module, which takes what the program takes, and its activations.
    """
    with silence():
        unlifted: Any = program.module()
        module = copy.deepcopy(fx.GraphModule(unlifted, unlifted.graph, class_name=name))
    nodes = {node.name: node for node in module.graph.nodes}
    activations = {}
    for quantizer in quantizers:
        site = quantizer.site
        activations[site.tensor] = f"{site.tensor}_counts"
        module.add_submodule(activations[site.tensor], _activation(quantizer, learn=learn))
        _insert(nodes[site.tensor], activations[site.tensor], site)
    _tidy(module)
    return module, activations


def _activation(quantizer: Quantizer, *, learn: bool) -> IntegerActivation:
    return IntegerActivation(
        quantizer.levels,
        lo=quantizer.lo,
        scale=torch.from_numpy(np.array(along_axis(quantizer.step, quantizer.site))),
        learn_scale=learn,
        normalise=False,
    )


def _insert(node: fx.Node, target: str, site: Site) -> None:
    """Put the module `target` in the place of a node or behind it."""
    with node.graph.inserting_after(node):
        new = node.graph.call_module(target)
    # the user's path of the activation goes on to the exported file
    kind = f"{IntegerActivation.__module__}.{IntegerActivation.__qualname__}"
    stack = {**node.meta.get("nn_module_stack", {}), target: (site.module_path, kind)}
    new.meta = {**node.meta, "nn_module_stack": stack}
    node.replace_all_uses_with(new)
    new.args = (node.args[0] if site.replaced else node,)


def _tidy(module: fx.GraphModule) -> None:
    """Drop guards and dead nodes; batch norms in the form that trains, statistics fixed."""
    graph = module.graph
    for node in list(graph.nodes):
        if node.op == "call_module" and node.target == "_guards_fn":
            graph.erase_node(node)
        if node.target is _TRACED_NORM:
            x, weight, bias, mean, variance, momentum, epsilon = node.args
            with graph.inserting_after(node):
                arguments = (x, weight, bias, mean, variance, False, momentum, epsilon, False)
                norm = graph.call_function(_NORM, arguments)
            norm.meta = dict(node.meta)
            for user in list(node.users):
                user.replace_all_uses_with(norm)
    graph.eliminate_dead_code()
    module.delete_all_unused_submodules()
    module.recompile()


def batched(module: fx.GraphModule, x: Tensor) -> Tensor:
    """The module's first output for samples (N, …), shape (N, …)."""
    return _over_samples(lambda sample: pytree.tree_leaves(module(sample))[0], x)


class ProgramRunner:
    """A quantised program that shows its activations.

    Args:
        module: of `quantized_program`.
        activations: likewise.
        dtype: numpy name of what it takes.
    """

    def __init__(self, module: fx.GraphModule, activations: Activations, dtype: str) -> None:
        self._module = module
        self._names = {target: tensor for tensor, target in activations.items()}
        self._dtype = dtype

    def run(self, x: Array) -> tuple[dict[str, Array], Array]:
        """Activations by tensor and the first output for samples x: all (N, …)."""
        samples = torch.from_numpy(np.ascontiguousarray(x, dtype=self._dtype))
        with torch.no_grad(), silence():
            shown, output = _over_samples(self._one, samples)
        return {name: value.numpy() for name, value in shown.items()}, output.numpy()

    def _one(self, sample: Tensor) -> tuple[dict[str, Tensor], Tensor]:
        recorder = _Recorder(self._module, self._names)
        output = pytree.tree_leaves(recorder.run(sample))[0]
        return recorder.shown, output


class _Recorder(fx.Interpreter):
    """Runs a module and keeps the values of some of its submodules by new names."""

    def __init__(self, module: fx.GraphModule, names: Mapping[str, str]) -> None:
        super().__init__(module)
        self._names = names
        self.shown: dict[str, Tensor] = {}

    def call_module(self, target: Any, args: Any, kwargs: Any) -> Any:
        value = super().call_module(target, args, kwargs)
        if target in self._names:
            self.shown[self._names[target]] = value
        return value


def _over_samples(function: Any, x: Tensor) -> Any:
    """Run a function that was made for one sample (1, …) over x (N, …)."""
    many = torch.vmap(lambda sample: pytree.tree_map(_first, function(sample[None])))
    return many(x)


def _first(value: Tensor) -> Tensor:
    return value[0]


def final_quantizers(
    module: fx.GraphModule, activations: Activations, quantizers: Iterable[Quantizer]
) -> tuple[Quantizer, ...]:
    """The quantizers with the steps that the module holds now."""
    result = []
    for quantizer in quantizers:
        held: Any = module.get_submodule(activations[quantizer.site.tensor])
        ones = held.scale is None
        step = np.array(1.0, np.float32) if ones else held.scale.detach().numpy().reshape(-1)
        step = np.array(step if step.size > 1 else step.reshape(()))
        result.append(Quantizer(site=quantizer.site, levels=held.levels, lo=held.lo, step=step))
    return tuple(result)
