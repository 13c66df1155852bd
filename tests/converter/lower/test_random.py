"""Random networks: whatever is put together, every node gives the source's own values."""

from __future__ import annotations

from collections import Counter

import pytest

from snnc.converter.convert import convert_source
from snnc.converter.lower import lower
from snnc.ir.errors import NeedsInputGrid, UnsupportedOperator
from tests.converter.lower.forcing import force
from tests.converter.lower.nets import sample
from tests.converter.lower.random_nets import RandomNet

FAST = range(15)
SLOW = range(15, 315)


def compare(seed: int) -> None:
    source = RandomNet(seed).source()
    different = {
        name: c.n_different
        for name, c in force(lower(source), sample(source, seed)).items()
        if c.n_different
    }
    assert different == {}


@pytest.mark.parametrize("seed", FAST)
def test_every_node_gives_the_source_s_values(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW)
def test_every_node_gives_the_source_s_values_many(seed: int) -> None:
    compare(seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW)
def test_analog_input_is_lowered_or_refused_by_name(seed: int) -> None:
    source = RandomNet(seed).source(grid=None)
    try:
        lowered = lower(source)
    except (NeedsInputGrid, UnsupportedOperator):
        return
    assert not any(c.n_different for c in force(lowered, sample(source, seed)).values())


@pytest.mark.slow
@pytest.mark.parametrize("seed", SLOW[::5])
def test_every_net_has_an_integer_form(seed: int) -> None:
    convert_source(RandomNet(seed).source())


def test_the_generator_draws_what_matters() -> None:
    kinds: Counter[str] = Counter()
    for seed in range(300):
        kinds.update({line.split("= ")[1].split()[0] for line in RandomNet(seed).body})
    for op in ("Add", "Concat", "MaxPool", "AveragePool", "Transpose", "Pad", "QuantizeLinear"):
        assert kinds[op] >= 20, op
