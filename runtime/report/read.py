"""Reading the JSON object of a report, which may be anybody's file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from snnc.ir.codes import CODES, SCHEDULES
from snnc.ir.errors import BadInputFile
from snnc.runtime import typed
from snnc.runtime.report.point import PER_SAMPLE, Exit, LayerPoint, Point


def point_of(value: Mapping[str, Any], where: str = "report") -> Point:
    """Read what `snnc report --json` prints.

    Args:
        value: the object.
        where: its file, for errors.

    Raises:
        BadInputFile: something in it is not what a report holds.
    """
    try:
        _REPORT(value, "")
        energy = {n: e for n, e in value["energy"].items() if e["picojoule"] is not None}
        statistics, accuracy = value["statistics"] or {}, value["accuracy"]
        interval = (statistics.get("accuracy") if accuracy is not None else None) or {}
        own = Point(
            name=value["model"],
            exact=value["code"] != "rate",
            **{key: value[key] for key in _SAME},
            weight_bits=value["provenance"].get("weight_bits"),
            levels=value["provenance"].get("levels"),
            accuracy_low=interval.get("low"),
            accuracy_high=interval.get("high"),
            **_a_sample(value["counters"], value["n_samples"], PER_SAMPLE),
            **_energies(energy),
            by_layer={name: dict(_added_up(each)) for name, each in energy.items()},
            layers={n: _layer(r, value["n_samples"]) for n, r in value["by_population"].items()},
            baseline={name: each["picojoule"] for name, each in value["baseline"].items()},
            early_exit=_exit(statistics.get("early_exit")),
            command=value["provenance"].get("report_made_by", {}).get("command"),
        )
    except typed.Malformed as error:
        raise BadInputFile(
            f"is not what `snnc report --json` prints: {error}", where=where
        ) from None
    return replace(own, codes=tuple(_in_codes(own, value["codes"])))


_SAME = ("model", "code", "schedule", "engine", "data", "n_samples", "accuracy", "n_ticks",
         "host_mac_share", "graph_hash")  # fmt: skip


def _a_sample(counters: Mapping[str, int], n: int, keys: Sequence[str]) -> dict[str, Any]:
    return {key: counters[key] / n for key in keys}


def _energies(energy: Mapping[str, Any]) -> dict[str, Any]:
    keys = ("picojoule", "picojoule_low", "picojoule_high")
    return {
        key: {name: e[key] for name, e in energy.items() if e["picojoule"] is not None}
        for key in keys
    }


def _added_up(energy: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, float]]]:
    """By layer what its figures cost, as far as the total adds them up."""
    parts = {figure["key"]: figure["part"] for figure in energy["hardware"]["figures"]}
    kept = {key for key, part in parts.items() if energy["parts"][part]["in_total"]}
    for layer, paid in energy["by_layer_figure"].items():
        yield layer, {key: pJ for key, pJ in paid.items() if key in kept}


def _layer(row: Mapping[str, Any], n: int) -> LayerPoint:
    same = ("kind", "n_neurons", "mean_count", "n_dead", "n_saturated", "picojoule")
    counted = _a_sample(row, n, ("spikes", "synaptic_events", "dense_macs"))
    return LayerPoint(**{key: row[key] for key in same}, **counted)


def _exit(value: Mapping[str, Any] | None) -> Exit | None:
    if value is None:
        return None
    lists: dict[str, Any] = {
        k: None if value[k] is None else tuple(value[k]) for k in ("agreement", "accuracy")
    }
    return Exit(ticks=tuple(value["ticks"]), n_samples=value["n_samples"], **lists)


def _in_codes(own: Point, codes: Mapping[str, Any]) -> Iterator[Point]:
    """The same network and samples by event code; layers are known of the report's own only."""
    for code, row in codes.items():
        if row is None:
            continue
        yield replace(
            own,
            name=code,
            code=code,
            exact=code != "rate",
            engine=row["engine"],
            accuracy=row["accuracy"],
            accuracy_low=own.accuracy_low if code == own.code else None,
            accuracy_high=own.accuracy_high if code == own.code else None,
            n_ticks=row["n_ticks"],
            **_a_sample(row["counters"], own.n_samples, PER_SAMPLE),
            **_energies(row["energy"]),
            by_layer=own.by_layer if code == own.code else {},
            layers=own.layers if code == own.code else {},
            early_exit=own.early_exit if code == own.code else None,
        )


_whole, _maybe_whole = typed.whole(), typed.maybe(typed.whole())
_counters = typed.record(dict.fromkeys(PER_SAMPLE, _whole))
_range = {
    key: typed.maybe(typed.amount) for key in ("picojoule", "picojoule_low", "picojoule_high")
}


