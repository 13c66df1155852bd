"""Spiking modules as the libraries' documentation describes them, under their class paths.

They let the readers be tested where a library is not installed; `test_real.py` runs the
libraries themselves where they are.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Leaky(nn.Module):
    """snnTorch: mem = beta * mem + x - reset * threshold, the reset of the membrane before."""

    __module__ = "snntorch._neurons.leaky"
    mem: Tensor
    beta: Tensor
    threshold: Tensor

    def __init__(self, beta: float, threshold: float = 1.0, **settings: Any) -> None:
        super().__init__()
        self.register_buffer("beta", torch.as_tensor(beta))
        self.register_buffer("threshold", torch.as_tensor(threshold))
        self.register_buffer("graded_spikes_factor", torch.as_tensor(1.0))
        self.reset_mechanism = settings.get("reset_mechanism", "subtract")
        self.state_quant = settings.get("state_quant", False)
        self.inhibition = settings.get("inhibition", False)
        self.init_hidden = settings.get("init_hidden", False)
        self.output = False
        self.reset_delay = settings.get("reset_delay", True)
        self.register_buffer("mem", torch.zeros(0), persistent=False)

    def spike_grad(self, z: Tensor) -> Tensor:
        return (z > 0).float()

    def reset_mem(self) -> Tensor:
        self.mem = torch.zeros_like(self.mem)
        return self.mem

    def forward(self, x: Tensor, mem: Tensor | None = None) -> Any:
        if mem is not None:
            self.mem = mem
        if self.mem.shape != x.shape:
            self.mem = torch.zeros_like(x)
        reset = self.spike_grad(self.mem - self.threshold)
        if self.reset_mechanism == "zero":
            self.mem = (1 - reset) * self.mem
        self.mem = self.beta.clamp(0, 1) * self.mem + x
        if self.reset_mechanism == "subtract":
            self.mem = self.mem - reset * self.threshold
        spikes = self.spike_grad(self.mem - self.threshold)
        return spikes if self.init_hidden else (spikes, self.mem)


class OldLeaky(nn.Module):
    """snnTorch before 0.7, with init_hidden: the state is made anew by hand."""

    __module__ = "snntorch._neurons.leaky"
    beta: Tensor
    threshold: Tensor

    def __init__(self, beta: float, *, init_hidden: bool = True) -> None:
        super().__init__()
        self.register_buffer("beta", torch.as_tensor(beta))
        self.register_buffer("threshold", torch.as_tensor(1.0))
        self.reset_mechanism, self.init_hidden = "subtract", init_hidden
        self.state_quant = self.inhibition = self.output = False
        self.mem: Any = self.init_leaky()

    def init_leaky(self) -> Tensor:
        return torch.zeros(0)

    def spike_grad(self, z: Tensor) -> Tensor:
        return (z > 0).float()

    def forward(self, x: Tensor) -> Tensor:
        mem = self.mem if self.mem.shape == x.shape else torch.zeros_like(x)
        reset = self.spike_grad(mem - self.threshold)
        self.mem = self.beta.clamp(0, 1) * mem + x - reset * self.threshold
        return self.spike_grad(self.mem - self.threshold)


OldLeaky.__name__ = OldLeaky.__qualname__ = "Leaky"


class LIFNode(nn.Module):
    """SpikingJelly: v += (x - (v - v_reset)) / tau; hard reset to v_reset, soft where None."""

    __module__ = "spikingjelly.activation_based.neuron.lif"

    def __init__(self, tau: float = 2.0, step_mode: str = "s", **settings: Any) -> None:
        super().__init__()
        self.tau, self.step_mode = tau, step_mode
        self.decay_input = settings.get("decay_input", True)
        self.v_threshold = settings.get("v_threshold", 1.0)
        self.v_reset = settings.get("v_reset", 0.0)
        self.surrogate_function = settings.get("surrogate", lambda z: (z >= 0).float())
        self.reset()

    def reset(self) -> None:
        self.v: Any = 0.0 if self.v_reset is None else self.v_reset

    def forward(self, x: Tensor) -> Tensor:
        if self.step_mode == "m":
            return torch.stack([self._step(frame) for frame in x])
        return self._step(x)

    def _step(self, x: Tensor) -> Tensor:
        rest = 0.0 if self.v_reset is None else self.v_reset
        leak = (self.v - rest) / self.tau
        self.v = self.v - leak + (x / self.tau if self.decay_input else x)
        spike: Tensor = self.surrogate_function(self.v - self.v_threshold)
        if self.v_reset is None:
            self.v = self.v - spike * self.v_threshold
        else:
            self.v = (1 - spike) * self.v + spike * self.v_reset
        return spike


class MultiSpike:
    """sinabs: as many spikes as the threshold fits into the membrane."""


class MembraneSubtract:
    """sinabs: each spike takes one threshold."""

    subtract_value = None


class IAFSqueeze(nn.Module):
    """sinabs: integrate and fire; batch and time are one axis; v is kept above min_v_mem."""

    __module__ = "sinabs.layers.iaf"

    def __init__(self, min_v_mem: float | None = None, threshold: float = 1.0) -> None:
        super().__init__()
        self.spike_fn, self.reset_fn = MultiSpike, MembraneSubtract()
        self.spike_threshold = nn.Parameter(torch.tensor(threshold), requires_grad=False)
        self.min_v_mem = None if min_v_mem is None else torch.tensor(min_v_mem)
        self.alpha_mem_calculated = torch.tensor(1.0)
        self.alpha_syn_calculated = None
        self.norm_input = False
        self.num_timesteps = -1
        self.v_mem: Tensor | None = None

    def reset_states(self) -> None:
        self.v_mem = None

    def forward(self, x: Tensor) -> Tensor:
        outputs = []
        for frame in x:
            v = frame if self.v_mem is None else self.v_mem + frame
            spikes = (v > 0) * torch.div(v, self.spike_threshold, rounding_mode="trunc")
            v = v - spikes * self.spike_threshold
            self.v_mem = v if self.min_v_mem is None else torch.maximum(v, self.min_v_mem)
            outputs.append(spikes.float())
        return torch.stack(outputs)


class Q_IFNode(nn.Module):  # noqa: N801 - the class's own name
    """Qtrick_architecture: v += x; k = surrogate(v); v -= k, whatever `v_reset` says."""

    __module__ = "Qtrick_architecture.clock_driven.neuron"
    v: Tensor | float

    def __init__(self, v_threshold: float = 1.0) -> None:
        super().__init__()
        self.v_threshold, self.v_reset = v_threshold, 0.0
        self.reset()

    def surrogate_function(self, v: Tensor) -> Tensor:
        return torch.round(torch.clamp(v, 0, 4))

    def reset(self) -> None:
        self.v = 0.0

    def forward(self, x: Tensor) -> Tensor:
        self.v = self.v + x
        k = self.surrogate_function(self.v)
        self.v = self.v - k * self.v_threshold
        return k
