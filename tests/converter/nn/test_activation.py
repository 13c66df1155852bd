"""IntegerActivation against exact decimal arithmetic, hand-made gradients, and its own exports."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from snnc.nn import IntegerActivation

pytestmark = [
    pytest.mark.torch,
    # PyTorch's exporter uses functions that newer PyTorch and Python versions deprecate.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]


def exact_count(x: float, levels: int, lo: int, rounding: str) -> int:
    """The count by exact decimal arithmetic on the float's own value."""
    clipped = min(max(Decimal(x), Decimal(lo)), Decimal(levels))
    if rounding == "half-even":
        return int(clipped.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))
    return int((clipped + Decimal("0.5")).to_integral_value(rounding="ROUND_FLOOR"))


def probe(levels: int) -> torch.Tensor:
    """All ties in and around the range, their float32 neighbours, and values between."""
    ties = np.arange(-2 * levels - 3, 2 * levels + 4, dtype=np.float32) / 2
    between = np.linspace(-levels - 2, levels + 2, 501, dtype=np.float32)
    above, below = np.nextafter(ties, np.float32(1e9)), np.nextafter(ties, np.float32(-1e9))
    return torch.from_numpy(np.concatenate([ties, between, above, below]))


@pytest.mark.parametrize("levels", [1, 4, 15, 127])
@pytest.mark.parametrize("signed", [False, True])
def test_half_even_equals_exact_arithmetic(levels: int, signed: bool) -> None:
    lo = -levels if signed else 0
    x = probe(levels)
    k = IntegerActivation(levels, lo=lo, normalise=False)(x)
    assert k.tolist() == [exact_count(v, levels, lo, "half-even") for v in x.tolist()]


@pytest.mark.parametrize("levels", [1, 4, 15])
def test_half_up_equals_exact_arithmetic_on_a_grid(levels: int) -> None:
    """On multiples of 1/256 the sum x + 0.5 is exact, so that one answer is right."""
    x = torch.arange(-256 * (levels + 1), 256 * (levels + 1) + 1) / 256
    k = IntegerActivation(levels, lo=-1, rounding="half-up", normalise=False)(x)
    assert k.tolist() == [exact_count(v, levels, -1, "half-up") for v in x.tolist()]


def test_ties_by_rounding_rule() -> None:
    x = torch.tensor([-0.5, 0.5, 1.5, 2.5, 3.5, 4.5])
    even = IntegerActivation(4, lo=-4, normalise=False)(x)
    up = IntegerActivation(4, lo=-4, rounding="half-up", normalise=False)(x)
    assert even.tolist() == [0, 0, 2, 2, 4, 4]
    assert up.tolist() == [0, 1, 2, 3, 4, 4]


def test_scale_and_normalise() -> None:
    x = torch.tensor([-1.0, 0.2, 0.4, 0.8, 9.0])
    assert IntegerActivation(4, scale=0.25)(x).tolist() == [0.0, 0.0625, 0.125, 0.1875, 0.25]
    assert IntegerActivation(4)(torch.tensor([2.2, 7.0])).tolist() == [0.5, 1.0]


@pytest.mark.parametrize("rounding", ["half-even", "half-up"])
def test_training_forward_equals_inference_forward(rounding: Any) -> None:
    x = probe(15)
    module = IntegerActivation(15, lo=-3, rounding=rounding, scale=0.37)
    with torch.no_grad():
        inference = module(x)
    training = module(x.clone().requires_grad_())
    assert torch.equal(training, inference)


def test_gradient_passes_inside_the_clip_range_only() -> None:
    x = torch.tensor([-0.1, 0.0, 0.3, 2.5, 4.0, 4.1], requires_grad=True)
    IntegerActivation(4, normalise=False)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 1.0, 1.0, 1.0, 1.0, 0.0]


def test_normalised_gradient_is_divided_by_the_levels() -> None:
    x = torch.tensor([-0.1, 0.3, 4.1], requires_grad=True)
    IntegerActivation(4)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.tolist() == [0.0, 0.25, 0.0]


