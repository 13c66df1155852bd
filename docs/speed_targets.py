"""The table of docs/speed.md: targets beside what benchmarks/results says was reached."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[1] / "benchmarks" / "results"
NOT_YET = "not measured yet"
BUSY = (0.02, 0.05, 0.1, 0.3)
"""Activities of the targets of kernels."""
TORCH, DENSE = "PyTorch float", "snnc dense"
FASTEST = "PyTorch float, best of its ways"
INT8 = "ONNX Runtime int8, same integers"
Row = tuple[str, str, str]


def _read(name: str) -> Any:
    file = RESULTS / f"{name}.json"
    return json.loads(file.read_text()) if file.exists() else {}


def _or_not(reached: Callable[[], str]) -> str:
    """What was reached, or that nobody has measured it."""
    try:
        return reached()
    except (KeyError, ValueError):
        return NOT_YET


def _span(values: Iterable[float], unit: str = "", digits: int = 2) -> str:
    known = [_short(value, digits) for value in sorted(values)]
    return f"{known[0]} … {known[-1]}{unit}" if known else NOT_YET


def _short(value: float, digits: int) -> str:
    """So many digits that count; from hundreds on all, and never powers of ten."""
    return f"{value:.0f}" if value >= 10**digits else f"{value:.{digits}g}"


def _kernel(found: dict[str, Any], *words: str) -> list[dict[str, Any]]:
    return [
        r
        for r in found["rows"]
        if r["activity"] in BUSY and any(r["shape"].startswith(word) for word in words)
    ]


def _speed(found: dict[str, Any], *words: str) -> str:
    some = _kernel(found, *words)
    text = f"{_span(r['any'] for r in some)} G/s"
    if all(r.get("ceiling") for r in some):
        text += f", {_span(100 * r['any'] / r['ceiling'] for r in some)} % of the ceiling"
    in_c = [r["any"] / r["c"] for r in some if r["c"]]
    return text + (f", {_span(in_c)} × the C kernel" if in_c else "")


def kernels() -> Iterator[Row]:
    """Event kernels at 2 to 30 % activity."""
    found, command = _read("kernels"), "kernels.py"
    for target, words in (
        (
            "event kernels, conv 3×3 of 128 channels and more: ≥ 8 G synaptic operations/s",
            ("conv 3x3, 128", "conv 3x3, 256"),
        ),
        ("the same with 64 channels: ≥ 5", ("conv 3x3, 64",)),
        ("the same with 16 and 32 channels", ("conv 3x3, 16", "conv 3x3, 32")),
        ("depthwise layers, against their ceiling", ("depthwise",)),
        ("fully connected layers, against their ceiling", ("dense",)),
    ):
        yield target, _or_not(lambda w=words: _speed(found, *w)), command  # type: ignore[misc]


def _ratio(row: dict[str, Any], other: dict[str, Any]) -> str:
    """Times of one party as another's: one at a time / in batches; only of the same run."""
    if row.get("run") != other.get("run"):
        return "not of one run"
    one = f"{row['ms'] / other['ms']:.2f}"
    if row["ms_batched"] is None or other["ms_batched"] is None:
        return f"{one} / –"
    sizes = {row["batch"], other["batch"]}
    unequal = f" (batches of {row['batch']} and {other['batch']})" if len(sizes) > 1 else ""
    return f"{one} / {row['ms_batched'] / other['ms_batched']:.2f}{unequal}"


def networks() -> Iterator[Row]:
    """Whole networks: the dense engine."""
    found, command = _read("networks"), "networks.py"

    def ratios(other: str) -> str:
        parts = []
        for net, known in found.items():
            rows = known["parties"]
            if all("ms" in rows.get(party, {}) for party in (DENSE, other)):
                parts.append(f"{net} {_ratio(rows[DENSE], rows[other])}")
        return ", ".join(parts) or NOT_YET

    told = "one at a time / in batches: "
    for target, other in (
        ("dense engine with all counters: ≤ 0.7 × PyTorch float", TORCH),
        ("the same beside the best of PyTorch folded, compiled, frozen, channels last", FASTEST),
        ("≤ 1.2 × plain ONNX Runtime int8 of the same integers", INT8),
    ):
        reached = _or_not(lambda o=other: ratios(o))  # type: ignore[misc]
        yield target, reached if reached == NOT_YET else told + reached, command


