"""What a model gives and takes again in its next frame, kept on the host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from snnc.converter.sources.model import EagerModel, HeldState, SourceModel
from snnc.ir.arrays import Array
from snnc.ir.errors import DataError


def _holding(eager: EagerModel | None, held: Sequence[HeldState]) -> EagerModel | None:
    """The model in PyTorch that feeds its states by itself; None where it cannot."""
    make = getattr(eager, "holding", None)
    return None if make is None else make(held)


def check_states(
    states: Mapping[str, int], names: tuple[str, ...], n_results: int, where: str
) -> None:
    """Raise `DataError` unless every state names an input and a result of forward()."""
    for name, index in states.items():
        if name not in names:
            raise DataError(
                f"states names `{name}`, forward() takes {', '.join(names)}", where=where
            )
        if not 0 <= index < n_results:
            raise DataError(
                f"states says that result {index} of forward() replaces `{name}`, it has "
                f"{n_results} results, counted from 0",
                where=where,
            )
    if len(states) >= len(names):
        raise DataError("every input is a state: nothing enters the model", where=where)
    if len(set(states.values())) != len(states):
        raise DataError("two states are replaced by the same result", where=where)


def hold_states(
    source: SourceModel, states: Mapping[str, int], initial: Mapping[str, Array]
) -> SourceModel:
    """The model without the inputs and outputs that pass from frame to frame.

    Args:
        source: with all of them.
        states: result of forward(), counted from 0, by the input that takes it in the next frame.
        initial: value of each such input at a sample's start, with its batch axis of 1.

    Raises:
        DataError: a name or number that the model does not have.
    """
    names = tuple(declared.name for declared in source.inputs)
    check_states(states, names, len(source.outputs), source.name)
    held = tuple(
        HeldState(
            taken=name,
            given=source.outputs[index],
            index=index,
            initial=np.asarray(initial[name]),
        )
        for name, index in states.items()
    )
    given = {state.given for state in held}
    return replace(
        source,
        inputs=tuple(i for i in source.inputs if i.name not in states),
        outputs=tuple(name for name in source.outputs if name not in given),
        eager=_holding(source.eager, held),
        states=held,
    )
