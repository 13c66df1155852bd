"""Reading what `snnc map -o map.json` writes, which may be anybody's file."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from snnc.ir.codes import CODES, SCHEDULES
from snnc.ir.errors import BadInputFile
from snnc.runtime import typed
from snnc.runtime.energy.figures import MAPPING_COUNTERS

MapJson = Mapping[str, Any]
"""What `snnc map -o map.json` writes."""


def read_map(path: str | os.PathLike[str]) -> MapJson | None:
    """A mapping from a `.json` file; None for anything else, which then names a chip.

    Raises:
        BadInputFile: it cannot be read, or is not what `snnc map` writes.
    """
    if Path(path).suffix != ".json":
        return None
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise BadInputFile(f"cannot be read: {error}", where=str(path)) from None
    return checked_map(value, str(path))


def checked_map(value: Any, where: str) -> MapJson:
    """The same mapping, every value of which that a report reads is what it should be.

    Args:
        value: anything.
        where: it comes from, for errors.

    Raises:
        BadInputFile: some value is not.
    """
    try:
        _MAP(value, "")
        _agree(value)
    except typed.Malformed as error:
        raise BadInputFile(
            f"is not what `snnc map -o map.json` writes: {error}", where=where
        ) from None
    found: MapJson = value
    return found


def _agree(value: Mapping[str, Any]) -> None:
    """Cores, populations and numbers of them say the same."""
    cores, names = value["cores"], [each["name"] for each in value["populations"]]
    if len(set(names)) < len(names):
        raise typed.Malformed("populations", "a list of different names")
    if value["n_cores"] != len(cores):
        raise typed.Malformed("n_cores", f"{len(cores)}, the length of `cores`")
    for index, core in enumerate(cores):
        path = f"cores[{index}]"
        if core["node"] not in names:
            raise typed.Malformed(f"{path}.node", "the name of one of `populations`")
        if core["use"].keys() != cores[0]["use"].keys():
            raise typed.Malformed(f"{path}.use", "of the same resources as of `cores[0]`")
        for key in ("router", "chip"):
            if (core[key] is None) != (cores[0]["router"] is None):
                raise typed.Malformed(f"{path}.{key}", "null for all cores or for none")


_COORDINATE = typed.whole(most=2**31)
_ROUTER = typed.list_of(_COORDINATE, 2)
_USE = typed.object_of(typed.whole())
_PLACE = {
    "core": typed.whole(),
    "node": typed.text,
    "box": typed.list_of(typed.list_of(typed.whole(), 2)),
    "chip": typed.maybe(_COORDINATE),
    "router": typed.maybe(_ROUTER),
}
_CORE = {
    **_PLACE,
    "use": _USE,
    **dict.fromkeys(("synaptic_events", "synaptic_events_per_tick", "events_sent"), typed.amount),
}
_HOPS = dict.fromkeys(MAPPING_COUNTERS, typed.maybe(typed.amount))
_MAP = typed.record(
    {
        **dict.fromkeys(("target", "title", "graph_hash"), typed.text),
        "changes": typed.list_of(typed.record({"name": typed.text, "note": typed.text})),
        "code": typed.one_of(*CODES),
        "schedule": typed.one_of(*SCHEDULES),
        "rate": typed.maybe(
            typed.record({"ticks": typed.whole(1), "reset": typed.text, "pools": typed.text})
        ),
        "fits": typed.one_of("yes", "no", "assumed"),
        "fit_reasons": typed.list_of(
            typed.record(
                {
                    "what": typed.text,
                    "where": typed.list_of(typed.text),
                    "limit": typed.maybe(typed.whole()),
                    "have": typed.maybe(typed.whole()),
                    "ways_out": typed.list_of(typed.text),
                    "verdict": typed.one_of("no", "assumed"),
                }
            )
        ),
        "n_cores": typed.whole(),
        "n_chips": typed.maybe(typed.whole()),
        "activity": typed.one_of("measured", "uniform"),
        "data": typed.maybe(typed.text),
        "n_samples": typed.maybe(typed.whole(1)),
        "busiest_core": typed.object_of(typed.record({**_PLACE, "per_tick": typed.amount})),
        "busiest_link": typed.maybe(
            typed.record({"from": _ROUTER, "to": _ROUTER, "per_tick": typed.amount})
        ),
        "traffic": typed.record(
            {
                **dict.fromkeys(
                    ("messages", "messages_within_cores", "messages_from_host"), typed.amount
                ),
                **dict.fromkeys(("hops", "hops_naive", "mean_hops"), typed.maybe(typed.amount)),
                **_HOPS,
            }
        ),
        "populations": typed.list_of(
            typed.record({"name": typed.text, "module_path": typed.text, **_HOPS})
        ),
        "cores": typed.list_of(typed.record(_CORE)),
    }
)
"""What a report reads or repeats."""
