"""Ratios and groups of sites."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from snnc.converter.integer.ties import Groups, Ties
from snnc.ir.order import topological

NAMES = list("abcdef")
STEPS = st.lists(
    st.tuples(st.booleans(), st.sampled_from(NAMES), st.sampled_from(NAMES)), max_size=25
)


def is_acyclic(group: dict[str, str], edges: list[tuple[str, str]]) -> bool:
    """Does an order of groups exist? Asked of the whole graph anew."""
    joined = [(group[a], group[b]) for a, b in edges]
    return len(topological(set(group.values()), joined)) == len(set(group.values()))


@given(STEPS)
def test_merges_as_the_whole_graph_allows(steps: list[tuple[bool, str, str]]) -> None:
    groups, edges = Groups(NAMES), list[tuple[str, str]]()
    label = {name: name for name in NAMES}
    for is_merge, a, b in steps:
        if is_merge:
            tried = {name: label[a] if at == label[b] else at for name, at in label.items()}
            allowed = is_acyclic(tried, edges)
            assert groups.merge(a, b) == allowed
            label = tried if allowed else label
        else:
            edges.append((a, b))
            groups.add(a, b)
        assert groups.circular != is_acyclic(label, edges)
    order = groups.in_order()
    if not groups.circular:
        place = {name: n for n, members in enumerate(order) for name in members}
        assert {name: label[a] for members in order for a in members for name in members} == label
        assert all(place[a] < place[b] for a, b in edges)


def test_undone_ties_leave_no_trace() -> None:
    ties = Ties(3)
    ties.tie(0, 1, 2.0)
    ties.keep()
    ties.tie(1, 2, 3.0)
    ties.undo()
    assert ties.find(2) == (2, 1.0)
    assert ties.find(1) == (0, 2.0)
    assert ties.tie(1, 2, 5.0)
    assert ties.find(2) == (0, 10.0)
