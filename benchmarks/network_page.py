"""Markdown and a picture of what `networks.py` found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nets import NETS
from parties import BURST, PARTIES

BUSY = 1.7
"""A load above this is not the benchmark's own."""
Rows = dict[str, dict[str, Any]]


def _times(ms: float | None, ratio: float | None) -> str:
    if ms is None:
        return "–"
    return f"{ms:.3f} ({ratio:.2f} ×)" if ratio is not None else f"{ms:.3f}"


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.2%}"


def _equal(value: float | None) -> str:
    return "" if value is None else "all" if value == 1 else f"{value:.1%}"


def table(rows: Rows) -> str:
    """Markdown: one row a party."""
    lines = [
        "| party | ms a sample, one at a time (× PyTorch) | in batches (× PyTorch) | batch "
        "| samples | accuracy | classes as PyTorch | largest difference | equal to snnc dense | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for party in (p.name for p in PARTIES if p.name in rows):
        r = rows[party]
        if "ms" not in r:
            lines.append(f"| {party} |" + " |" * 8 + f" {r['reason']} |")
            continue
        cells = [
            party,
            _times(r["ms"], r.get("ratio")),
            _times(r["ms_batched"], r.get("ratio_batched")),
            r["batch"] or "",
            r["n_samples"],
            _share(r.get("accuracy")),
            _share(r.get("same")),
            f"{r['largest_difference']:.2g}" if "largest_difference" in r else "",
            _equal(r.get("equal_to_dense")),
            "; ".join(t for t in (r["reason"], r["note"]) if t),
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
        "output. *Equal to snnc dense*: samples all of whose outputs are. What is measured, and "
        "how: [README](../README.md).",
        "",
        "![times](networks.png)",
        "",
    ]
    for name in (n for n in NETS if n in found):
        rows = found[name]["parties"]
        on = found[name]["machine"]
        loads = [r["load"] for r in rows.values()]
        info = ", ".join(f"{k}: {v}" for k, v in on.items() if k != "load")
        title = (NETS[name].make.__doc__ or "").splitlines()[0]
        parts += [f"## {name}", "", f"{title} {info}; load: {min(loads)} … {max(loads)}.", ""]
        if min(loads) > BUSY:
            parts += ["**Other programs ran beside it: the times are too long.**", ""]
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
