"""Sessions in code `rate`: what residual sums, products of passes and counters become."""

from __future__ import annotations

import numpy as np

from snnc.backends.oracle import OracleEngine
from snnc.backends.rate import open_session
from snnc.ir.codes import Rate, RunSettings
from tests.backends.lava.graphs import feeds_for, residual_conv_net


def test_sums_that_became_direct_are_shown_all_the_same() -> None:
    graph = residual_conv_net()
    settings = RunSettings("rate", "sequential", Rate(6, "subtract", "average"))
    feeds = feeds_for(graph, 2)
    got = open_session(OracleEngine(), graph, settings).run(feeds)
    exact = OracleEngine().prepare(graph, RunSettings()).run(feeds)
    assert set(got.counts) == set(exact.counts)
    for sums in ("stream.0", "stream.1"):
        node = next(n for n in graph.populations if n.name == sums)
        total = np.zeros(1, dtype=np.int64) + node.bias_map()
        for p in graph.incoming(sums):
            total = total + p.apply(got.counts[p.source][:, 0]).reshape(-1, *node.shape)
        np.testing.assert_array_equal(got.counts[sums][:, 0], total)


def test_the_non_spiking_network_stays_the_same() -> None:
    graph = residual_conv_net()
    settings = RunSettings("rate", "sequential", Rate(6, "subtract", "average"))
    feeds = feeds_for(graph, 2)
    got = open_session(OracleEngine(), graph, settings).run(feeds)
    exact = OracleEngine().prepare(graph, RunSettings()).run(feeds)
    for name, counters in exact.counters.items():
        assert got.counters[name].dense_macs == counters.dense_macs
    direct = got.counters.keys() - exact.counters.keys()
    assert direct
    assert all(got.counters[name].dense_macs == 0 for name in direct)
    assert all(c.effective_macs == 0 for c in got.counters.values())
