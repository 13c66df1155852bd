"""What a target without graded spikes, or with short delays, refuses."""

from __future__ import annotations

import numpy as np
import pytest

from snnc.ir.codes import RunSettings
from snnc.ir.errors import UnsupportedByTarget
from snnc.ir.fit import check_fit
from snnc.ir.graph import Graph, Projection
from snnc.ir.limits import SIM, Limits
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator, IntegerFire, NeuronModel
from snnc.ir.nodes import Input, Output, Population

UNIT = Limits(target="plain", payload_bits=0)
BURST = RunSettings("burst", "sequential")


def chain(first: NeuronModel, hi: int = 2) -> Graph:
    """x -> first -> last -> y, and x -> last."""
    identity = Identity(shape=(2,))
    ends = [("x", "first"), ("first", "last"), ("x", "last"), ("last", "y")]
    return Graph(
        [
            Input(name="x", shape=(2,), lo=0, hi=hi),
            Population(name="first", shape=(2,), model=first, module_path="net.first"),
            Population(name="last", shape=(2,), model=Accumulator()),
            Output(name="y", shape=(2,)),
        ],
        [Projection(name=f"{s}->{t}", source=s, target=t, map=identity) for s, t in ends],
    ).validate()


def fire(lo: int) -> IntegerFire:
    return IntegerFire(lo=lo, thresholds=np.array([[1, 2]]))


@pytest.mark.parametrize(
    ("model", "settings", "message"),
    [
        (fire(0), RunSettings("graded", "sequential"), "plain has unit spikes only, code `graded`"),
        (Accumulator(), BURST, "net.first: passes integers on as graded events"),
        (fire(-1), BURST, "net.first: emits negative counts"),
    ],
)
def test_a_chip_of_unit_spikes(model: NeuronModel, settings: RunSettings, message: str) -> None:
    check_fit(chain(model), settings, SIM)
    with pytest.raises(UnsupportedByTarget, match=message):
        check_fit(chain(model), settings, UNIT)


def test_a_sum_that_only_the_output_reads_needs_no_graded_spike() -> None:
    check_fit(chain(fire(0)), BURST, UNIT)


def test_a_skip_in_a_pipeline_needs_a_delay() -> None:
    """`first` takes one window of 2 ticks, for which the skip has to wait."""
    pipelined = RunSettings("burst", "pipelined")
    check_fit(chain(fire(0)), pipelined, Limits(target="plain", max_delay=2))
    with pytest.raises(UnsupportedByTarget, match="x->last: needs a delay of 2 ticks"):
        check_fit(chain(fire(0)), pipelined, Limits(target="plain", max_delay=1))
