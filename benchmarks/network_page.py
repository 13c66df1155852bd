"""Markdown and a picture of what `networks.py` found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nets import NETS
from parties import BURST, PARTIES, Party

BUSY = 1.7
"""A load above this is not that of one thread."""
Rows = dict[str, dict[str, Any]]


def _times(ms: float | None, ratio: float | None) -> str:
    if ms is None:
        return "–"
    return f"{ms:.3f} ({ratio:.2f} ×)" if ratio is not None else f"{ms:.3f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _equal(row: dict[str, Any]) -> str:
    if "equal_to_dense" not in row:
        return ""
    value, n = row["equal_to_dense"], row.get("compared")
    share = "all" if value == 1 else f"{value:.1%}"
    if n is None:  # results of before the columns were both compared
        return f"{share} (of one column)"
    return share if n == row["n_samples"] else f"{share} of the first {n}"


def _agreement(party: Party, row: dict[str, Any]) -> list[str]:
    """Accuracy, classes as PyTorch's, largest difference, share equal to the dense engine's."""
    if not party.gives_outputs:
        return ["—"] * 4
    return [
        _share(row.get("accuracy")),
        _share(row.get("same")),
        f"{row['largest_difference']:.2g}" if "largest_difference" in row else "",
        _equal(row),
    ]


def _remarks(row: dict[str, Any], latest: str) -> str:
    """Why figures are missing, and what to know of them."""
    said = [*row["failures"], row["reason"], row["note"], *_ways(row)]
    if row["run"] != latest:
        said.append(f"**of an earlier run** ({row['run'] or 'unknown'}; {_machine([row])})")
    if "ms" in row and row["machine"]["load"] > BUSY:
        said.append(f"**load {row['machine']['load']}**")
    return "; ".join(text for text in said if text)


def _ways(row: dict[str, Any]) -> list[str]:
    """Which of a party's ways was the fastest, one at a time and in batches."""
    if not row.get("way"):
        return []
    names = " / ".join(f"*{name}*" for name in dict.fromkeys(row["way"]))
    return [f"the fastest of {len(row['ways'])} ways: {names}"]


def _machine(rows: list[dict[str, Any]]) -> str:
    """Of rows of one run."""
    info = ", ".join(f"{k}: {v}" for k, v in rows[-1]["machine"].items() if k != "load")
    loads = [row["machine"]["load"] for row in rows]
    return f"{info}; load: " + " … ".join(map(str, sorted({min(loads), max(loads)})))


def _latest(rows: Rows) -> str:
    return str(max(row["run"] for row in rows.values()))


def table(rows: Rows) -> str:
    """Markdown: one row a party."""
    latest = _latest(rows)
    lines = [
        "| party | ms a sample, one at a time (× PyTorch) | in batches (× PyTorch) | batch "
        "| samples | accuracy | classes as PyTorch | largest difference | equal to snnc dense | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for party in (p for p in PARTIES if p.name in rows):
        r = rows[party.name]
        if "ms" not in r:
            lines.append(f"| {party.name} |" + " |" * 8 + f" {_remarks(r, latest)} |")
            continue
        cells = [
            party.name,
            _times(r["ms"], r.get("ratio")),
            _times(r["ms_batched"], r.get("ratio_batched")),
            r["batch"] or "",
            r["n_samples"],
            *_agreement(party, r),
            _remarks(r, latest),
        ]
        lines.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(lines)


def _activity(row: dict[str, Any]) -> str:
    counts = row["mean_count"].values()
    return (
        f"Mean count of a layer's neurons: {min(counts):.3f} … {max(counts):.3f}, of all "
        f"layers {sum(counts) / len(counts):.3f}; unit-spike operations a sample: "
        f"{row['unit_spike_operations']:,.0f}."
    )


def page(found: dict[str, Any]) -> str:
    """Markdown of all networks."""
    parts = [
        "# Whole networks",
        "",
        "Times of one thread. *Largest difference*: of an output from PyTorch's, of the largest "
        "output. *Equal to snnc dense*: samples all of whose outputs are, in the worse of the two "
        "columns. Where a *load* stands, more than one thread ran in the minute before the party "
        "ended: other programs, and its times are too long; or Lava's own processes, which the "
        "minute after it still shows. What is measured, and how: [README](../README.md).",
        "",
        "![times](networks.png)",
        "",
    ]
    for name in (n for n in NETS if n in found):
        rows = found[name]["parties"]
        latest = _latest(rows)
        now = [r for r in rows.values() if r["run"] == latest]
        title = (NETS[name].make.__doc__ or "").splitlines()[0]
        parts += [
            f"## {name}",
            "",
            f"{title} Run of {latest or 'an unknown time'}; {_machine(now)}.",
            "",
        ]
        parts += [table(rows), ""]
        if "mean_count" in rows.get(BURST, {}):
            parts += [_activity(rows[BURST]), ""]
    return "\n".join(parts)


def plot(found: dict[str, Any], path: Path) -> None:
    """Two bars a party and network: one at a time and in batches, in PyTorch's times."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    nets = [name for name in NETS if name in found]
    names = [
        p.name for p in PARTIES if any("ms" in found[n]["parties"].get(p.name, {}) for n in nets)
    ]
    columns = min(3, len(nets))
    n_rows = -(-len(nets) // columns)
    figure, axes = pyplot.subplots(
        n_rows,
        columns,
        figsize=(3 + 3.2 * columns, 1 + 0.24 * (len(names) + 3) * n_rows),
        sharey=True,
        squeeze=False,
    )
    for axis in axes.flat[len(nets) :]:
        axis.set_axis_off()
    for axis, net in zip(axes.flat, nets, strict=False):
        rows = found[net]["parties"]
        for shift, key, label in (
            (-0.2, "ratio", "one at a time"),
            (0.2, "ratio_batched", "in batches"),
        ):
            at = [i for i, n in enumerate(names) if rows.get(n, {}).get(key) is not None]
            axis.barh([i + shift for i in at], [rows[names[i]][key] for i in at], 0.4, label=label)
        axis.axvline(1, color="black", linewidth=0.7)
        axis.set(title=net, xscale="log", xlabel="time, PyTorch float = 1")
        axis.set_yticks(range(len(names)), names, fontsize=8)
        axis.grid(axis="x", alpha=0.3)
    axes[0][0].invert_yaxis()
    axes[0][0].legend(fontsize=7, loc="lower right")
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    pyplot.close(figure)
