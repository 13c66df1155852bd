"""Shards: the pieces of a data set that a run computes, keeps and resumes by."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from safetensors.numpy import load, save

from snnc.backends.base import Counters, NodeCounters
from snnc.ir.arrays import Array


@dataclass(frozen=True, order=True)
class Shard:
    """Samples `first` to `first + n - 1` of a data set."""

    first: int
    n: int

    @property
    def end(self) -> int:
        """The first sample behind it."""
        return self.first + self.n


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A sample that could not be used, where the user asked to go on without.

    Attributes:
        sample: its index in the data set.
        what: why.
    """

    sample: int
    what: str


@dataclass(frozen=True, kw_only=True, eq=False)
class ShardResult:
    """What a run of one shard gave. It does not depend on where or beside what it ran.

    Attributes:
        shard: the samples.
        arrays: rows of the samples that ran, in order: `outputs`, `outputs_int`, `predictions`,
            `outputs/<name>`, `counts/<node>`.
        counters, node_counters: sums over the shard, as of an `EngineResult`.
        input_loss: of the shard alone, see `InputLoss`.
        n_ticks: ticks of one sample; 0 where all were skipped.
        skipped: samples that did not run.
        seconds: that it took, reading included.
    """

    shard: Shard
    arrays: Mapping[str, Array] = field(default_factory=dict)
    counters: Mapping[str, Counters] = field(default_factory=dict)
    node_counters: Mapping[str, NodeCounters] = field(default_factory=dict)
    input_loss: Mapping[str, int | float] = field(default_factory=dict)
    n_ticks: int = 0
    skipped: tuple[Skipped, ...] = ()
    seconds: float = 0.0

    def to_bytes(self) -> bytes:
        """The result as one safetensors file."""
        facts = {
            "shard": [self.shard.first, self.shard.n],
            "counters": {n: list(vars(c).values()) for n, c in self.counters.items()},
            "node_counters": {n: list(vars(c).values()) for n, c in self.node_counters.items()},
            "input_loss": dict(self.input_loss),
            "n_ticks": self.n_ticks,
            "skipped": [[s.sample, s.what] for s in self.skipped],
            "seconds": self.seconds,
        }
        whole = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        return save(whole, metadata={"facts": json.dumps(facts, default=int)})

    @classmethod
    def from_bytes(cls, data: bytes) -> ShardResult:
        """Read `to_bytes`.

        Raises:
            ValueError, KeyError, TypeError, SafetensorError: these are other bytes.
        """
        facts = _facts(data)
        return cls(
            shard=Shard(*facts["shard"]),
            arrays=load(data),
            counters={n: Counters(*c) for n, c in facts["counters"].items()},
            node_counters={n: NodeCounters(*c) for n, c in facts["node_counters"].items()},
            input_loss=facts["input_loss"],
            n_ticks=facts["n_ticks"],
            skipped=tuple(Skipped(sample=i, what=what) for i, what in facts["skipped"]),
            seconds=facts["seconds"],
        )


def shard_of(data: bytes) -> Shard:
    """The samples of a `ShardResult.to_bytes`."""
    return Shard(*_facts(data)["shard"])


def _facts(data: bytes) -> dict[str, Any]:
    length = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + length])
    facts: dict[str, Any] = json.loads(header["__metadata__"]["facts"])
    return facts


def remaining(n_samples: int, done: Sequence[Shard], size: int) -> list[Shard]:
    """What is left of samples 0 to n_samples - 1, in pieces of at most `size`."""
    left: list[Shard] = []
    first = 0
    for gap_end, following in [(s.first, s.end) for s in sorted(done)] + [(n_samples, n_samples)]:
        left += [Shard(i, min(size, gap_end - i)) for i in range(first, gap_end, size)]
        first = following
    return left
