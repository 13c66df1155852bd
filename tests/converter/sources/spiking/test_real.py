"""The libraries themselves beside their readings, where they are installed."""

from __future__ import annotations

import warnings
from typing import Any

import pytest
import torch
from torch import nn

from snnc.converter.sources.spiking.agree import require_agreement
from snnc.converter.sources.spiking.replace import spiking_modules
from tests import needs

pytestmark = pytest.mark.torch


def _library(name: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return needs.module(name)


def _agree(modules: dict[str, nn.Module], shape: tuple[int, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = spiking_modules(nn.ModuleDict(modules).eval())
        assert set(found) == set(modules)
        require_agreement(found, dict.fromkeys(found, shape))


def test_snntorch() -> None:
    snn = _library("snntorch")
    modules = {
        "leaky": snn.Leaky(beta=0.9),
        "zero": snn.Leaky(beta=0.9, reset_mechanism="zero", init_hidden=True),
        "none": snn.Leaky(beta=torch.rand(5), reset_mechanism="none"),
        "graded": snn.Leaky(beta=0.5, threshold=0.7, graded_spikes_factor=0.3),
        "synaptic": snn.Synaptic(alpha=0.8, beta=0.9),
        "lapicque": snn.Lapicque(R=5.1, C=0.7),
    }
    _agree(modules, (200, 5))


def test_spikingjelly() -> None:
    sj = _library("spikingjelly.activation_based.neuron")
    modules = {
        "if": sj.IFNode(),
        "soft": sj.IFNode(v_reset=None, v_threshold=0.8),
        "lif": sj.LIFNode(),
        "steps": sj.LIFNode(step_mode="m", tau=3.0),
        "shifted": sj.LIFNode(v_reset=-0.3, tau=1.5, decay_input=False),
        "parametric": sj.ParametricLIFNode(init_tau=1.7),
        "integer": sj.ILIFNode(v_threshold=0.6),
    }
    _agree(modules, (200, 5))


def test_sinabs() -> None:
    sl = _library("sinabs.layers")
    modules = {
        "iaf": sl.IAF(),
        "lif": sl.LIF(tau_mem=torch.tensor([5.0, 10.0, 3.0])),
        "synaptic": sl.LIF(tau_mem=5.0, tau_syn=3.0, norm_input=False),
        "leak": sl.ExpLeak(tau_mem=5.0),
    }
    _agree(modules, (20, 9, 3))