def _sound(value: Any, path: str) -> None:
    """An energy's figures belong to parts that are there, its range is null with it."""
    _ENERGY(value, path)
    for index, figure in enumerate(value["hardware"]["figures"]):
        if value["picojoule"] is not None and figure["part"] not in value["parts"]:
            raise typed.Malformed(f"{path}.hardware.figures[{index}].part", "a part of the energy")
    _one_range(value, path)


def _one_range(value: Mapping[str, Any], path: str) -> None:
    if len({value[key] is None for key in _range}) > 1:
        raise typed.Malformed(path, "an energy with its range, or all null")


def _code_energy(value: Any, path: str) -> None:
    typed.record(_range)(value, path)
    _one_range(value, path)


def _early(value: Any, path: str) -> None:
    typed.record(
        {
            "ticks": typed.list_of(_whole),
            "agreement": typed.list_of(typed.share),
            "accuracy": typed.maybe(typed.list_of(typed.share)),
            "n_samples": typed.whole(1),
        }
    )(value, path)
    for key in ("agreement", "accuracy"):
        if value[key] is not None and len(value[key]) != len(value["ticks"]):
            raise typed.Malformed(f"{path}.{key}", "as long as `ticks`")


def _named(check: typed.Check) -> typed.Check:
    """Objects by hardware, whose names become those of files."""

    def each(value: Any, path: str) -> None:
        typed.object_of(check)(value, path)
        for name in value:
            if not name or "/" in name or "\\" in name or not name.isprintable():
                raise typed.Malformed(f"{path}.{name!a}", "hardware's name")

    return each


_FIGURE = typed.record(
    {
        **dict.fromkeys(("key", "part", "counter", "covers", "publication", "table"), typed.text),
        "picojoule": typed.amount,
    }
)
_ENERGY = typed.record(
    {
        **_range,
        "parts": typed.object_of(typed.record({"in_total": typed.flag})),
        "by_layer_figure": typed.object_of(typed.object_of(typed.amount)),
        "hardware": typed.record(
            {
                **dict.fromkeys(("title", "process", "note"), typed.text),
                "figures": typed.list_of(_FIGURE),
            }
        ),
        "assumptions": typed.list_of(typed.text),
    }
)
_POPULATION = typed.record(
    {
        "kind": typed.text,
        "n_neurons": typed.whole(1),
        "mean_count": typed.maybe(typed.amount),
        "picojoule": typed.object_of(typed.amount),
        **dict.fromkeys(("n_dead", "n_saturated"), _maybe_whole),
        **dict.fromkeys(("spikes", "synaptic_events", "dense_macs"), _whole),
    }
)
_STATISTICS = typed.record(
    {
        "accuracy": typed.maybe(typed.record(dict.fromkeys(("low", "high"), typed.share))),
        "early_exit": typed.maybe(_early),
    }
)
_PROVENANCE = typed.object_of(lambda value, path: None)


def _provenance(value: Any, path: str) -> None:
    _PROVENANCE(value, path)
    for key in ("weight_bits", "levels"):
        _maybe_whole(value.get(key), f"{path}.{key}")
    made = value.get("report_made_by", {})
    _PROVENANCE(made, f"{path}.report_made_by")
    typed.maybe(typed.text)(made.get("command"), f"{path}.report_made_by.command")


_REPORT = typed.record(
    {
        **dict.fromkeys(("model", "engine", "graph_hash"), typed.text),
        "code": typed.one_of(*CODES),
        "schedule": typed.one_of(*SCHEDULES),
        "data": typed.maybe(typed.text),
        "n_samples": typed.whole(1),
        "n_ticks": _whole,
        "accuracy": typed.maybe(typed.share),
        "host_mac_share": typed.share,
        "provenance": _provenance,
        "counters": _counters,
        "energy": _named(_sound),
        "by_population": typed.object_of(_POPULATION),
        "baseline": typed.object_of(typed.record({"title": typed.text, "picojoule": typed.amount})),
        "statistics": typed.maybe(_STATISTICS),
        "codes": typed.object_of(
            typed.maybe(
                typed.record(
                    {
                        "engine": typed.text,
                        "n_ticks": _whole,
                        "accuracy": typed.maybe(typed.share),
                        "counters": _counters,
                        "energy": _named(_code_energy),
                    }
                )
            )
        ),
        "mapping": typed.maybe(typed.record({"target": typed.text})),
        "definitions": typed.object_of(typed.text),
    }
)
"""What is read out of a report."""