def counters() -> Iterator[Row]:
    """What counting costs the dense engine."""

    def extra() -> str:
        parts: dict[str, list[str]] = {}
        for row in _read("scaling")["counters"]["rows"]:
            parts.setdefault(row["net"], []).append(f"{100 * row['extra']:.1f}")
        listed = ", ".join(f"{net} {' / '.join(both)} %" for net, both in parts.items())
        return f"one at a time / in batches: {listed}"

    yield "its counters: < 5 % extra", _or_not(extra), "scaling.py --only counters"


def curves() -> Iterator[Row]:
    """The event engine beside peers, events, memory, the converter, start-up."""
    found = _read("scaling")
    counts = found.get("counts", {}).get("summary", {})

    def faster(points: Callable[[str], bool]) -> str:
        parts = []
        for how, words in (("one", "one at a time"), ("batch", "in batches")):
            times = counts[how]["times_faster"]
            parts += [f"{times[p]:.1f} × at {p} {words}" for p in times if points(p)]
        return ", ".join(parts)

    def even() -> str:
        parts = []
        for how, words in (("one", "one at a time"), ("batch", "in batches")):
            parts.append(f"{counts[how]['break_even']} {words}")
        return ", ".join(parts)

    def fewer() -> str:
        return ", ".join(
            f"{p['one']:.1f} / {p['batch']:.1f} × less ({net}, {p['from']:g} → {p['from'] / 10:g})"
            for net, pairs in counts["events"].items()
            for p in pairs
        )

    command = "scaling.py --only counts"
    yield (
        "event engine, burst, D = 4, MNIST net: ≥ 3 × the fastest peer at its own activity",
        _or_not(lambda: faster(lambda p: p == "own")),
        command,
    )
    yield (
        "≥ 10 × at a mean count of 0.1 and less",
        _or_not(lambda: faster(lambda p: p != "own" and float(p) <= 0.1)),
        command,
    )
    yield "mean count at which it beats PyTorch's forward", _or_not(even), command
    yield (
        "10 × fewer events: ≥ 5 × less time (one at a time / in batches)",
        _or_not(fewer),
        command,
    )
    yield from _rest(found)


def _rest(found: dict[str, Any]) -> Iterator[Row]:
    def memory() -> str:
        rows = found["memory"]["rows"]
        kinds = dict.fromkeys(r["kind"] for r in rows)
        parts = []
        for kind in kinds:
            some = [r for r in rows if r["kind"] == kind]
            first, last = some[0], some[-1]
            parts.append(
                f"{first['mb']:.0f} → {last['mb']:.0f} MB from {first['n']:,} to {last['n']:,} "
                f"{kind}"
            )
        return ", ".join(parts)

    def exponents() -> str:
        known = dict(found["graph"]["exponents"])
        dense = known.pop("dense: prepare and first sample")
        seconds = found["graph"]["rows"][-1]["seconds"]
        steep = max((known[stage], stage) for stage in known if seconds[stage] > 0.1)
        return (
            f"the steepest of snnc's is {steep[1]} with an exponent of {steep[0]:.2f}; preparing "
            f"the dense engine, with ONNX Runtime's session: {dense:.2f}"
        )

    def start(key: str) -> str:
        return f"{found['start'][key]['median']:.3f} s"

    def second() -> str:
        f = found["start"]
        return ", ".join(
            f"{engine} engine {f[f'first run, {engine}']['median']:.1f} s, then "
            f"{f[f'next run, {engine}']['median']:.1f} s"
            for engine in ("event", "dense")
        )

    yield "memory flat over samples, frames, ticks", _or_not(memory), "scaling.py --only memory"
    yield "no quadratic pass up to 10,000 nodes", _or_not(exponents), "scaling.py --only graph"
    command = "scaling.py --only start"
    yield "`snnc --help`: ≤ 0.2 s", _or_not(lambda: start("help")), command
    yield "`snnc inspect`: ≤ 0.5 s", _or_not(lambda: start("inspect")), command
    yield "the second start is immediate (kernels cached)", _or_not(second), command


def conversion() -> Iterator[Row]:
    """E-SpikeFormer of 19 million parameters."""
    found = _read("convert")

    def reached() -> str:
        known = found["results"]["l"]
        million = known["n_parameters"] / 1e6
        return f"{known['convert_seconds']:.0f} s ({million:.1f} M parameters)"

    yield "E-SpikeFormer 19 M converts in ≤ 60 s", _or_not(reached), "convert.py --sizes l"


def all_targets() -> list[Row]:
    """Every target, in the order of the page."""
    return [*kernels(), *networks(), *counters(), *curves(), *conversion()]
