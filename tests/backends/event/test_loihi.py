"""Loihi's own neurons in compiled kernels, against the oracle and Lava's equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.errors import StateExceeded
from snnc.ir.maps import Conv, Identity
from snnc.ir.neurons import Delta, LoihiLIF, LoihiReadout, NeuronModel, Sigma, SigmaDelta
from tests.backends.event.nets import MODES, one_layer

T = 12
MAP = np.random.default_rng(2).integers(-9, 10, (4, 3, 3))
CHANNELS = np.array([3, -2, 0, 5])
MODELS: dict[str, NeuronModel] = {
    "lif": LoihiLIF(decay_u=700, decay_v=90, threshold=30, bias=CHANNELS),
    "lif of biases": LoihiLIF(decay_u=4096, decay_v=0, threshold=30, bias=MAP),
    "lif with resets": LoihiLIF(
        decay_u=0, decay_v=11, threshold=40, reset_interval=5, reset_offset=3
    ),
    "readout": LoihiReadout(decay_u=700, decay_v=90, threshold=60, bias=CHANNELS),
    "readout with resets": LoihiReadout(
        decay_u=1, decay_v=2, threshold=70, bias=MAP, reset_interval=4
    ),
    "delta": Delta(threshold=3, spike_exp=1, state_exp=3),
    "sigma-delta": SigmaDelta(threshold=2, spike_exp=1, state_exp=3, bias=CHANNELS),
    "sigma-delta of biases": SigmaDelta(threshold=0, spike_exp=0, state_exp=2, bias=MAP),
    "sigma": Sigma(),
}


def layer(name: str, **options: Any) -> Any:
    """A conv, whose target lies channel last in memory, into a population."""
    weight = np.random.default_rng(1).integers(-7, 8, (4, 2, 2, 2))
    map_ = Conv(
        in_shape=(2, 4, 4),
        weight=weight,
        stride=(1, 1),
        padding=((0, 0), (0, 0)),
        dilation=(1, 1),
        groups=1,
    )
    options = {"lo": -3, "hi": 3, "model": MODELS[name], "n_frames": T, **options}
    return one_layer(map_, **options)


def data(samples: int) -> Any:
    return {"x": np.random.default_rng(3).integers(-3, 4, (samples, T, 2, 4, 4))}


@pytest.mark.parametrize("code", ["graded", "delta"])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", MODELS)
def test_as_the_oracle(name: str, mode: str, code: Any) -> None:
    session = layer(name, mode=mode, code=code, schedule="pipelined")
    assert session.kernels == {"event"}
    found, x = session.run(data(3)), data(3)
    settings = RunSettings(code, "pipelined")
    expected = OracleEngine().prepare(session.compiled.graph, settings, n_frames=T).run(x)
    assert np.array_equal(found.counts["y"], expected.counts["y"])
    assert found.counters == expected.counters
    assert np.unique(found.counts["y"]).size > 1


@pytest.mark.parametrize("code", ["graded", "delta"])
@pytest.mark.parametrize("name", MODELS)
def test_in_pieces_as_in_one(name: str, code: Any) -> None:
    """State goes from run to run, the frames of a periodic reset with it."""
    session, x = layer(name, code=code), data(2)["x"]
    state: Any = {}
    whole, parts = session.run({"x": x}, state={}), []
    for piece in np.split(x, [2, 7], axis=1):
        result = session.run({"x": piece}, state=state)
        parts.append(result.counts["y"])
        state = result.state
    assert np.array_equal(np.concatenate(parts, axis=1), whole.counts["y"])
    for kept, values in whole.state["y"].items():
        assert np.array_equal(values, state["y"][kept])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("model", "arriving", "said"),
    [
        (SigmaDelta(threshold=0), [2**22, 2**22], "the sum of all that arrived reaches 8388608,"),
        (SigmaDelta(threshold=0), [2**22, 2**22 - 1], None),
        (SigmaDelta(threshold=0, bias=np.array(2**10)), [2**22], "the activation reaches 8388608,"),
        (SigmaDelta(threshold=0), [-(2**23)], "what arrives reaches 8388608,"),
        (Delta(threshold=0), [5, -(2**11)], "what arrives reaches 2048,"),
        (Delta(threshold=0), [5, -(2**11) + 1], None),
        (Sigma(), [-(2**22), -(2**22)], "the sum of all that arrived reaches 8388608,"),
    ],
)
def test_more_than_24_bits_stop_a_run(
    model: NeuronModel, arriving: list[int], said: str | None, mode: str
) -> None:
    """Neuron 1 of 3, in the second of two samples; another run is not disturbed."""
    session = one_layer(
        Identity(shape=(3,)), lo=-(2**23), hi=2**23, model=model, n_frames=2, mode=mode
    )
    x = np.zeros((2, len(arriving), 3), dtype=np.int64)
    x[1, :, 1] = arriving
    if said is None:
        assert session.run({"x": x}).counts["y"].any()
        return
    with pytest.raises(StateExceeded, match=f"^y: {said} sigma-delta neurons hold 24 bits"):
        session.run({"x": x})
    assert session.run({"x": x * 0}).counts["y"].shape == x.shape
