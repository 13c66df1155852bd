"""SpikeGPT as a hybrid: LIF spikes and the residual stream are events, the rest is the host's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

import snnc
from snnc.ir.errors import DataError
from snnc.runtime.convert import Conversion, convert
from snnc.runtime.run import run
from snnc.runtime.verify import verify
from tests.systems.spikegpt import Size, SpikeGPT, build, greedy

PROMPT = [5, 7, 1]
N_TOKENS = 64


def saved(net: SpikeGPT, folder: Path) -> Path:
    path = folder / "spikegpt.pt"
    example = (torch.tensor([[3]]), net.start())
    snnc.save_model(net, example, path, states={"state": 1}, frames=8)
    return path


@pytest.fixture(scope="module")
def net() -> SpikeGPT:
    return build(Size())


@pytest.fixture(scope="module")
def path(net: SpikeGPT, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return saved(net, tmp_path_factory.mktemp("spikegpt"))


@pytest.fixture(scope="module")
def converted(path: Path) -> Conversion:
    return convert(path)


def test_spikes_are_events_and_the_rest_is_the_host_s(converted: Conversion) -> None:
    graph = converted.integer_graph
    kinds = [p.model.kind for p in graph.populations]
    assert kinds == ["fixed-integrate-fire", "accumulator"] * 4
    operators = {o for host in graph.host_ops for o in host.operators}
    assert {"LayerNormalization", "Exp", "Sigmoid", "Div", "Gemm"} <= operators
    assert [node.name for node in graph.inputs] == ["token"]
    assert converted.summary.host_mac_share > 0.98


def test_every_promise_holds(path: Path, converted: Conversion) -> None:
    x = np.random.default_rng(0).integers(0, Size().words, (2, 8, 1))
    result = verify(path, converted.model, x, engine=("oracle", "dense"))
    assert result.ok
    assert result.source == "PyTorch eager"
    assert result.n_mismatches == 0


def generate(model: Conversion, n: int, engine: str) -> tuple[list[int], dict[str, int]]:
    said: list[int] = []
    with snnc.stream(model.model, engine=engine) as stream:
        for i in range(len(PROMPT) + n - 1):
            token = PROMPT[i] if i < len(PROMPT) else said[-1]
            frame = stream.step(np.array([[token]]))
            assert frame.outputs_int is None
            if i >= len(PROMPT) - 1:
                said.append(int(frame.outputs.argmax()))
        return said, stream.counters


def test_greedy_tokens_are_those_of_pytorch(net: SpikeGPT, converted: Conversion) -> None:
    said, counters = generate(converted, N_TOKENS, "oracle")
    assert said == greedy(net, PROMPT, N_TOKENS)
    assert len(set(said)) > 20
    n_lif = 2 * Size().layers * Size().width
    assert 0.02 < counters["spikes"] / (n_lif * (len(PROMPT) + N_TOKENS - 1)) < 0.3


def test_a_stream_is_one_run(converted: Conversion) -> None:
    x = np.random.default_rng(1).integers(0, Size().words, (3, 6, 1))
    whole = run(converted.model, x, engine="dense")
    with snnc.stream(converted.model, engine="dense") as stream:
        pieces = np.stack([stream.step(x[:, t]).outputs for t in range(6)], axis=1)
        counters = stream.counters
    np.testing.assert_array_equal(pieces, whole.outputs)
    assert counters == whole.counters


def test_states_name_what_the_model_has(net: SpikeGPT, tmp_path: Path) -> None:
    example = (torch.tensor([[3]]), net.start())
    with pytest.raises(DataError, match=r"names `rho`, forward\(\) takes token, state"):
        snnc.save_model(net, example, tmp_path / "a.pt", states={"rho": 1})
    with pytest.raises(DataError, match="it has 2 results"):
        snnc.save_model(net, example, tmp_path / "a.pt", states={"state": 2})


@pytest.mark.slow
def test_a_deeper_one(tmp_path: Path) -> None:
    size = Size(layers=6, width=128, words=205)
    net = build(size, seed=1)
    converted = convert(saved(net, tmp_path))
    said, counters = generate(converted, N_TOKENS, "event")
    assert said == greedy(net, PROMPT, N_TOKENS)
    assert counters["spikes"] > 0
