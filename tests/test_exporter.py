from typing import Any

import pytest

from tests import needs
from tests.exporter import MODULE, keep_operators


@pytest.mark.torch
def test_the_table_that_is_kept_is_the_one_that_is_made_anew() -> None:
    registry: Any = needs.module(MODULE).ONNXRegistry
    keep_operators()
    first, anew = registry.from_torchlib(opset_version=18), registry.made_anew(18)
    assert registry.from_torchlib(18).opset_version == anew.opset_version == 18
    assert first.functions == anew.functions
    # as the exporter calls it, on an instance
    assert registry().from_torchlib(opset_version=20).opset_version == 20


@pytest.mark.torch
def test_what_one_call_adds_the_next_one_does_not_find() -> None:
    torch: Any = needs.module("torch")
    registry: Any = needs.module(MODULE).ONNXRegistry
    keep_operators()
    target = torch.ops.aten.relu.default
    first, second = registry.from_torchlib(18), registry.from_torchlib(18)
    known = list(second.get_decomps(target))
    first.functions[target.name()].insert(0, known[0])
    assert len(first.get_decomps(target)) == len(known) + 1
    assert second.get_decomps(target) == registry.from_torchlib(18).get_decomps(target) == known
