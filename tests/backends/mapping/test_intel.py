"""Judges: the utilisation tables that Intel's own compiler printed in lava-dl's notebooks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import snnc
from snnc.backends.chips import load_chip
from snnc.backends.mapping import Box, Mapping, map_graph
from snnc.backends.mapping.demand import Demand
from snnc.backends.mapping.lists import significant_bits
from snnc.ir.codes import RunSettings
from snnc.ir.graph import Graph
from snnc.ir.nodes import Population
from tests.backends.mapping.intel import (
    MNIST,
    NETS,
    OXFORD,
    PILOTNET_SDNN,
    PILOTNET_SNN,
    YOLO_KP,
    Layer,
    Net,
    graph_of,
)
from tests.needs import data_file

CHIP = load_chip("loihi2")
OLDER_WORDS = 12000
"""What the compiler of 2022 gave each core ("Violation … registers[reg_name]=12000")."""

ROWS = [(net, i) for net in NETS for i in range(len(net.layers))]
GRAPHS = {net.name: graph_of(net) for net in NETS}


def demand_of(graph: Graph, i: int) -> Demand:
    node = graph.nodes[f"layer{i}"]
    assert isinstance(node, Population)
    return Demand(graph, node, CHIP)


def corner(tile: tuple[int, ...]) -> Box:
    return tuple((0, n) for n in tile)


def words(graph: Graph, i: int, tile: tuple[int, ...]) -> int:
    return demand_of(graph, i).piece(corner(tile)).use["synapse_words"]


@pytest.mark.parametrize(("net", "i"), ROWS, ids=lambda x: x.name if isinstance(x, Net) else x)
def test_synapse_words_of_every_row(net: Net, i: int) -> None:
    layer = net.layers[i]
    assert words(GRAPHS[net.name], i, layer.tile) == layer.words


@pytest.mark.data
def test_intels_own_file_read_from_its_hdf5(tmp_path: Path) -> None:
    """Weights of both layers as the file has them, and neurons that are the chip's own."""
    source = data_file("models/lava_net/oxford_network.net")
    graph = snnc.convert(source, output=tmp_path / "oxford.snnc").integer_graph
    assert [
        significant_bits(p.map.weight) for n in graph.populations for p in graph.incoming(n.name)
    ] == [layer.bits for layer in OXFORD.layers]
    for node, layer in zip(graph.populations, OXFORD.layers, strict=True):
        piece = Demand(graph, node, CHIP).piece(corner(node.shape))
        assert piece.use["synapse_words"] == layer.words
    mapping = map_graph(graph, CHIP, RunSettings("graded", "pipelined"))
    assert (mapping.fits, mapping.n_cores) == ("yes", 4)
    (reason,) = map_graph(graph, CHIP, RunSettings("graded", "sequential")).reasons
    assert "pipelined" in reason.ways_out[0]


def test_axons_and_routes() -> None:
    """`AxonIn` and `AxonMap`, printed as averages over the cores of a layer."""
    sdnn = GRAPHS["pilotnet-sdnn"]
    axons = [demand_of(sdnn, i).piece(corner(x.tile)) for i, x in enumerate(PILOTNET_SDNN.layers)]
    assert [p.use["axons_in"] for p in axons] == [2, 2, 2, 1, 1, 2560, 100, 50, 10]
    mapping = map_graph(sdnn, CHIP)
    routes = [
        int(np.mean([p.use["axon_map"] for p in mapping.pieces_of(f"layer{i}")])) for i in range(5)
    ]
    assert routes == [253, 113, 112, 29, 1280]
    yolo = GRAPHS["yolo-kp"]
    tiles = [layer.tile for layer in YOLO_KP.layers[:-1]]
    sites = [demand_of(yolo, i).piece(corner(t)).use["axon_map"] for i, t in enumerate(tiles)]
    printed = [1.40, 0.70, 0.35, 0.17, 0.17, 0.35, 0.35, 0.09, 0.35]
    assert [round(100 * n / 16000, 2) for n in sites] == pytest.approx(printed, abs=0.006)


def mapped(net: Net) -> tuple[Mapping, list[int]]:
    mapping = map_graph(GRAPHS[net.name], CHIP)
    return mapping, [len(mapping.pieces_of(f"layer{i}")) for i in range(len(net.layers))]


def test_core_totals_where_they_are_equal() -> None:
    for net in (MNIST, YOLO_KP):
        mapping, cores = mapped(net)
        assert mapping.n_cores == net.n_cores
        assert cores == [layer.cores for layer in net.layers]


@pytest.mark.parametrize("net", [PILOTNET_SDNN, PILOTNET_SNN])
def test_pilotnet_needs_fewer_cores_for_its_large_dense_layer_only(net: Net) -> None:
    """Five of at most 16000 words each, where Intel's compiler took twelve half empty ones."""
    mapping, cores = mapped(net)
    assert [n for i, n in enumerate(cores) if i != 5] == [
        layer.cores for i, layer in enumerate(net.layers) if i != 5
    ]
    assert cores[5] == 5
    assert mapping.n_cores == net.n_cores - 12 + 5
    assert not net.encodes or len(mapping.pieces_of("encode")) == 13


def test_oxford_needs_one_core_less() -> None:
    assert mapped(OXFORD)[1] == [2, 2]


def test_oxfords_printed_means_are_those_of_tiles_of_127() -> None:
    """Both layers cut alike: 127 + 127 + 2 neurons of 256, 127 + 73 of 200."""
    for i, (printed, neurons) in enumerate([(5400, 85), (8064, 100)]):
        layer = OXFORD.layers[i]
        parts = [min(127, layer.n_out - at) for at in range(0, layer.n_out, 127)]
        assert len(parts) == layer.cores
        assert sum(words(GRAPHS["oxford"], i, (part,)) for part in parts) == printed * len(parts)
        assert sum(parts) // len(parts) == neurons


@pytest.mark.parametrize("net", [PILOTNET_SDNN, PILOTNET_SNN])
def test_the_older_compilers_own_loop_gives_its_twelve_cores(net: Net) -> None:
    """Cut by ceil(words / 12000) until it fits; the words on the way and the mean were printed."""
    layer, graph = net.layers[5], GRAPHS[net.name]
    n, seen = layer.n_out, []
    while (found := words(graph, 5, (n,))) > OLDER_WORDS:
        seen.append(found)
        n = -(-n // -(-found // OLDER_WORDS))
    assert seen == [layer.words, 12800]
    parts = [min(n, layer.n_out - at) for at in range(0, layer.n_out, n)]
    assert len(parts) == layer.cores
    mean = sum(words(graph, 5, (part,)) for part in parts) / len(parts)
    assert int(mean) == 7253
    others = mapped(net)[0].n_cores - mapped(net)[1][5]
    assert others + len(parts) == net.n_cores


def test_the_older_loop_explains_neither_oxford_nor_the_newer_tables() -> None:
    """Halves of 128 and 100 neurons instead of tiles of 127; newer cores hold more than 12000."""
    for i, layer in enumerate(OXFORD.layers):
        parts = -(-layer.words // OLDER_WORDS)
        n = -(-layer.n_out // parts)
        assert words(GRAPHS["oxford"], i, (n,)) <= OLDER_WORDS
        assert (parts, n) == (2, (128, 100)[i])
    newer = [layer.words for net in (MNIST, YOLO_KP) for layer in net.layers]
    assert max(newer) > OLDER_WORDS


def test_layers_without_a_row_of_their_own() -> None:
    """Every layer of every published table is judged."""
    assert sum(isinstance(x, Layer) for net in NETS for x in net.layers) == 33
