"""A mapping that is made late is what the same `dict` is."""

import copy
import pickle

import numpy as np
import pytest

from snnc.backends.base import Counters
from snnc.backends.lazily import Lazily
from snnc.ir.maps import Dense
from tests.backends.event.nets import one_layer

KNOWN = {"a": 1, "b": 2}


def test_it_is_made_once_and_only_when_it_is_looked_at() -> None:
    made: list[int] = []

    def make() -> dict[str, int]:
        made.append(1)
        return dict(KNOWN)

    lazy = Lazily(make)
    assert made == []
    assert (lazy["a"], list(lazy), len(lazy), "b" in lazy, "c" in lazy) == (1, ["a", "b"], 2, 1, 0)
    assert made == [1]


def test_it_is_as_a_dict() -> None:
    lazy = Lazily(lambda: dict(KNOWN))
    assert lazy == KNOWN == lazy
    assert lazy != {"a": 1}
    assert lazy == Lazily(lambda: {"b": 2, "a": 1})
    assert repr(lazy) == repr(KNOWN)
    assert dict(lazy) == KNOWN
    assert {**lazy, "c": 3} == lazy | {"c": 3} == {"a": 1, "b": 2, "c": 3}
    assert {"a": 0} | lazy == KNOWN
    with pytest.raises(KeyError, match="c"):
        lazy["c"]
    with pytest.raises(TypeError):
        hash(lazy)


def test_copies_and_pickles_are_dicts() -> None:
    """Though what makes it cannot be pickled, and whether or not it has been made."""
    lazy = Lazily(lambda: dict(KNOWN))
    for copied in (pickle.loads(pickle.dumps(lazy)), copy.copy(lazy), copy.deepcopy(lazy)):
        assert type(copied) is dict
        assert copied == KNOWN


def test_a_result_that_is_kept_does_not_change() -> None:
    """Looked at only when others have run, it says what a result says that is looked at at once."""
    session = one_layer(Dense(weight=np.array([[2, -1]])), lo=0, hi=3)
    feeds = [{"x": np.array([[[n, 1]]])} for n in (3, 0)]
    first = session.run(feeds[0])
    kept = [first, *(session.run(feed) for feed in feeds)]
    counted = [result.counters["w"].unit_spike_operations for result in kept]
    # 3 + 1 and 0 + 1 spikes, each to one neuron
    assert counted == [4, 4, 1]
    assert [result.counts["y"].item() for result in kept] == [5, 5, -1]
    assert first.node_counters["x"].spikes == 4
    assert first.counters == {"w": Counters(**vars(first.counters["w"]))}
