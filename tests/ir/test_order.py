"""Orders of names joined by edges."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from snnc.ir.order import find_cycle, topological

EDGES = st.lists(st.tuples(st.sampled_from("abcdefg"), st.sampled_from("abcdefg")), max_size=20)


@given(EDGES)
def test_every_edge_points_forward_or_its_end_is_left_out(edges: list[tuple[str, str]]) -> None:
    order = topological("abcdefg", edges)
    place = {name: n for n, name in enumerate(order)}
    left = set("abcdefg") - set(order)
    for source, target in edges:
        assert target in left or place[source] < place[target]
    for name in left:  # each waits for another that was left out
        assert any(target == name and source in left for source, target in edges)


@given(EDGES)
def test_what_is_left_out_has_a_cycle(edges: list[tuple[str, str]]) -> None:
    left = set("abcdefg") - set(topological("abcdefg", edges))
    before: dict[str, list[str]] = {}
    for source, target in edges:
        if source in left and target in left:
            before.setdefault(target, []).append(source)
    if before:
        cycle = find_cycle(before)
        assert cycle[0] == cycle[-1]
        assert all(pair in edges for pair in itertools.pairwise(cycle))


def test_a_free_choice_falls_on_what_was_given_first() -> None:
    assert topological("dcba", [("a", "c")]) == ["d", "b", "a", "c"]
