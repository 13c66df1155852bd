"""What a chip file says about the chip itself: limits, mesh, synapse format, neurons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias, get_args

from snnc.ir.limits import Limits

Payload: TypeAlias = Literal["unit", "graded"]
Lists: TypeAlias = Literal["indexed", "plain"]
Kernels: TypeAlias = Literal["taps", "pixels", "unshared"]

PAYLOADS: tuple[str, ...] = get_args(Payload)
LISTS: tuple[str, ...] = get_args(Lists)
KERNELS: tuple[str, ...] = get_args(Kernels)

LIF = "lif"
"""The current-based LIF neuron with hard reset that both Loihis have, as lava-nc models it."""

CORE_LIMITS: dict[str, str] = {
    "neurons": "neurons_per_core",
    "synapse_words": "synapse_words_per_core",
    "axons_in": "in_axons_per_core",
    "axon_map": "axon_map_per_core",
    "axons_out": "out_axons_per_core",
}
"""What a core runs out of, and the limit that bounds it."""

WIDTHS = ("membrane_bits", "current_bits", "payload_bits", "weight_bits", "max_exponent",
          "max_delay", "leak_bits")  # fmt: skip
"""Limits of formats, as `ir.limits.Limits` names them."""

BIASES = ("bias_bits", "bias_exponent_bits")
STOCK = ("threshold_bits", *BIASES)
"""Formats of the neurons that a chip has in hardware."""

LIMITS: frozenset[str] = frozenset({*CORE_LIMITS.values(), *WIDTHS, *STOCK, "cores_per_chip"})
"""Every limit that a chip file may state."""


@dataclass(frozen=True, kw_only=True)
class Limit:
    """One figure and where it stands."""

    value: int
    source: str

    def to_json(self) -> dict[str, Any]:
        """Both attributes by name."""
        return {"value": self.value, "source": self.source}


@dataclass(frozen=True, kw_only=True)
class Mesh:
    """How the cores of one chip lie.

    Attributes:
        columns, rows: of routers.
        cores_per_router: neuro-cores that share one router.
        source: where it stands.
    """

    columns: int
    rows: int
    cores_per_router: int
    source: str


@dataclass(frozen=True, kw_only=True)
class SynapseFormat:
    """How a core stores the synapses of one incoming axon: a list of memory words.

    Attributes:
        word_bits: of the memory.
        header_bits: that each list (or block of it) begins with.
        weight_widths: bits that a stored weight may have; wider weights take several synapses.
        index_widths: bits that a synapse's target index may have.
        dense_lists: `indexed`: a list to all neurons of a core stores each one's index; `plain`:
            it does not.
        block_synapses: synapses of one block at most, each block with its own header; None: a list
            is one block.
        kernels: how weights shared over positions are kept. `taps`: one list for each input
            channel and kernel tap, its output channels in groups of powers of two, the tile's last
            axis a power of two, and one axon for each group; `pixels`: one list for each pattern of
            taps that an input position meets, one axon for each position; `unshared`: as any
            other synapses.
        source: where it stands.
    """

    word_bits: int
    header_bits: int
    weight_widths: tuple[int, ...]
    index_widths: tuple[int, ...]
    dense_lists: Lists
    kernels: Kernels
    source: str
    block_synapses: int | None = None


@dataclass(frozen=True, kw_only=True)
class NeuronSupport:
    """Which neurons the chip computes.

    Attributes:
        models: kinds of neuron models that it has in hardware; `lif` stands for those populations
            that are lava-nc's LIF, bit for bit (backends/lava/stock.py).
        programmable: can it be programmed to compute others? What such a program may need is
            public for no chip that we know, so that they are assumed to fit.
        source: where it stands.
    """

    models: tuple[str, ...]
    programmable: bool
    source: str


@dataclass(frozen=True, kw_only=True)
class Chip:
    """A chip, or a bare process, as its file describes it; what is not public is None or absent.

    Attributes:
        name: as on the command line.
        title: for people.
        process: technology and supply voltage.
        payload: `unit` where the chip has unit spikes only, else `graded`.
        note: what the figures leave out and what to mind.
        limits: by name.
        mesh, synapses, neurons: None where the file does not say.
    """

    name: str
    title: str
    process: str
    payload: Payload
    note: str
    limits: Mapping[str, Limit] = field(default_factory=dict)
    mesh: Mesh | None = None
    synapses: SynapseFormat | None = None
    neurons: NeuronSupport | None = None

    def limit(self, name: str) -> int | None:
        """The value of a limit, None where it is not known."""
        found = self.limits.get(name)
        return None if found is None else found.value

    @property
    def cores_per_chip(self) -> int | None:
        """Neuro-cores of one chip."""
        return self.limit("cores_per_chip")

    def core_limits(self) -> dict[str, int]:
        """What a core offers of each kind, as far as it is known."""
        known = {use: self.limit(name) for use, name in CORE_LIMITS.items()}
        return {use: value for use, value in known.items() if value is not None}

    def widths(self) -> Limits:
        """The chip's formats as passes and analyses take them."""
        widths = {name: self.limit(name) for name in (*WIDTHS, *BIASES)}
        if self.payload == "unit":
            widths["payload_bits"] = 0
        return Limits(target=self.name, **widths)
