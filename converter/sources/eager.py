"""The source in PyTorch beside its ONNX: every value of it by its ONNX name, frame by frame.

A spiking module's spikes come from the module itself where it is at hand, run by its own code;
in a saved program, which holds no code, from the `snnc` operator that stands for it.
"""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from snnc.converter.sources.model import Calls, HeldState
from snnc.converter.sources.normalise import silence
from snnc.converter.sources.spiking.neuron import SpikingNeuron
from snnc.converter.sources.spiking.operators import MEMBRANE, TRACE
from snnc.converter.sources.spiking.replace import fresh_state
from snnc.converter.sources.spiking.torchop import OP_TYPES, State, arguments_of, step
from snnc.ir.arrays import Array

if TYPE_CHECKING:
    from torch.export import ExportedProgram

Modules = Mapping[str, tuple[nn.Module, SpikingNeuron]]


class ProgramEager:
    """An exported program in PyTorch, every value of it readable by its ONNX name.

    Args:
        program: the program that the exporter translated.
        original: what the user has: a module or the program as it was loaded.
        input_names: names of the ONNX model's inputs in order.
        tensors: names of all tensors in the normalised ONNX.
        modules: spiking modules of `original` by path; None where it is a program.
    """

    def __init__(
        self,
        program: ExportedProgram,
        original: nn.Module,
        input_names: Sequence[str],
        tensors: Collection[str],
        modules: Modules | None = None,
    ) -> None:
        self._program = program
        self._original = original
        self._input_names = tuple(input_names)
        self._tensors = frozenset(n.name for n in program.graph.nodes) & frozenset(tensors)
        self._modules = modules
        self._held: tuple[HeldState, ...] = ()
        spiking = [n.target for n in program.graph.nodes if n.target in OP_TYPES]
        self._replayed = bool(spiking) and modules is None

    @property
    def program(self) -> ExportedProgram:
        """The program that the ONNX was made from; do not change it."""
        return self._program

    @property
    def tensors(self) -> frozenset[str]:
        """Names in the normalised ONNX that are values of the program."""
        return self._tensors

    def holding(self, states: Sequence[HeldState]) -> ProgramEager:
        """The same model, which feeds `states` from call to call by itself."""
        other = copy.copy(self)
        other._held = tuple(states)
        return other

    @property
    def replays(self) -> bool:
        """A saved program with spiking modules holds no code of theirs."""
        return self._replayed

    def run(self, calls: Calls, tensors: Collection[str]) -> list[dict[str, Array]]:
        """Values of `tensors` in each call, for one sample given with its batch axis of 1."""
        recorded = self._original_run(calls)[1]
        state: dict[str, State] = {}
        found = []
        carried = self._start()
        for call, spikes in zip(calls, recorded, strict=True):
            given = None if self._modules is None else spikes
            wanted = frozenset(tensors)
            kept, result = self._interpret({**call, **carried}, wanted, state, given)
            carried = self._carried(result)
            found.append(kept)
        return found

    def outputs(self, calls: Calls) -> list[Array]:
        """Outputs of the original model, in order, each (T, …) for T calls."""
        if self._replayed:
            state: dict[str, State] = {}
            results, carried = [], self._start()
            for call in calls:
                results.append(self._interpret({**call, **carried}, frozenset(), state, None)[1])
                carried = self._carried(results[-1])
        else:
            results = self._original_run(calls)[0]
        kept = {state.index for state in self._held}
        by_call = [[x for i, x in enumerate(_leaves(r)) if i not in kept] for r in results]
        return [np.concatenate(values) for values in zip(*by_call, strict=True)]

    def _original_run(self, calls: Calls) -> tuple[list[Any], list[dict[tuple[str, int], Any]]]:
        """The user's model from a sample's start: results, and what its spiking modules gave."""
        modules = {path: module for path, (module, _) in (self._modules or {}).items()}
        if self._replayed or not modules:
            recorded: list[dict[tuple[str, int], Any]] = [{} for _ in calls]
            plain = [] if self._replayed else self._results(calls)
            return plain, recorded
        recorded = []
        with _listening(modules, recorded), fresh_state(modules):
            results = self._results(calls, recorded)
        return results, recorded

    def _results(self, calls: Calls, recorded: list[Any] | None = None) -> list[Any]:
        results: list[Any] = []
        carried = self._start()
        with _evaluating(self._original), torch.no_grad(), silence():
            for call in calls:
                if recorded is not None:
                    recorded.append({})
                results.append(self._original(*self._tensors_of({**call, **carried})))
                carried = self._carried(results[-1])
        return results

    def _start(self) -> dict[str, Array]:
        """What is held at a sample's start, by input."""
        return {state.taken: state.initial for state in self._held}

    def _carried(self, result: Any) -> dict[str, Array]:
        """What the next call takes of a call's result, by input."""
        if not self._held:
            return {}
        leaves = _leaves(result)
        return {state.taken: leaves[state.index] for state in self._held}

    def _interpret(
        self,
        inputs: Mapping[str, Array],
        wanted: frozenset[str],
        state: dict[str, State],
        given: Mapping[tuple[str, int], Any] | None,
    ) -> tuple[dict[str, Array], Any]:
        recorder = _recorder(self._program, wanted, state, given, self._modules)
        with torch.no_grad(), silence():
            result = recorder.run(*self._arguments(inputs))
        return recorder.kept, result

    def _tensors_of(self, inputs: Mapping[str, Array]) -> list[Tensor]:
        return [torch.from_numpy(np.array(inputs[name])) for name in self._input_names]

    def _arguments(self, inputs: Mapping[str, Array]) -> list[Any]:
        """Parameters, buffers, constants and inputs in the order of the graph's placeholders."""
        from torch.export.graph_signature import InputKind

        users = iter(self._tensors_of(inputs))
        state, constants = self._program.state_dict, self._program.constants
        arguments: list[Any] = []
        for spec in self._program.graph_signature.input_specs:
            if spec.kind == InputKind.USER_INPUT:
                arguments.append(next(users))
            else:
                target = str(spec.target)
                arguments.append(state[target] if target in state else constants[target])
        return arguments


