"""A mapping as tables for the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snnc.runtime.map.result import MapResult
from snnc.runtime.tables import key_values, number, table

if TYPE_CHECKING:
    from rich.console import RenderableType

_MOST_ROWS = 40
"""Populations that are listed; the others are in the JSON object."""

_MOST_NAMES = 4
"""Layers that a reason lists."""


def render(result: MapResult) -> list[RenderableType]:
    """Verdict, resources, populations, work and traffic, in this order."""
    return [
        _verdict(result),
        *_changes(result),
        *reason_tables([reason.to_json() for reason in result.mapping.reasons]),
        _resources(result),
        *_populations(result),
        _work(result),
        *_notes(result),
    ]


def reason_tables(reasons: list[dict[str, Any]]) -> list[RenderableType]:
    """Why a model does not fit, or fits by assumption; nothing where there is no reason."""
    rows = [(r["verdict"], _some(r["where"]), r["what"], "; ".join(r["ways_out"])) for r in reasons]
    heads = ("fits", "where", "because", "ways out")
    return [table(heads, rows, title="Reasons")] if rows else []


def _some(names: list[str]) -> str:
    """The first names, and how many more there are."""
    more = len(names) - _MOST_NAMES
    return ", ".join(names[:_MOST_NAMES]) + (f" and {more} more" if more > 0 else "")


def _verdict(result: MapResult) -> RenderableType:
    return key_values(
        {
            "chip": result.mapping.chip.title,
            "fits": result.fits,
            "cores": result.n_cores,
            "chips": result.n_chips,
            "settings": str(result.settings),
            "activity": _activity(result),
            **_products(result),
            "written": None if result.output is None else str(result.output),
            "seconds": result.seconds,
        }
    )


def _products(result: MapResult) -> dict[str, str]:
    cores = result.mapping.product_cores
    if not cores:
        return {}
    taken = "a neuron for each" if result.mapping.operands == "neurons" else "packed into memory"
    return {
        "operands of products": f"{taken} (assumed): {cores['neurons']:,} cores as neurons, "
        f"{cores['memory']:,} in memory"
    }


def _changes(result: MapResult) -> list[RenderableType]:
    rows = [(change.name, change.note) for change in result.changes]
    title = f"Changed for {result.mapping.chip.name}, as a conversion for it would"
    return [table(("what", "how"), rows, title=title)] if rows else []


def _activity(result: MapResult) -> str:
    if result.data is None:
        return "assumed: one event a frame from every neuron; --data measures it"
    return f"measured on {result.n_samples} samples of {result.data}"


def _resources(result: MapResult) -> RenderableType:
    rows = [
        (kind, use["mean"], use["largest"], use["limit"], use["total"])
        for kind, use in result.resources().items()
        if use["total"]
    ]
    return table(("of a core", "mean", "fullest", "limit", "all cores"), rows, title="Cores")


def _populations(result: MapResult) -> list[RenderableType]:
    found = result.populations()
    rows = [
        (
            p["name"],
            "x".join(map(str, p["shape"])),
            "x".join(map(str, p["tile"])),
            p["n_cores"],
            p["synaptic_events"],
        )
        for p in sorted(found, key=lambda p: -p["n_cores"])[:_MOST_ROWS]
    ]
    heads = ("population", "shape", "a core's", "cores", "syn. events a frame")
    title = "Populations" if len(found) <= _MOST_ROWS else f"The {_MOST_ROWS} with most cores"
    return [table(heads, rows, title=title)]


def _work(result: MapResult) -> RenderableType:
    traffic, link = result.traffic, result.busiest_link
    shown: dict[str, Any] = {
        f"most {kind.replace('_', ' ')} in a tick": (
            f"{number(core['per_tick'])} (core {core['core']}, {core['node']})"
        )
        for kind, core in result.busiest_core.items()
    }
    shown["messages between cores, a frame"] = traffic["messages"]
    shown["messages from the host, a frame"] = traffic["messages_from_host"]
    if link is not None:
        saved = 1 - traffic["hops"] / traffic["hops_naive"] if traffic["hops_naive"] else 0.0
        shown["hops, a frame"] = f"{number(traffic['hops'])} ({saved:.0%} fewer than unplaced)"
        shown["hops of a message"] = traffic["mean_hops"]
        shown["borders of chips crossed, a frame"] = traffic["chip_crossings"]
        shown["busiest link in a tick"] = (
            f"{number(link['per_tick'])} messages, router {link['from']} to {link['to']}"
        )
    return key_values(shown, title="Work and traffic")


def _notes(result: MapResult) -> list[RenderableType]:
    if result.layout is not None:
        return []
    return [
        key_values({"places": "unknown: the chip file has no [mesh], so that no hops are counted"})
    ]
