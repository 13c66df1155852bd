"""ONNX Runtime as the plain reference: optimisations off, every tensor readable."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.converter.sources.spiking.expand import expand
from snnc.ir.arrays import Array
from snnc.ir.errors import CannotLoad, DataError

if TYPE_CHECKING:
    import onnx

    from snnc.converter.sources.model import HeldState


class OnnxRunner:
    """Runs a normalised ONNX model and gives any of its tensors.

    Graph optimisations are off: the operators run as the file has them, one by one, on one
    thread, so that a result never depends on the machine's number of cores.

    Args:
        model: the model.
        tensors: names to give beside the outputs: inputs, initializers or node outputs.

    Raises:
        CannotLoad: ONNX Runtime refuses the model.
    """

    def __init__(self, model: onnx.ModelProto, tensors: Collection[str] = ()) -> None:
        import onnxruntime as ort

        self._input_types = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
        self._passed = frozenset(tensors) & frozenset(self._input_types)
        self._outputs = [o.name for o in model.graph.output]
        self._fetch = sorted({*self._outputs, *tensors} - self._passed)
        options = ort.SessionOptions()
        options.graph_optimization_level = ort.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 4
        try:
            self._session: Any = ort.InferenceSession(
                _exposing(model, self._fetch).SerializeToString(),
                options,
                providers=["CPUExecutionProvider"],
            )
        except Exception as error:  # ORT's classes share no importable root
            raise CannotLoad(f"ONNX Runtime refuses the model: {_first_line(error)}") from None

    def run(self, inputs: Mapping[str, Array]) -> dict[str, Array]:
        """Values of all outputs and chosen tensors for one sample with its batch axis of 1.

        Raises:
            DataError: the inputs do not fit.
        """
        from onnx.helper import tensor_dtype_to_np_dtype

        feed = {
            name: np.ascontiguousarray(inputs[name], dtype=tensor_dtype_to_np_dtype(elem))
            for name, elem in self._input_types.items()
        }
        try:
            values = self._session.run(self._fetch, feed)
        except Exception as error:
            raise DataError(f"the source cannot run this input: {_first_line(error)}") from None
        result = dict(zip(self._fetch, values, strict=True))
        return result | {name: feed[name] for name in self._passed}

    def outputs(self, inputs: Mapping[str, Array]) -> list[Array]:
        """The model's outputs in order."""
        return self.outputs_of(self.run(inputs))

    def outputs_of(self, values: Mapping[str, Array]) -> list[Array]:
        """The model's outputs, in order, among the values of a run."""
        return [values[name] for name in self._outputs]


class FrameRunner:
    """Runs a normalised ONNX model of one frame, frame by frame; neurons keep their state.

    Args:
        model: the model, `snnc` operators included.
        tensors: names to give beside the outputs.
        held: what is kept from frame to frame beside; no outputs.

    Raises:
        CannotLoad: ONNX Runtime refuses the model.
    """

    def __init__(
        self,
        model: onnx.ModelProto,
        tensors: Collection[str] = (),
        held: Sequence[HeldState] = (),
    ) -> None:
        expanded = expand(model)
        kept = {state.given for state in held}
        self._outputs = [o.name for o in model.graph.output if o.name not in kept]
        self._states = {**expanded.states, **{state.taken: state.given for state in held}}
        self._initial = {**expanded.initial, **{state.taken: state.initial for state in held}}
        self._runner = OnnxRunner(expanded.model, tensors)

    def run(self, calls: Sequence[Mapping[str, Array]]) -> list[dict[str, Array]]:
        """Values of all outputs and chosen tensors in each frame of one sample."""
        state, found = self._initial, []
        for call in calls:
            values = self._runner.run({**call, **state})
            state = {name: values[after] for name, after in self._states.items()}
            found.append(values)
        return found

    def outputs(self, calls: Sequence[Mapping[str, Array]]) -> list[Array]:
        """The model's outputs in order, each (T, …) for T frames."""
        by_frame = [self.outputs_of(values) for values in self.run(calls)]
        return [np.concatenate(values) for values in zip(*by_frame, strict=True)]

    def outputs_of(self, values: Mapping[str, Array]) -> list[Array]:
        """The model's outputs, in order, among the values of a frame."""
        return [values[name] for name in self._outputs]


def _exposing(model: onnx.ModelProto, tensors: Collection[str]) -> onnx.ModelProto:
    """A copy of `model` whose outputs are `tensors`."""
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    known = {v.name: v for v in (*copy.graph.value_info, *copy.graph.output)}
    made = {name for node in copy.graph.node for name in node.output}
    made |= {tensor.name for tensor in copy.graph.initializer}
    del copy.graph.output[:]
    for name in tensors:
        if name not in made:
            raise CannotLoad(f"the model has no tensor `{name}`")
        copy.graph.output.append(known.get(name) or onnx.ValueInfoProto(name=name))
    return copy


def _first_line(error: BaseException) -> str:
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
