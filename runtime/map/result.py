"""What mapping a model found."""

from __future__ import annotations

from collections.abc import Mapping as MappingOf
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from snnc.backends.mapping import Mapping
from snnc.backends.mapping.layout import Layout
from snnc.backends.mapping.traffic import OUTSIDE, Load
from snnc.ir.arrays import Array, IntArray
from snnc.ir.codes import RunSettings
from snnc.runtime.jsonable import jsonable
from snnc.runtime.map.deploy import Change

if TYPE_CHECKING:
    from rich.console import RenderableType


@dataclass(frozen=True, kw_only=True, eq=False)
class MapResult:
    """A model on the cores of a chip.

    Attributes:
        mapping: pieces, whether they fit, and why not.
        load: what each core does; means of one frame.
        layout: places and ways; None where the chip file does not say how cores lie.
        module_paths: by node, the user's name.
        graph_hash: of the graph that the model's file holds.
        changes: what was changed in it for the chip, before it was mapped.
        settings: code and schedule of the run that is mapped.
        data: name of the data that activity was measured on; None: every neuron is taken to emit
            one event a frame.
        engine, n_samples, n_frames: of that run; None without data.
        seconds: that mapping took, the run included.
        output: the file that was written.
    """

    mapping: Mapping
    load: Load
    layout: Layout | None
    module_paths: MappingOf[str, str]
    graph_hash: str
    changes: tuple[Change, ...]
    settings: RunSettings
    data: str | None
    engine: str | None
    n_samples: int | None
    n_frames: int | None
    seconds: float
    output: Path | None

    @property
    def fits(self) -> str:
        """`yes`, `no` or `assumed`."""
        return self.mapping.fits

    @property
    def n_cores(self) -> int:
        """Cores in use."""
        return self.mapping.n_cores

    @property
    def n_chips(self) -> int | None:
        """Chips in use; None where the chip file does not say what one holds."""
        return self.mapping.n_chips

    @cached_property
    def use(self) -> dict[str, IntArray]:
        """By kind of resource: what each core uses, shape (n_cores,)."""
        pieces = [piece.use for piece in self.mapping.pieces]
        kinds = pieces[0] if pieces else {}
        return {kind: np.array([use[kind] for use in pieces], dtype=np.int64) for kind in kinds}

    @cached_property
    def loads(self) -> dict[str, Array]:
        """By kind of work: what each core does in the busiest tick, shape (n_cores,)."""
        neurons = self.use.get("neurons", np.zeros(0, dtype=np.int64))
        return {
            "synaptic_events": self.load.peak_synaptic_events,
            "neuron_updates": neurons,
        }

    @property
    def busiest_core(self) -> dict[str, Any]:
        """By kind of work: the core that does most in one tick."""
        return {
            kind: {**self.core(int(amounts.argmax())), "per_tick": jsonable(amounts.max())}
            for kind, amounts in self.loads.items()
            if len(amounts)
        }

    @property
    def traffic(self) -> dict[str, Any]:
        """Messages of one frame, and what placing saved; null where there is no mesh."""
        flow, layout = self.load.flow, self.layout
        inside, between = flow.inside(), flow.between()
        hops = None if layout is None else layout.ways.hops
        messages = float(between.events.sum())
        return {
            "messages": messages,
            "messages_within_cores": float(inside.events.sum()) - messages,
            "messages_from_host": float(flow.events[flow.source == OUTSIDE].sum()),
            "hops": hops,
            "hops_east_west": None if layout is None else layout.ways.east_west,
            "hops_north_south": None if layout is None else layout.ways.north_south,
            "chip_crossings": None if layout is None else layout.ways.across_chips,
            "hops_naive": None if layout is None else layout.naive.hops,
            "mean_hops": None if hops is None or not messages else hops / messages,
        }

    @property
    def busiest_link(self) -> dict[str, Any] | None:
        """The link that carries most in one tick."""
        if self.layout is None:
            return None
        link = self.layout.busiest_link
        return {"from": list(link.start), "to": list(link.end), "per_tick": link.amount}

    def core(self, index: int) -> dict[str, Any]:
        """Which neurons a core holds and where it lies."""
        piece, layout = self.mapping.pieces[index], self.layout
        slot = np.zeros(1, dtype=np.int64) if layout is None else layout.slots[index : index + 1]
        return {
            "core": index,
            "node": piece.node,
            "box": [list(span) for span in piece.box],
            "chip": None if layout is None else int(layout.grid.chip(slot)[0]),
            "router": None if layout is None else layout.grid.position[slot[0]].tolist(),
        }

    def cores(self) -> list[dict[str, Any]]:
        """Every core: what it holds, uses and does."""
        return [
            {
                **self.core(index),
                "use": dict(piece.use),
                "synaptic_events": float(self.load.synaptic_events[index]),
                "synaptic_events_per_tick": float(self.load.peak_synaptic_events[index]),
                "events_sent": float(self.load.sent[index]),
            }
            for index, piece in enumerate(self.mapping.pieces)
        ]

    def populations(self) -> list[dict[str, Any]]:
        """Every node on the chip: its cores, what they use at most and do together."""
        found = []
        for name, split in self.mapping.splits.items():
            cores = slice(split.first, split.first + split.n_pieces)
            found.append(
                {
                    "name": name,
                    "module_path": self.module_paths[name],
                    "shape": list(split.shape),
                    "tile": list(split.tile),
                    "n_cores": split.n_pieces,
                    "use": {kind: int(each[cores].max()) for kind, each in self.use.items()},
                    "synaptic_events": float(self.load.synaptic_events[cores].sum()),
                    "events_sent": float(self.load.sent[cores].sum()),
                    **self._hops(cores),
                }
            )
        return found

    def _hops(self, cores: slice) -> dict[str, float | None]:
        """What the messages of some cores do on the mesh, keys as in `traffic`."""
        sent = None if self.layout is None else self.layout.ways_by_core[cores]
        return {
            "hops_east_west": None if sent is None else sum(w.east_west for w in sent),
            "hops_north_south": None if sent is None else sum(w.north_south for w in sent),
            "chip_crossings": None if sent is None else sum(w.across_chips for w in sent),
        }

    def chips(self) -> list[dict[str, Any]]:
        """Every chip: its cores and what they use and do together."""
        if self.layout is None:
            return []
        chip = self.layout.grid.chip(self.layout.slots)
        n = self.layout.grid.n_chips
        return [
            {
                "chip": index,
                "n_cores": int((chip == index).sum()),
                "use": {kind: int(each[chip == index].sum()) for kind, each in self.use.items()},
                "synaptic_events": float(self.load.synaptic_events[chip == index].sum()),
            }
            for index in range(n)
        ]

    def resources(self) -> dict[str, dict[str, Any]]:
        """By kind: what all cores use together, the fullest one, and what a core has."""
        limits = self.mapping.chip.core_limits()
        return {
            kind: {
                "total": int(each.sum()),
                "largest": int(each.max()),
                "mean": float(each.mean()),
                "limit": limits.get(kind),
            }
            for kind, each in self.use.items()
        }

    def render(self) -> list[RenderableType]:
        """Tables for the terminal."""
        from snnc.runtime.map.terminal import render

        return render(self)

    def with_cores(self) -> dict[str, Any]:
        """The object of `snnc map -o map.json`: every core beside what `to_json` says."""
        return {**self.to_json(), "cores": jsonable(self.cores())}

    def to_json(self) -> dict[str, Any]:
        """The object of `snnc map --json`."""
        chip = self.mapping.chip
        result: dict[str, Any] = jsonable(
            {
                "target": chip.name,
                "title": chip.title,
                "graph_hash": self.graph_hash,
                "operands": self.mapping.operands,
                "product_cores": self.mapping.product_cores or None,
                "changes": [change.to_json() for change in self.changes],
                "code": self.settings.code,
                "schedule": self.settings.schedule,
                "rate": self.settings.rate,
                "fits": self.fits,
                "fit_reasons": [reason.to_json() for reason in self.mapping.reasons],
                "n_cores": self.n_cores,
                "n_chips": self.n_chips,
                "limits": {name: limit.to_json() for name, limit in chip.limits.items()},
                "resources": self.resources(),
                "activity": "uniform" if self.data is None else "measured",
                "data": self.data,
                "engine": self.engine,
                "n_samples": self.n_samples,
                "n_frames": self.n_frames,
                "busiest_core": self.busiest_core,
                "busiest_link": self.busiest_link,
                "traffic": self.traffic,
                "populations": self.populations(),
                "chips": self.chips(),
                "seconds": self.seconds,
                "output": self.output,
            }
        )
        return result
