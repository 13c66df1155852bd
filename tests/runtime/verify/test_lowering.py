"""Promise 1 can fail: every way in which graph and source can differ, by hand."""

from __future__ import annotations

import numpy as np

from snnc.ir.arrays import FloatArray
from snnc.runtime.verify.lowering import LoweringCheck
from snnc.runtime.verify.values import SourceValues
from tests.runtime.verify.graphs import chain, with_node

# hidden pre-activations are x itself: thresholds at 0.5 | 1.5 | 2.5 | 3.5
GRAPH = chain(np.eye(3), np.zeros(3), np.array([[1.0, 1.0, 1.0]]))
EXACT = np.array([[0.75, 1.0, 3.0], [2.0, 0.0, 3.25]])


def hidden(x: FloatArray) -> FloatArray:
    return np.rint(np.clip(x, 0, 4)) * 0.25


def values(
    x: FloatArray = EXACT,
    h: FloatArray | None = None,
    y: FloatArray | None = None,
    exported: dict[str, FloatArray] | None = None,
    original: FloatArray | None = None,
) -> SourceValues:
    h = hidden(x) if h is None else h
    y = h.sum(axis=1, keepdims=True) if y is None else y
    return SourceValues(
        reference={"x": x, "hidden": h, "logits": y},
        exported=exported,
        outputs=[y],
        original=[y if original is None else original],
    )


def check(*batches: SourceValues) -> LoweringCheck:
    result = LoweringCheck(GRAPH)
    first = 0
    for batch in batches:
        x = batch.reference["x"]
        result.add({"x": x}, batch, first)
        first += len(x)
    return result


def test_equal_values_pass() -> None:
    result = check(values(), values())
    for name, n in (("hidden", 12), ("logits", 4)):
        assert result.forced[name].n_values == n
        assert result.forced[name].ok
        assert result.free[name].n_mismatches == 0
    assert result.forced["logits"].largest == 0.0


def test_a_wrong_count_is_located() -> None:
    h = hidden(EXACT)
    h[1, 2] -= 0.25
    result = check(values(), values(h=h))
    tally = result.forced["hidden"]
    assert not tally.ok
    assert tally.n_mismatches == 1
    assert tally.first is not None
    place = (tally.first.sample, tally.first.frame, tally.first.neuron)
    assert place == (3, 0, 2)
    assert (tally.first.expected, tally.first.got) == (2.0, 3.0)
    # teacher forcing keeps the error where it is
    assert result.forced["logits"].ok


def test_an_accumulator_off_by_more_than_its_bound_is_located() -> None:
    y = hidden(EXACT).sum(axis=1, keepdims=True)
    within = y * (1 + 2.0**-23)
    assert check(values(y=within)).forced["logits"].ok
    beyond = y + np.array([[0.0], [1e-5]])
    tally = check(values(y=beyond)).forced["logits"]
    assert tally.n_mismatches == 1
    assert tally.largest > 1
    assert tally.first is not None
    assert tally.first.sample == 1


def test_a_value_off_its_grid_is_a_mismatch() -> None:
    h = hidden(EXACT)
    h[0, 0] += 0.1
    assert check(values(h=h)).forced["hidden"].n_mismatches == 1


def test_one_near_threshold_difference_is_allowed_and_listed() -> None:
    x = EXACT + 0.0
    x[0, 0] = 0.5 + 1e-7
    h = hidden(x)
    assert h[0, 0] == 0.25
    h[0, 0] = 0.0  # the source rounded the pre-activation down to the tie
    result = check(values(x, h))
    tally = result.forced["hidden"]
    assert tally.ok
    assert (tally.n_near, tally.n_mismatches) == (1, 0)
    (near,) = tally.near
    assert (near.sample, near.neuron, near.source, near.graph) == (0, 0, 0, 1)
    assert 0 < near.margin <= near.bound
    # downstream of it the free run may differ, and does not fail
    assert result.free["hidden"].n_mismatches == 0
    assert result.free["logits"].n_mismatches == 0


def test_many_near_threshold_differences_fail() -> None:
    x = np.full((2, 3), 0.5 + 1e-7)
    result = check(values(x, np.zeros((2, 3))))
    assert result.forced["hidden"].n_mismatches == 0
    assert result.forced["hidden"].n_near == 6
    assert not result.forced["hidden"].ok


def test_a_node_that_the_source_does_not_show_is_passed_through() -> None:
    graph = with_node(GRAPH, "hidden", source_tensor=None)
    result = LoweringCheck(graph)
    shown = values()
    del shown.reference["hidden"]
    result.add({"x": EXACT}, shown, 0)
    assert result.unseen == {"hidden"}
    assert result.forced["logits"].ok
    assert result.forced["hidden"].n_values == 0


def test_an_export_that_differs_is_located() -> None:
    good = {"x": EXACT, "hidden": hidden(EXACT), "logits": hidden(EXACT).sum(1, keepdims=True)}
    assert check(values(exported=good)).export["hidden"].ok
    h = hidden(EXACT)
    h[1, 0] += 0.25
    bad = {"x": EXACT, "hidden": h, "logits": h.sum(1, keepdims=True)}
    result = check(values(exported=bad))
    tally = result.export["hidden"]
    assert tally.n_mismatches == 1
    assert tally.first is not None
    assert (tally.first.sample, tally.first.neuron) == (1, 0)
    assert (tally.first.got, tally.first.expected) == (3.0, 2.0)
    # what follows from it is no second difference
    assert result.export["logits"].n_mismatches == 0


def test_a_near_threshold_difference_of_the_export_explains_what_follows() -> None:
    x = EXACT + 0.0
    x[0, 0] = 0.5 + 1e-7
    h = hidden(x)
    other = h.copy()
    other[0, 0] = 0.0
    exported = {"x": x, "hidden": other, "logits": other.sum(1, keepdims=True)}
    result = check(values(x, h, exported=exported))
    assert result.export["hidden"].ok
    assert result.export["hidden"].n_near == 1
    assert result.export["logits"].ok


def test_outputs_of_the_original_must_agree() -> None:
    y = hidden(EXACT).sum(axis=1, keepdims=True)
    assert check(values(original=y)).outputs["out"].n_mismatches == 0
    result = check(values(original=y + 0.01))
    assert result.outputs["out"].n_mismatches == 2
    # with an activation that could have gone the other way in frame 0, only frame 1 is left
    x = EXACT + 0.0
    x[0, 0] = 0.5 + 1e-7
    y = hidden(x).sum(axis=1, keepdims=True)
    result = check(values(x, original=y + 0.01))
    assert result.outputs["out"].n_near == 1
    assert result.outputs["out"].n_mismatches == 1
