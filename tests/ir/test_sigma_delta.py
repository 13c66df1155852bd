"""Sigma-delta neurons against Lava's equations, with residue and last activation."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.ir.errors import GraphError, StateExceeded
from snnc.ir.neurons import Delta, NeuronModel, Sigma, SigmaDelta
from snnc.ir.nodes import Population

EXPONENTS = st.integers(0, 6)


class Sender:
    """`AbstractDeltaModel.delta_dynamics` of lava-nc 0.10.0, without cumulative error."""

    def __init__(self, threshold: int) -> None:
        self.threshold, self.act, self.residue = threshold, 0, 0

    def __call__(self, act: int) -> int:
        delta = act - self.act + self.residue
        sent = delta if abs(delta) >= self.threshold else 0
        self.residue, self.act = delta - sent, act
        return sent


def outputs(model: NeuronModel, inputs: list[int]) -> list[int]:
    state, out = model.initial_state((1, 1)), []
    for i in inputs:
        k, state = model.latch(np.array([[i]]), state, 0)
        out.append(int(k[0, 0]))
    return out


@settings(max_examples=150, deadline=None)
@given(
    inputs=st.lists(st.integers(-500, 500), min_size=1, max_size=15),
    threshold=st.integers(0, 300),
    spike_exp=EXPONENTS,
    state_exp=EXPONENTS,
)
def test_delta_as_lava(inputs: list[int], threshold: int, spike_exp: int, state_exp: int) -> None:
    shift = spike_exp + state_exp
    sender = Sender(threshold << shift)
    expected = [sender(x << shift) >> state_exp for x in inputs]
    model = Delta(threshold=threshold, spike_exp=spike_exp, state_exp=state_exp)
    assert outputs(model, inputs) == expected


@settings(max_examples=150, deadline=None)
@given(
    inputs=st.lists(st.integers(-(2**18), 2**18), min_size=1, max_size=15),
    threshold=st.integers(0, 60),
    bias=st.integers(-200, 200),
    spike_exp=EXPONENTS,
    state_exp=EXPONENTS,
)
def test_sigma_delta_as_lava(
    inputs: list[int], threshold: int, bias: int, spike_exp: int, state_exp: int
) -> None:
    shift = spike_exp + state_exp
    sender, sigma, expected = Sender(threshold << shift), 0, []
    for x in inputs:
        sigma += x
        expected.append(sender(max(sigma + (bias << shift), 0)) >> state_exp)
    model = SigmaDelta(
        threshold=threshold, bias=np.array(bias), spike_exp=spike_exp, state_exp=state_exp
    )
    assert outputs(model, inputs) == expected


def test_sigma_sums_what_arrives() -> None:
    assert outputs(Sigma(), [3, -5, 0, 4]) == [3, -2, -2, 2]


@pytest.mark.parametrize(
    ("model", "inputs", "said"),
    [
        (SigmaDelta(threshold=0), [2**22, 2**22], "the sum of all that arrived"),
        (SigmaDelta(threshold=0, bias=np.array(2**12)), [0], "the activation"),
        (SigmaDelta(threshold=0), [2**23], "what arrives"),
        (Delta(threshold=0), [2**11], "what arrives"),
        (Sigma(), [-(2**22), -(2**22)], "the sum of all that arrived"),
    ],
)
def test_more_than_24_bits_stop_a_run(model: NeuronModel, inputs: list[int], said: str) -> None:
    node: Any = Population(name="n", module_path="layer/3 (dense)", shape=(1,), model=model)
    state = model.initial_state((1, 1))
    with pytest.raises(StateExceeded, match=f"layer/3 .dense.: {said} reaches"):
        for i in inputs:
            _, state = node.latch(np.array([[i]]), state)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (Delta(threshold=-1), "a change of -1"),
        (SigmaDelta(threshold=2**12), "a change of 4096"),
        (SigmaDelta(threshold=1, spike_exp=8), "spike_exp and state_exp are 0 … 7"),
    ],
)
def test_what_does_not_fit_is_refused(model: NeuronModel, said: str) -> None:
    with pytest.raises(GraphError, match=said):
        model.validate((1,), 0)
