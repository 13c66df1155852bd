"""Loihi's neuron against Lava's equations written out with Python integers."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from snnc.ir.arrays import Array
from snnc.ir.errors import GraphError, WidthExceeded
from snnc.ir.neurons import LoihiLIF, LoihiReadout, NeuronModel


def decayed(x: int, decay: int) -> int:
    sign = -1 if x < 0 else 1
    return sign * ((abs(x) * (4096 - decay)) >> 12)


def written_out(
    inputs: list[int], decay_u: int, decay_v: int, threshold: int, bias: int, interval: int
) -> list[tuple[int, int, bool]]:
    """(u, v before the reset, spike) of each step of `PyLifModelBitAcc`, lava-nc 0.10.0."""
    u = v = 0
    steps = []
    for t, a in enumerate(inputs):
        if interval and t % interval == 1:
            u = v = 0
        u = decayed(u, decay_u) + (a << 6)
        if u > 2**23:
            u -= 2**24
        elif u <= -(2**23):
            u += 2**24
        v = min(max(decayed(v, decay_v) + u + (bias << 6), 1 - 2**23), 2**23 - 1)
        spike = v > threshold << 6
        steps.append((u, v, spike))
        v = 0 if spike else v
    return steps


def run(model: NeuronModel, x: Array) -> tuple[Array, list[Any]]:
    """Outputs and states over frames; x has shape (T, n)."""
    state, out, states = model.initial_state((1, x.shape[1])), [], []
    for frame in x:
        k, state = model.latch(frame[None], state, 0)
        out.append(k[0])
        states.append(state)
    return np.stack(out), states


@settings(max_examples=200, deadline=None)
@given(
    inputs=st.lists(st.integers(-(2**18), 2**18), min_size=1, max_size=12),
    decay_u=st.sampled_from([0, 1, 410, 2048, 4096]),
    decay_v=st.sampled_from([0, 1, 128, 4095, 4096]),
    threshold=st.integers(0, 2**17),
    bias=st.integers(-4096, 4095),
    interval=st.sampled_from([0, 2, 5]),
)
def test_as_lava(
    inputs: list[int], decay_u: int, decay_v: int, threshold: int, bias: int, interval: int
) -> None:
    fields: Any = {
        "decay_u": decay_u,
        "decay_v": decay_v,
        "threshold": threshold,
        "bias": np.array([bias]),
        "reset_interval": interval,
        "reset_offset": 1 if interval else 0,
    }
    expected = written_out(inputs, decay_u, decay_v, threshold, bias, interval)
    x = np.array(inputs)[:, None]
    spikes, states = run(LoihiLIF(**fields), x)
    assert spikes[:, 0].tolist() == [int(spike) for _, _, spike in expected]
    assert [int(s["u"][0, 0]) for s in states] == [u for u, _, _ in expected]
    after = [0 if spike else v for _, v, spike in expected]
    assert [int(s["v"][0, 0]) for s in states] == after
    read, _ = run(LoihiReadout(**fields), x)
    assert read[:, 0].tolist() == after


@settings(max_examples=100, deadline=None)
@given(
    reach=st.integers(0, 2**18),
    decay_u=st.sampled_from([0, 410, 4096]),
    decay_v=st.sampled_from([0, 128, 4096]),
    seed=st.integers(0, 99),
)
def test_bounds_hold(reach: int, decay_u: int, decay_v: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.integers(-reach, reach + 1, (20, 3))
    model = LoihiReadout(decay_u=decay_u, decay_v=decay_v, threshold=2**17, bias=np.array(7))
    low, high = np.full(1, -reach), np.full(1, reach)
    worst = model.bounds(low, high, 0, 20)
    out, states = run(model, x)
    assert worst.out_lo.min() <= out.min() <= out.max() <= worst.out_hi.max()
    assert all(np.abs(s["v"]).max() <= worst.state_hi.max() for s in states)


def test_channels_and_neurons_have_their_own_bias() -> None:
    x = np.zeros((1, 2, 2, 1), dtype=np.int64)
    fields = {"decay_u": 4096, "decay_v": 0, "threshold": 2**17}
    by_channel = LoihiReadout(**fields, bias=np.array([1, 2]))
    k, _ = by_channel.latch(x, by_channel.initial_state(x.shape), 0)
    assert k.reshape(-1).tolist() == [64, 64, 128, 128]
    by_neuron = LoihiReadout(**fields, bias=np.arange(4).reshape(2, 2, 1))
    k, _ = by_neuron.latch(x, by_neuron.initial_state(x.shape), 0)
    assert k.reshape(-1).tolist() == [0, 64, 128, 192]


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"decay_u": 4097}, "decay_u is 0 … 4096"),
        ({"decay_v": -1}, "decay_v is 0 … 4096"),
        ({"threshold": 2**17 + 1}, "the threshold is 0 …"),
        ({"bias": np.array(2**18)}, "a bias passes"),
        ({"reset_interval": 3, "reset_offset": 3}, "within its interval"),
    ],
)
def test_what_does_not_fit_is_refused(fields: dict[str, Any], said: str) -> None:
    whole = {"decay_u": 0, "decay_v": 0, "threshold": 1, **fields}
    with pytest.raises(GraphError, match=said):
        LoihiLIF(**whole).validate((1,), 0)


def test_a_current_that_wraps_twice_is_refused() -> None:
    model = LoihiLIF(decay_u=4096, decay_v=0, threshold=1)
    with pytest.raises(WidthExceeded, match="would wrap twice"):
        model.bounds(np.array([0]), np.array([2**18 + 1]), 0, 1)
