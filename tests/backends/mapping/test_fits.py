"""What fits, what does not, and what a mapping says about it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from snnc.backends.chips import Chip, load_chip
from snnc.backends.mapping import Mapping, Operands, map_graph
from snnc.ir.codes import Rate, RunSettings
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Dense, Identity, LinearMap
from snnc.ir.neurons import NeuronModel
from snnc.ir.neurons.current_lif import FixedCurrentLIF
from snnc.ir.neurons.fire import IntegerFire
from snnc.ir.neurons.firing import Reset
from snnc.ir.neurons.passing import Accumulator
from snnc.ir.nodes import Input, Output, Population, Product

LOIHI1, LOIHI2 = load_chip("loihi1"), load_chip("loihi2")
BURST = RunSettings("burst")
EVERY_STEP = RunSettings("burst", "pipelined")
FIRE = IntegerFire(lo=0, thresholds=np.array([[1, 2]]))


def layer(model: NeuronModel, n_in: int = 4, n_out: int = 3, weight: int = 1) -> Graph:
    """An input, one layer under the user's name `net.fc`, an output."""
    map_ = Dense(weight=np.full((n_out, n_in), weight))
    nodes = [
        Input(name="input", shape=(n_in,), hi=1),
        Population(name="fc", shape=(n_out,), module_path="net.fc", model=model),
        Output(name="output", shape=(n_out,)),
    ]
    return Graph(nodes, [join("input", "fc", map_), join("fc", "output", Identity(shape=(n_out,)))])


def two_layers() -> Graph:
    """A layer that fires, and one that is read."""
    fires = layer(FIRE)
    head = Population(name="head", shape=(2,), model=Accumulator())
    nodes = [*fires.inputs, *fires.populations, head, Output(name="output", shape=(2,))]
    into = join("fc", "head", Dense(weight=np.array([[1, 2, 0], [0, 1, 1]])))
    first = fires.incoming("fc")
    return Graph(nodes, [*first, into, join("head", "output", Identity(shape=(2,)))])


def join(source: str, target: str, map_: LinearMap, port: str = "in") -> Projection:
    return Projection(
        name=f"{source}-{target}-{port}", source=source, target=target, map=map_, port=port
    )


def test_a_layer_with_more_inputs_than_axons_is_refused_by_name() -> None:
    mapping = map_graph(layer(FIRE, n_in=20000), LOIHI2)
    assert mapping.fits == "no"
    axons, words = [r for r in mapping.reasons if r.verdict == "no"]
    for reason in (axons, words):
        assert reason.where == ("net.fc",)
        assert (reason.limit, reason.have) == (16000, 20000)
        assert "4000 more" in reason.what
        assert any("pool" in way for way in reason.ways_out)
    assert {"incoming axons" in axons.what, "incoming axons" in words.what} == {True, False}
    assert mapping.n_cores == 1  # no cut would help


def test_two_phase_neurons() -> None:
    """Loihi 2 can be programmed, within limits that are not public; Loihi 1 cannot."""
    on2 = map_graph(layer(FIRE), LOIHI2)
    assert on2.fits == "assumed"
    (reason,) = on2.reasons
    assert reason.where == ("net.fc",)
    assert "`integer-fire`" in reason.what
    on1 = map_graph(layer(FIRE), LOIHI1, BURST)
    assert on1.fits == "no"
    assert [r.to_json()["verdict"] for r in on1.reasons] == ["no"]
    assert on1.reasons[0].ways_out


def lif(reset: Reset) -> FixedCurrentLIF:
    """Lava's LIF with du = 2047, dv = 1024, vth = 10, or one with another reset."""
    return FixedCurrentLIF(
        thresholds=np.array([(10 << 6) + 1]),
        reset_step=np.array(1),
        leak_multiplier=np.array(3072),
        leak_shift=12,
        current_multiplier=np.array(2048),
        current_shift=12,
        fraction_bits=6,
        reset=reset,
    )


@pytest.mark.parametrize("chip", [LOIHI1, LOIHI2], ids=["loihi1", "loihi2"])
def test_the_chips_own_neuron_fits(chip: Chip) -> None:
    mapping = map_graph(layer(lif("zero")), chip, EVERY_STEP)
    assert mapping.reasons == ()
    assert mapping.fits == "yes"
    assert (mapping.n_cores, mapping.n_chips) == (1, 1)


def test_neurons_that_only_look_like_the_chips_own_do_not() -> None:
    assert map_graph(layer(lif("subtract")), LOIHI1, EVERY_STEP).fits == "no"
    assert map_graph(layer(lif("subtract")), LOIHI2, EVERY_STEP).fits == "assumed"


