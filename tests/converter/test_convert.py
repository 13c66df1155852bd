"""From a source to both forms of its graph."""

from __future__ import annotations

import json

import pytest
import torch

from snnc.converter.convert import convert_source
from snnc.converter.sources import SourceOptions, load_source
from snnc.ir.limits import Limits
from tests.converter.lower.nets import f32, from_text, weights

BODY = "c = Conv(x, w) a = Clip(c, lo, hi) r = Round(a) d = Div(r, hi) y = Conv(d, u)"
CONSTANTS = {
    "w": weights(3, 2, 3, 3),
    "lo": f32(0),
    "hi": f32(4),
    "u": weights(2, 3, 1, 1),
}


def test_both_forms_have_the_same_populations() -> None:
    converted = convert_source(from_text(BODY, (2, 5, 6), CONSTANTS))
    assert (converted.float_graph.form, converted.integer_graph.form) == ("float", "integer")
    assert list(converted.float_graph.nodes) == list(converted.integer_graph.nodes)
    assert set(converted.onnx) == {"source"}
    assert converted.notes == ()
    assert json.dumps(converted.rounding)


def test_host_parts_travel_along() -> None:
    converted = convert_source(from_text(BODY, (2, 5, 6), CONSTANTS, grid=None))
    (host,) = converted.integer_graph.host_ops
    assert set(converted.onnx) == {"source", host.onnx}
    assert len(converted.notes) == 1


def test_what_a_targets_widths_cost_is_said() -> None:
    limits = Limits(target="narrow", membrane_bits=11)
    converted = convert_source(from_text(BODY, (2, 5, 6), CONSTANTS), limits=limits)
    (note,) = converted.notes
    assert "coarser than the weights' so that nothing passes the widths of narrow: " in note
    coarser = [m["coarser"] for m in converted.rounding["membranes"]]
    assert max(coarser) > 0
    assert f"(2^{max(coarser)})" in note


@pytest.mark.torch
def test_several_inputs_are_noted() -> None:
    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.left, self.right = torch.nn.Linear(3, 2), torch.nn.Linear(4, 2)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
            return torch.round(torch.clamp(self.left(a) + self.right(b), 0, 4))

    examples = (torch.zeros(1, 3), torch.zeros(1, 4))
    options = SourceOptions(input_range=(0.0, 1.0), input_bits=4)
    converted = convert_source(load_source(Two().eval(), options, examples))
    assert len(converted.integer_graph.inputs) == 2
    assert any("has 2 inputs" in note and "(a, b)" in note for note in converted.notes)
