from __future__ import annotations

import numpy as np

from snnc.converter.integer.streams import Streams
from snnc.converter.integer.ties import Ties
from snnc.ir.maps import Dense
from snnc.ir.neurons import Accumulator
from tests.close import close
from tests.converter.integer.nets import Net, fire, one

WEIGHTS = Dense(weight=np.ones((2, 2)))


def test_ties_keep_ratios_along_chains() -> None:
    ties = Ties(4)
    assert ties.tie(0, 1, 2.0)
    assert ties.tie(2, 3, 5.0)
    assert ties.tie(1, 2, 3.0)
    (root, top), (other, bottom) = ties.find(3), ties.find(0)
    assert root == other
    assert top / bottom == close(30.0)
    assert ties.tie(0, 3, 30.0)
    assert not ties.tie(0, 3, 29.0)


def test_a_stream_is_one_group_and_comes_before_what_it_feeds() -> None:
    net = Net((2,))
    net.add("a", (2,), Accumulator(), ("x", WEIGHTS))
    net.add("b", (2,), Accumulator(), ("a", one((2,))))
    net.add("c", (2,), fire(4), ("b", WEIGHTS))
    streams = Streams(net.graph("c"))
    assert streams.order == [["a", "b"], ["c"]]
    assert streams.tied == {"a->b"}


def test_a_step_never_depends_on_itself() -> None:
    """x + W x: the identity is not tied, or the step of b would be needed to find itself."""
    net = Net((2,))
    net.add("a", (2,), Accumulator(), ("x", WEIGHTS))
    net.add("b", (2,), Accumulator(), ("a", one((2,))), ("a", WEIGHTS))
    net.add("c", (2,), fire(4), ("b", one((2,))))
    streams = Streams(net.graph("c"))
    assert streams.tied == {"b->c"}
    assert streams.order == [["a"], ["b", "c"]]


def test_a_loop_over_two_streams_is_cut() -> None:
    net = Net((2,))
    net.add("a", (2,), Accumulator(), ("x", WEIGHTS))
    net.add("b", (2,), Accumulator(), ("a", WEIGHTS))
    net.add("c", (2,), Accumulator(), ("b", WEIGHTS), ("a", one((2,))))
    streams = Streams(net.graph("c"))
    assert streams.tied == set()
    assert [group for group in streams.order if group] == [["a"], ["b"], ["c"]]


def test_contradicting_ratios_are_not_tied() -> None:
    net = Net((2,))
    net.add("a", (2,), Accumulator(), ("x", WEIGHTS))
    net.add("b", (2,), Accumulator(), ("a", one((2,))), ("a", one((2,), 0.5)))
    streams = Streams(net.graph("b"))
    assert streams.tied == set()
