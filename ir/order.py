"""Orders of names joined by edges, in time linear in both (but for the heap's logarithm)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Mapping


def topological(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[str]:
    """Names so that every edge points forward; where that leaves a choice, as given.

    What lies on a cycle, or behind one, is left out.

    Args:
        names: each once.
        edges: (from, to), also several times; both are among the names.
    """
    given = list(names)
    rank = {name: n for n, name in enumerate(given)}
    after: dict[str, list[str]] = {name: [] for name in given}
    waits = dict.fromkeys(given, 0)
    for source, target in edges:
        after[source].append(target)
        waits[target] += 1
    ready = [rank[name] for name in given if not waits[name]]  # sorted, so a heap
    order = []
    while ready:
        name = given[heapq.heappop(ready)]
        order.append(name)
        for target in after[name]:
            waits[target] -= 1
            if not waits[target]:
                heapq.heappush(ready, rank[target])
    return order


def find_cycle(before: Mapping[str, Iterable[str]]) -> list[str]:
    """A cycle of names, the first one again at its end.

    Args:
        before: by name, what it waits for; at least one each, all among the names.
    """
    name, path = next(iter(before)), dict[str, None]()
    while name not in path:
        path[name] = None
        name = next(iter(before[name]))
    names = list(path)
    cycle = names[names.index(name) :]
    return [*cycle, name][::-1]