def _leaves(result: Any) -> list[Array]:
    from torch.utils import _pytree as pytree

    leaves = pytree.tree_leaves(result)
    return [leaf.detach().numpy() for leaf in leaves if isinstance(leaf, Tensor)]


@contextlib.contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    training = {m: m.training for m in model.modules()}
    try:
        for m in training:
            m.training = False
        yield
    finally:
        for m, mode in training.items():
            m.training = mode


@contextlib.contextmanager
def _listening(
    modules: Mapping[str, nn.Module], recorded: list[dict[tuple[str, int], Any]]
) -> Iterator[None]:
    """Note what every call of the modules gives in the last entry of `recorded`."""

    def hook(path: str) -> Any:
        def note(module: nn.Module, inputs: Any, output: Any) -> None:
            calls = sum(1 for at, _ in recorded[-1] if at == path)
            recorded[-1][path, calls] = output

        return note

    handles = [module.register_forward_hook(hook(path)) for path, module in modules.items()]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


def _recorder(
    program: ExportedProgram,
    wanted: frozenset[str],
    state: dict[str, State],
    given: Mapping[tuple[str, int], Any] | None,
    modules: Modules | None,
) -> Any:
    class Recorder(torch.fx.Interpreter):
        kept: dict[str, Array]

        def run_node(self, n: torch.fx.Node) -> Any:
            if n.target in OP_TYPES:
                args, kwargs = self.fetch_args_kwargs_from_env(n)
                if given is None:
                    value = _computed(n.target, args, kwargs, state)
                else:
                    assert modules is not None
                    value = _given(n.target, args[0], kwargs, given, modules)
            else:
                value = super().run_node(n)
            if n.name in wanted:
                self.kept[n.name] = value.detach().numpy().copy()
            return value

    recorder = Recorder(program.graph_module)
    recorder.kept = {}
    return recorder


def _computed(op: Any, args: Any, kwargs: Mapping[str, Any], state: dict[str, State]) -> Tensor:
    """The operator as it is defined; state goes from call to call of the module."""
    if kwargs["time_axis"] >= 0:
        result: Tensor = op(*args, **kwargs)
        return result
    x, constants = arguments_of(op, args, kwargs)
    key = f"{OP_TYPES[op]} {kwargs['module']}"
    y, state[key] = step(OP_TYPES[op], x, constants, kwargs, state.get(key, {}))
    return y


def _given(
    op: Any,
    x: Tensor,
    kwargs: Mapping[str, Any],
    given: Mapping[tuple[str, int], Any],
    modules: Modules,
) -> Tensor:
    """What the module itself gave in this call, as the operator's counts."""
    if OP_TYPES[op] == MEMBRANE:
        return torch.zeros_like(x)
    path = kwargs["module"]
    neuron = modules[path][1]
    output = given[path, kwargs["call"]]
    is_state = OP_TYPES[op] == TRACE and neuron.kind != "trace"
    place = neuron.returns.index("membrane") if is_state else 0
    value = output[place] if isinstance(output, tuple | list) else output
    if not is_state and neuron.kind != "trace":
        value = torch.round(value / torch.tensor(neuron.scale).to(value.dtype))
    result: Tensor = value.reshape(x.shape).detach()
    return result
