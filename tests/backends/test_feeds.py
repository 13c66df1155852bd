"""What every engine refuses before it runs."""

import numpy as np
import pytest

from snnc.backends.feeds import check_graph, read_feeds
from snnc.ir.arrays import Array
from snnc.ir.codes import RunSettings
from snnc.ir.errors import DataError, NotExecutable, WidthExceeded
from snnc.ir.graph import Graph, Projection
from snnc.ir.maps import Identity
from snnc.ir.neurons import Accumulator, FixedIntegrateFire, NeuronModel
from snnc.ir.nodes import Input, Output, Population


def graph(model: NeuronModel, exponent: int = 0) -> Graph:
    shape, one = (2,), Identity(shape=(2,))
    return Graph(
        [
            Input(name="x", shape=shape, lo=0, hi=3),
            Input(name="y", shape=shape, lo=-3, hi=0),
            Population(name="p", shape=shape, model=model),
            Output(name="out", shape=shape),
        ],
        [
            Projection(name="xp", source="x", target="p", map=one, exponent=exponent),
            Projection(name="yp", source="y", target="p", map=one),
            Projection(name="read", source="p", target="out", map=one),
        ],
    )


def zeros(n_samples: int, n_frames: int) -> Array:
    return np.zeros((n_samples, n_frames, 2), dtype=np.int8)


def test_feeds_become_int64() -> None:
    read = read_feeds(graph(Accumulator()), {"x": zeros(4, 2), "y": zeros(4, 2)}, 1)
    assert {name: feed.dtype for name, feed in read.items()} == {"x": np.int64, "y": np.int64}


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "y: no feed"),
        (zeros(4, 2).astype(np.float32), "counts are integers, got float32"),
        (zeros(4, 2)[:, 0], r"shape \(samples, frames, \*\(2,\)\), got \(4, 2\)"),
        (zeros(4, 0), "shape"),
        (zeros(4, 2) - 4, "counts run from -3 to 0, got -4"),
        (zeros(4, 3), "differ in samples and frames"),
    ],
)
def test_bad_feeds_are_named(y: Array | None, message: str) -> None:
    feeds = {"x": zeros(4, 2)} | ({} if y is None else {"y": y})
    with pytest.raises(DataError, match=message):
        read_feeds(graph(Accumulator()), feeds, 1)


def test_membranes_are_bounded_for_a_number_of_frames() -> None:
    feeds = {"x": zeros(1, 3), "y": zeros(1, 3)}
    spiking = graph(FixedIntegrateFire.binary(np.array(2)))
    assert set(read_feeds(spiking, feeds, 3)) == {"x", "y"}
    with pytest.raises(WidthExceeded, match="p: .*bounded for 2 frames, the data has 3"):
        read_feeds(spiking, feeds, 2)


def test_graphs_wider_than_int64_do_not_run() -> None:
    assert check_graph(graph(Accumulator(), 20), RunSettings(), 1)["p"].membrane_bits == 23
    with pytest.raises(WidthExceeded):
        check_graph(graph(Accumulator(), 62), RunSettings(), 1)


def test_float_graphs_do_not_run() -> None:
    with pytest.raises(NotExecutable, match="integer form"):
        check_graph(graph(Accumulator()).replace(form="float"), RunSettings(), 1)


@pytest.mark.parametrize(
    ("dtype", "counts"),
    [
        (np.int8, (-128, -1, 0, 3, 4)),
        (np.uint8, (0, 3, 4, 255)),
        (np.int64, (-(2**63), -1, 0, 3, 4, 2**63 - 1)),
        (np.uint64, (0, 3, 4, 2**63, 2**64 - 1)),
        (np.bool_, (0, 1)),
    ],
)
def test_counts_out_of_range_are_refused_in_every_type(dtype: type, counts: tuple[int]) -> None:
    """`x` runs from 0 to 3, `y` from -3 to 0."""
    for count in counts:
        given: Array = np.zeros((2, 1, 2), dtype=dtype)
        given[1, 0, 1] = count
        for name, fits in (("x", 0 <= count <= 3), ("y", -3 <= count <= 0)):
            feeds = {"x": zeros(2, 1), "y": zeros(2, 1), name: given}
            if fits:
                assert read_feeds(graph(Accumulator()), feeds, 1)[name][1, 0, 1] == count
            else:
                with pytest.raises(DataError, match=rf"got (0 … )?{count}\b"):
                    read_feeds(graph(Accumulator()), feeds, 1)
