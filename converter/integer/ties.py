"""What steps share: ratios between them, and which have to be found before which."""

from __future__ import annotations

from collections.abc import Iterator

from snnc.ir.order import topological

_SAME_RATIO = 1e-9


class Ties:
    """Union-find with ratios: value(element) = ratio(element) * value(root of element)."""

    def __init__(self, size: int) -> None:
        self._parent = list(range(size))
        self._ratio = [1.0] * size
        self._changed: list[tuple[int, int, float]] = []

    def find(self, element: int) -> tuple[int, float]:
        """Root of an element and the element's ratio to it."""
        path, at, ratio = [], element, 1.0
        while self._parent[at] != at:
            path.append(at)
            at = self._parent[at]
        for each in reversed(path):
            ratio *= self._ratio[each]
            self._set(each, at, ratio)
        return at, ratio

    def tie(self, a: int, b: int, ratio: float) -> bool:
        """Make value(b) = ratio * value(a); False where that contradicts what is tied already."""
        root_a, ratio_a = self.find(a)
        root_b, ratio_b = self.find(b)
        if root_a == root_b:
            return abs(ratio_b - ratio * ratio_a) <= _SAME_RATIO * ratio_b
        self._set(root_b, root_a, ratio * ratio_a / ratio_b)
        return True

    def keep(self) -> None:
        """What has been tied so far stays: `undo` goes back to here."""
        self._changed.clear()

    def undo(self) -> None:
        """Take back what has been tied since `keep`."""
        for element, parent, ratio in reversed(self._changed):
            self._parent[element], self._ratio[element] = parent, ratio
        self._changed.clear()

    def _set(self, element: int, parent: int, ratio: float) -> None:
        self._changed.append((element, self._parent[element], self._ratio[element]))
        self._parent[element], self._ratio[element] = parent, ratio


class Groups:
    """Groups of names that are solved at once, and which group has to be solved before which.

    Merging and adding cost what the search for a circle costs: two walks, from both ends, that
    stop as soon as the shorter one has ended.

    Attributes:
        circular: does a group have to be solved before itself? Then nothing merges any more.
    """

    def __init__(self, names: list[str]) -> None:
        self.circular = False
        self._names = names
        self._parent = {name: name for name in names}
        self._after: dict[str, list[str]] = {name: [] for name in names}
        self._before: dict[str, list[str]] = {name: [] for name in names}

    def find(self, name: str) -> str:
        """The name that stands for the group of a name."""
        path = []
        while self._parent[name] != name:
            path.append(name)
            name = self._parent[name]
        for each in path:
            self._parent[each] = name
        return name

    def add(self, source: str, target: str) -> None:
        """One group's steps are needed for another's."""
        source, target = self.find(source), self.find(target)
        self.circular = self.circular or source == target or self._reaches(target, source)
        self._after[source].append(target)
        self._before[target].append(source)

    def merge(self, a: str, b: str) -> bool:
        """Make two groups one; False, and nothing done, where that makes a circle."""
        a, b = self.find(a), self.find(b)
        if self.circular:
            return False
        if a == b:
            return True
        if self._reaches(a, b) or self._reaches(b, a):
            return False
        if self._degree(a) < self._degree(b):
            a, b = b, a
        self._parent[b] = a
        self._after[a] += self._after.pop(b)
        self._before[a] += self._before.pop(b)
        return True

    def in_order(self) -> list[list[str]]:
        """Names by group, what is needed first comes first; those on a circle are left out."""
        members: dict[str, list[str]] = {}
        for name in self._names:
            members.setdefault(self.find(name), []).append(name)
        edges = [(group, self.find(to)) for group in members for to in self._after[group]]
        return [members[group] for group in topological(members, edges)]

    def _degree(self, group: str) -> int:
        return len(self._after[group]) + len(self._before[group])

    def _reaches(self, start: str, goal: str) -> bool:
        forward, backward = self._walk(start, self._after), self._walk(goal, self._before)
        return any(f == goal or b == start for f, b in zip(forward, backward, strict=False))

    def _walk(self, start: str, edges: dict[str, list[str]]) -> Iterator[str]:
        """The groups at the end of every edge that can be reached."""
        seen, left = {start}, [start]
        while left:
            for end in edges[left.pop()]:
                group = self.find(end)
                if group not in seen:
                    seen.add(group)
                    left.append(group)
                yield group