def test_gradient_of_the_scale_is_that_of_lsq() -> None:
    """Esser et al. 2020, eq. 3: round(v/s) - v/s inside, the bound outside."""
    module = IntegerActivation(4, scale=0.5, learn_scale=True, normalise=False)
    for value, expected in [(-1.0, 0.0), (0.625, 1 - 1.25), (1.375, 3 - 2.75), (9.0, 4.0)]:
        module.zero_grad()
        module(torch.tensor(value)).backward()
        assert isinstance(module.scale, nn.Parameter)
        assert module.scale.grad is not None
        assert module.scale.grad.item() == expected


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"levels": 0}, "levels"),
        ({"levels": 4, "lo": 1}, "lo"),
        ({"levels": 4, "lo": -5}, "lo"),
        ({"levels": 4, "rounding": "up"}, "rounding"),
        ({"levels": 4, "scale": 0.0}, "scale"),
        ({"levels": 4, "scale": float("nan")}, "scale"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        IntegerActivation(**wrong)


def test_settings_are_printed() -> None:
    assert repr(IntegerActivation(4)) == "IntegerActivation(levels=4, rounding='half-even')"
    full = IntegerActivation(
        3, lo=-3, rounding="half-up", scale=0.5, learn_scale=True, normalise=False
    )
    assert repr(full) == (
        "IntegerActivation(levels=3, rounding='half-up', lo=-3, scale=0.5, learn_scale=True, "
        "normalise=False)"
    )


EXPORTS = [
    ({}, ["Clip", "Round", "Div"]),
    ({"normalise": False}, ["Clip", "Round"]),
    ({"scale": 0.5}, ["Div", "Clip", "Round", "Mul", "Div"]),
    ({"scale": 0.5, "learn_scale": True, "normalise": False}, ["Div", "Clip", "Round", "Mul"]),
    ({"rounding": "half-up"}, ["Clip", "Add", "Floor", "Div"]),
]


@pytest.mark.parametrize(("settings", "operators"), EXPORTS)
def test_exports_to_plain_operators(settings: dict[str, Any], operators: list[str]) -> None:
    module = nn.Sequential(IntegerActivation(4, **settings)).eval()
    program = torch.onnx.export(module, (torch.zeros(1, 3),), dynamo=True, verbose=False)
    assert program is not None
    nodes = [node.op_type for node in program.model_proto.graph.node]
    assert [name for name in nodes if name != "Identity"] == operators


def test_exported_program_and_torchscript_keep_the_values(tmp_path: Path) -> None:
    x = probe(4)
    module = IntegerActivation(4, scale=0.3, learn_scale=True).eval()
    with torch.no_grad():
        expected = module(x)
    torch.export.save(torch.export.export(module, (x,)), tmp_path / "m.pt2")
    assert torch.equal(torch.export.load(tmp_path / "m.pt2").module()(x), expected)
    torch.jit.save(torch.jit.trace(module, x), tmp_path / "m.pt")  # type: ignore[no-untyped-call]
    assert torch.equal(torch.jit.load(tmp_path / "m.pt")(x), expected)  # type: ignore[no-untyped-call]


def test_a_scale_for_each_channel() -> None:
    scale = torch.tensor([0.5, 2.0]).reshape(2, 1)
    act = IntegerActivation(3, scale=scale, normalise=False)
    x = torch.tensor([[[0.8, 9.0, -1.0], [0.8, 9.0, 3.5]]])
    assert act(x).tolist() == [[[1.0, 1.5, 0.0], [0.0, 6.0, 4.0]]]
    assert "per channel" in act.extra_repr()
    with pytest.raises(ValueError, match="positive"):
        IntegerActivation(3, scale=torch.tensor([1.0, 0.0]))


def test_the_gradient_passes_under_vmap() -> None:
    act = IntegerActivation(4, scale=0.5, learn_scale=True, normalise=False)
    x = torch.tensor([[0.7], [0.2], [9.0]], requires_grad=True)
    torch.vmap(act)(x).sum().backward()
    assert x.grad is not None
    assert x.grad.ravel().tolist() == [1.0, 1.0, 0.0]
    assert isinstance(act.scale, nn.Parameter)
    # d(k * s)/ds = k - x / s inside of the range, k outside: (1 - 1.4) + (0 - 0.4) + 4
    assert act.scale.grad is not None
    assert act.scale.grad.item() == pytest.approx(3.2, rel=1e-6)  # float32
