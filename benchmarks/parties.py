"""Who runs the networks of `networks.py`, and why some do not run some."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

PYTORCH, DENSE, BURST = "PyTorch float", "snnc dense", "snnc event, burst"
FASTEST = "PyTorch float, best of its ways"


@dataclass(frozen=True, kw_only=True)
class Party:
    """Somebody who runs networks.

    Attributes:
        name: in tables.
        command: script of peers/ and its arguments.
        recurrent: the same for the recurrent network, where its script is another.
        ours: does it run in snnc's environment? Otherwise in the peers'.
        batched: does it take samples in batches?
        exact: must its outputs equal those of snnc's dense engine in every network? (In those
            whose float sums are exact, everybody's must: `Net.exact`.)
        gives_outputs: traces do not: they hold events.
        without: networks that it does not run, and why; `*` stands for all others.
        note: what to know of its figures.
    """

    name: str
    command: tuple[str, ...]
    recurrent: tuple[str, ...] | None = None
    ours: bool = False
    batched: bool = True
    exact: bool = False
    gives_outputs: bool = True
    without: Mapping[str, str] = field(default_factory=dict)
    note: str = ""

    def refusal(self, net: str) -> str | None:
        """Why it does not run a network; None if it does."""
        if net in self.without:
            return self.without[net]
        return self.without.get("*") if net != "recurrent" else None

    def script(self, net: str) -> tuple[str, ...]:
        """What to call."""
        return (self.recurrent or self.command) if net == "recurrent" else self.command


def _snnc(name: str, *options: str, **fields: object) -> Party:
    command = ("run_snnc.py", *options)
    return Party(**{"name": name, "command": command, "ours": True, "exact": True} | fields)  # type: ignore[arg-type]


_NO_PRODUCT = "a product of two counts (attention) is no sum over steps of what spikes do in each"
_EVENT = ("--engine", "event", "--code")


def _trace(code: str) -> Party:
    return _snnc(
        f"snnc event, {code}, with trace",
        *(*_EVENT, code, "--trace"),
        gives_outputs=False,
        exact=False,
        note="a trace holds events, not outputs: none to compare",
    )


_RATE = "but for the recurrent net: integrate-and-fire neurons, T = 4: another function"
_LISTED = "knows neither kernels nor pools: every synapse would be listed by itself"

PARTIES = (
    Party(name=PYTORCH, command=("run_torch.py",), ours=True, note="as it is written, eager"),
    _snnc(DENSE, "--engine", "dense"),
    Party(name=FASTEST, command=("run_torch_fastest.py",), ours=True),
    _snnc(BURST, *_EVENT, "burst"),
    _trace("burst"),
    _snnc("snnc event, graded", *_EVENT, "graded"),
    _trace("graded"),
    _snnc("snnc event, delta", *_EVENT, "delta", note="a still image has one frame: as graded"),
    _snnc(
        "snnc event, rate, T = 4",
        *(*_EVENT, "rate"),
        exact=False,
        without={
            "espikeformer": "products have no rate",
            "recurrent": "a window knows no other, so spikes of an earlier row have no rate",
        },
        note="inexact by its nature; max-pools run as averages",
    ),
    Party(
        name="ONNX Runtime int8, same integers",
        command=("run_ort_integers.py",),
        ours=True,
        without={
            "espikeformer": "peers/qlinear.py writes no products (attention)",
            "recurrent": "no 8-bit operator keeps a membrane",
        },
        note="the integer form's weights and levels; residual sums have 8 bits",
    ),
    Party(
        name="ONNX Runtime int8, its own quantisation",
        command=("run_ort.py",),
        ours=True,
        without={"recurrent": "no 8-bit operator keeps a membrane"},
        note="static, QDQ: 255 levels in place of the network's",
    ),
    Party(
        name="SpikingJelly 2.0, I-LIF slots",
        command=("run_spikingjelly_ilif.py",),
        without={
            "espikeformer": _NO_PRODUCT,
            "recurrent": "its neurons are LIF: see SpikingJelly 2.0",
        },
        note="SpikingJelly's own expansion of integer activations: the same function",
    ),
    Party(
        name="SpikingJelly 2.0",
        command=("run_spikingjelly.py",),
        recurrent=("recurrent_spikingjelly.py",),
        without={"espikeformer": _NO_PRODUCT},
        note=_RATE,
    ),
    Party(
        name="snnTorch 1.0",
        command=("run_snntorch.py",),
        recurrent=("recurrent_snntorch.py",),
        without={"espikeformer": _NO_PRODUCT},
        note=_RATE,
    ),
    Party(
        name="sinabs 3.1",
        command=("run_sinabs.py",),
        recurrent=("recurrent_sinabs.py",),
        without={"espikeformer": _NO_PRODUCT},
        note=_RATE,
    ),
    Party(
        name="Lava 0.10, CPU simulation",
        command=("run_lava.py",),
        ours=True,
        exact=True,
        note="snnc's bundle, graded; second column: not batched but pipelined; without the start",
    ),
    Party(
        name="Brian2 2.9",
        command=("recurrent_brian2.py",),
        without={"*": _LISTED},
    ),
    Party(
        name="Nengo 4.1",
        command=("recurrent_nengo.py",),
        batched=False,
        without={"*": "its spikes come at rates of continuous time, and it has no pools"},
        note="a neuron type of our own: its LIF is one of continuous time; no batches",
    ),
)
"""In the order of the tables. Others are compared to the first two."""

REFERENCES = frozenset({PYTORCH, DENSE})
