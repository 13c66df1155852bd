"""BDH as a hybrid: codes, RoPE, attention and decoder are events; norms stay on the host."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from snnc.runtime.convert import Conversion, convert
from snnc.runtime.run import run
from snnc.runtime.verify import verify
from tests.systems.bdh import Bdh, Size, build

SIZE = Size()
X = np.random.default_rng(0).integers(0, SIZE.words, (4, SIZE.tokens))


@pytest.fixture(scope="module")
def net() -> Bdh:
    return build(SIZE)


@pytest.fixture(scope="module")
def converted(net: Bdh) -> Conversion:
    return convert(net, torch.from_numpy(X[:1]))


def test_what_is_native_and_what_is_not(converted: Conversion) -> None:
    graph = converted.integer_graph
    # scores and values of two passes, and the product of two codes in each
    assert len(graph.products) == 3 * SIZE.passes
    operators = {o for host in graph.host_ops for o in host.operators}
    assert operators == {
        *("Gather", "LayerNormalization", "Unsqueeze", "MatMul", "Mul", "Clip", "Round", "Div")
    }
    assert 0.2 < converted.summary.host_mac_share < 0.6


def test_every_promise_holds(net: Bdh, converted: Conversion) -> None:
    result = verify(net, converted.model, X, engine=("oracle", "dense"))
    assert result.ok
    assert result.n_mismatches == 0
    counts = run(converted.model, X, engine="dense", counts=True).counts
    assert counts is not None
    codes = [name for name in counts if name.startswith(("div", "round"))]
    assert len(codes) == 2 * SIZE.passes
    for name in codes:  # neither dead nor full: at most 4
        assert 0.3 < counts[name].mean() < 1.5