def test_a_loop_that_no_pipeline_has_time_for() -> None:
    """Assumed frame by frame; as a pipeline it cannot run at all, and the mapping says why."""
    neurons = [Population(name=name, shape=(3,), model=lif("zero")) for name in ("there", "back")]
    nodes = [Input(name="input", shape=(3,), hi=1), *neurons, Output(name="output", shape=(3,))]
    same = Identity(shape=(3,))
    returns = replace(join("back", "there", same), frames=1)
    loop = [join("input", "there", same), join("there", "back", same), returns]
    graph = Graph(nodes, [*loop, join("back", "output", same)])
    assert map_graph(graph, LOIHI2, RunSettings("burst", "sequential")).fits == "assumed"
    (reason,) = [r for r in map_graph(graph, LOIHI2, EVERY_STEP).reasons if r.verdict == "no"]
    assert "loop" in reason.what
    assert "sequential" in reason.ways_out[0]


@pytest.mark.parametrize(("reset", "verdict"), [("zero", "assumed"), ("subtract", "no")])
def test_rate_with_hard_reset_is_the_chips_own_neuron(reset: str, verdict: str) -> None:
    """What is left to assume is that the output's membranes are read and cleared."""
    graph = two_layers()
    settings = RunSettings("rate", "sequential", Rate(ticks=8, reset=reset))  # type: ignore[arg-type]
    mapping = map_graph(graph, LOIHI1, settings)
    assert mapping.fits == verdict
    neurons = [r for r in mapping.reasons if "`fixed-integrate-fire`" in r.what]
    assert [r.where for r in neurons] == ([] if reset == "zero" else [("net.fc",)])


def test_a_membrane_that_is_only_read_is_cleared_by_the_host() -> None:
    mapping = map_graph(layer(Accumulator()), LOIHI1, BURST)
    assert mapping.fits == "assumed"
    assert "read and cleared" in mapping.reasons[0].what


def test_formats() -> None:
    graded = map_graph(layer(Accumulator()), LOIHI1, RunSettings("graded"))
    assert any("unit spikes" in r.what for r in graded.reasons)
    wide = map_graph(layer(Accumulator(), weight=2**24), LOIHI2)
    (reason,) = [r for r in wide.reasons if r.verdict == "no"]
    assert "24" in reason.what
    assert reason.where == ("net.fc",)


def test_what_the_chip_file_leaves_open_is_assumed() -> None:
    bare = replace(LOIHI2, limits={}, synapses=None, neurons=None)
    mapping = map_graph(layer(FIRE), bare)
    assert mapping.fits == "assumed"
    assert "does not say how many neurons" in mapping.reasons[0].what
    assert mapping.n_chips is None
    assert mapping.pieces[0].synapse_words == {}


def product_mapping(n: int, operands: Operands = "neurons") -> Mapping:
    nodes = [
        Input(name="a", shape=(2, n), hi=1),
        Input(name="b", shape=(n, 6), hi=1),
        Product(name="ab", shape=(2, 6), a_shape=(2, n), b_shape=(n, 6)),
        Output(name="output", shape=(2, 6)),
    ]
    into = [
        join("a", "ab", Identity(shape=(2, n)), "a"),
        join("b", "ab", Identity(shape=(n, 6)), "b"),
    ]
    graph = Graph(nodes, [*into, join("ab", "output", Identity(shape=(2, 6)))])
    return map_graph(graph, LOIHI2, operands=operands)


def test_a_products_operands_are_neurons() -> None:
    (piece,) = product_mapping(5).pieces
    assert piece.use["neurons"] == 2 * 6 + 2 * 5 + 5 * 6


def test_a_product_that_no_core_holds() -> None:
    """One result of 3000 pairs needs both operands, 6001 neurons."""
    mapping = product_mapping(3000)
    assert mapping.fits == "no"
    (reason,) = [r for r in mapping.reasons if r.verdict == "no"]
    assert (reason.limit, reason.have) == (4095, 6001)
    assert "fewer tokens or features where the operands meet" in reason.ways_out


def test_operands_in_memory_take_their_bits() -> None:
    """One bit each (0 or 1): (2 + 6) * 3000 bits of the one core that holds all twelve results."""
    mapping = product_mapping(3000, "memory")
    assert mapping.fits == "assumed"
    (piece,) = mapping.pieces
    assert piece.use["neurons"] == 12
    assert piece.operand_words == 8 * 3000 // 64
    assert piece.use["synapse_words"] == piece.operand_words + sum(piece.synapse_words.values())
    assert mapping.product_cores["memory"] == 1
    assert mapping.product_cores == product_mapping(3000).product_cores


def test_an_elementwise_product_takes_one_neuron_for_each_pair() -> None:
    nodes = [
        *(Input(name=name, shape=(2, 5), hi=3) for name in "ab"),
        Product(name="ab", op="multiply", shape=(2, 5), a_shape=(2, 5), b_shape=(2, 5)),
        Output(name="output", shape=(2, 5)),
    ]
    same = Identity(shape=(2, 5))
    joins = [join("a", "ab", same, "a"), join("b", "ab", same, "b"), join("ab", "output", same)]
    mapping = map_graph(Graph(nodes, joins), LOIHI2)
    assert [piece.use["neurons"] for piece in mapping.pieces] == [10]
    assert mapping.product_cores == {}
