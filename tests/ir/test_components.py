"""Names on common cycles, against reachability by matrix products."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from snnc.ir.order import components

N = 9


@given(
    st.lists(st.tuples(st.integers(0, N - 1), st.integers(0, N - 1)), max_size=24),
    st.permutations(range(N)),
)
def test_components_are_what_reaches_one_another(
    edges: list[tuple[int, int]], order: list[int]
) -> None:
    reaches = np.eye(N, dtype=bool)
    for a, b in edges:
        reaches[a, b] = True
    for _ in range(N):
        reaches = (reaches.astype(int) @ reaches.astype(int)) > 0
    both = reaches & reaches.T
    expected = {frozenset(np.flatnonzero(row).tolist()) for row in both}
    found = components([str(n) for n in order], [(str(a), str(b)) for a, b in edges])
    assert {frozenset(map(int, group)) for group in found} == expected
    assert sum(map(len, found)) == N
