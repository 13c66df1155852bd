"""Random graphs on small chips: every neuron on one core, every figure as counted one by one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from snnc.backends.chips import Chip, Limit, SynapseFormat, load_chip
from snnc.backends.conformance.cases import Case, cases
from snnc.backends.mapping import Mapping, Piece, map_graph
from snnc.backends.mapping.demand import Demand, shared_sites
from snnc.backends.mapping.edges import POSITION_SLOTS
from snnc.backends.mapping.kernels import Kernel
from snnc.backends.mapping.lists import indexed_words, significant_bits
from snnc.ir.arrays import IntArray
from snnc.ir.graph import Graph, Projection
from snnc.ir.nodes import Node, Population, Product

QUIET = list(HealthCheck)
LOIHI1, LOIHI2 = load_chip("loihi1"), load_chip("loihi2")


def small(chip: Chip, **limits: int) -> Chip:
    """A chip with cores so small that random graphs need many."""
    values = {name: Limit(value=value, source="test") for name, value in limits.items()}
    return replace(chip, limits={**chip.limits, **values})


def unshared(chip: Chip) -> Chip:
    """A chip that lists every synapse with its index."""
    form = chip.synapses
    assert form is not None
    return replace(chip, synapses=replace(form, kernels="unshared", dense_lists="indexed"))


CHIPS = {
    "taps": small(LOIHI2, neurons_per_core=17, synapse_words_per_core=300),
    "pixels": small(LOIHI1, neurons_per_core=40, out_axons_per_core=60),
    "unshared": unshared(small(LOIHI2, neurons_per_core=11)),
    "unknown": replace(LOIHI2, limits={}, synapses=None),
}


@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
@given(case=cases())
@settings(max_examples=12, deadline=None, suppress_health_check=QUIET)
def test_random_graphs(chip: Chip, case: Case) -> None:
    mapping = map_graph(case.graph, chip, case.settings, n_frames=case.n_frames)
    check_tiling(case.graph, mapping)
    check_limits(mapping)
    if chip is CHIPS["unshared"]:
        check_lists(case.graph, mapping)
    if chip is CHIPS["pixels"]:
        check_edges(case.graph, mapping)


@pytest.mark.slow
@pytest.mark.parametrize("chip", CHIPS.values(), ids=list(CHIPS))
@given(case=cases())
@settings(max_examples=150, deadline=None, suppress_health_check=QUIET)
def test_many_random_graphs(chip: Chip, case: Case) -> None:
    mapping = map_graph(case.graph, chip, case.settings, n_frames=case.n_frames)
    check_tiling(case.graph, mapping)
    check_limits(mapping)
    check_lists(case.graph, mapping)
    check_edges(case.graph, mapping)


def check_tiling(graph: Graph, mapping: Mapping) -> None:
    """Every neuron of populations and products lies in exactly the piece that the split says."""
    cut = {n.name for n in graph.nodes.values() if isinstance(n, Population | Product)}
    assert set(mapping.splits) == cut
    for name, split in mapping.splits.items():
        owner = np.full(split.shape, -1)
        for at, piece in enumerate(mapping.pieces_of(name), split.first):
            assert piece.node == name
            assert (owner[piece.slices] == -1).all()
            owner[piece.slices] = at
        assert (owner.reshape(-1) == split.piece_at(np.arange(owner.size))).all()


def check_limits(mapping: Mapping) -> None:
    """What breaks a limit is said, and nothing else is."""
    limits = mapping.chip.core_limits()
    over = {
        (kind, max(p.use[kind] for p in mapping.pieces_of(name)))
        for name in mapping.splits
        for kind, limit in limits.items()
        if max(p.use[kind] for p in mapping.pieces_of(name)) > limit
    }
    said = {reason.have for reason in mapping.reasons if reason.have is not None}
    assert {have for _, have in over} == said


def synapses(p: Projection) -> tuple[IntArray, IntArray]:
    """Map input and target of every synapse."""
    indptr, targets, _ = p.map.to_csr()
    return np.repeat(np.arange(len(indptr) - 1), np.diff(indptr)), targets


def check_lists(graph: Graph, mapping: Mapping) -> None:
    """Words and axons of unshared synapses, source by source."""
    if mapping.chip.synapses is None or mapping.chip.synapses.kernels != "unshared":
        return
    for node in graph.populations:
        for p in graph.incoming(node.name):
            if p.gather is not None:
                continue
            sources, targets = synapses(p)
            for at, piece in enumerate(mapping.pieces_of(node.name)):
                split = mapping.splits[node.name]
                here = split.piece_at(targets) - split.first == at
                lengths = np.unique(sources[here], return_counts=True)[1]
                assert piece.axons_in[p.name] == len(lengths)
                assert piece.synapse_words[p.name] == words(
                    p, piece, lengths, mapping.chip.synapses
                )


def words(p: Projection, piece: Piece, lengths: IntArray, form: SynapseFormat) -> int:
    bits = significant_bits(p.map.weight)
    return sum(indexed_words(int(n), bits, piece.n_neurons, form) for n in lengths)


def check_edges(graph: Graph, mapping: Mapping) -> None:
    """Edges to other cores, event by event."""
    if mapping.chip.limit("out_axons_per_core") is None:
        return
    for node in graph.populations:
        demand = Demand(graph, node, mapping.chip)
        for p in demand.outgoing:
            owners = port_owners(graph.nodes[p.target], p.port, mapping)
            sources, targets = synapses(p)
            reached: list[set[int]] = [set() for _ in range(node.size)]
            position = np.arange(node.size) if p.gather is None else p.gather
            for source, target in zip(position[sources], targets, strict=True):
                if source >= 0:
                    reached[source] |= owners[target]
            shared = shared_sites(p, node, mapping.chip)
            for piece in mapping.pieces_of(node.name):
                part = np.arange(node.size).reshape(node.shape)[piece.slices]
                if shared is None:
                    expected = sum(len(reached[n]) for n in part.reshape(-1))
                else:
                    site = sites(shared)
                    units: dict[int, set[int]] = defaultdict(set)
                    for n in part.reshape(-1):
                        units[int(site[n])] |= reached[n]
                    expected = POSITION_SLOTS * sum(len(cores) for cores in units.values())
                assert piece.axons_out[p.name] == expected


def port_owners(node: Node, port: str, mapping: Mapping) -> list[set[int]]:
    """Pieces that need each neuron of a port."""
    assert isinstance(node, Population | Product)
    demand = Demand(graph=Graph([node], []), node=node, chip=mapping.chip)
    shape = node.port_shape(port)
    owners: list[set[int]] = [set() for _ in range(int(np.prod(shape)))]
    for at, piece in enumerate(mapping.pieces_of(node.name)):
        box = demand.port_box(port, piece.box)
        part = np.arange(len(owners)).reshape(shape)[tuple(slice(*span) for span in box)]
        for n in part.reshape(-1):
            owners[n].add(at)
    return owners


def sites(kernel: Kernel) -> IntArray:
    """A number for each input neuron that all channels of its position share."""
    numbers = np.arange(int(np.prod(kernel.sites_in))).reshape(kernel.sites_in)
    wide = np.expand_dims(numbers, kernel.axis)
    return np.broadcast_to(wide, kernel.in_shape).reshape(-1)
