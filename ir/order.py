"""Orders of names joined by edges, in time linear in both (but for the heap's logarithm)."""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Mapping


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


def components(names: Iterable[str], edges: Iterable[tuple[str, str]]) -> list[list[str]]:
    """Names in groups: two share one where edges lead from each to the other (Tarjan, 1972).

    Args:
        names: each once; none is empty.
        edges: (from, to), also several times; both are among the names.
    """
    after: dict[str, list[str]] = {name: [] for name in names}
    for source, target in edges:
        after[source].append(target)
    number, lowest = dict[str, int](), dict[str, int]()
    found, open_names = list[list[str]](), dict[str, None]()

    def enter(name: str) -> tuple[str, Iterator[str]]:
        number[name] = lowest[name] = len(number)
        open_names[name] = None
        return name, iter(after[name])

    for root in after:
        path = [] if root in number else [enter(root)]
        while path:
            name, left = path[-1]
            target = next(left, "")
            if target and target not in number:
                path.append(enter(target))
            elif target in open_names:
                lowest[name] = min(lowest[name], number[target])
            elif not target:
                path.pop()
                for before, _ in path[-1:]:
                    lowest[before] = min(lowest[before], lowest[name])
                if lowest[name] == number[name]:
                    found.append(_taken(open_names, name))
    return found


def _taken(names: dict[str, None], last: str) -> list[str]:
    """The newest names, up to and with one of them, which go."""
    group = []
    while last in names:
        group.append(names.popitem()[0])
    return group
