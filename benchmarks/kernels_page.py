"""The tables and the picture of `kernels.py`."""

from __future__ import annotations

from pathlib import Path
from typing import Any

WAYS = ("scatter", "gather", "plane")
FAMILIES = ("conv 3x3", "conv 1x1", "depthwise", "dense", "sum-pool")


def markdown(found: dict[str, Any]) -> str:
    """The whole of kernels.md."""
    info = ", ".join(f"{k}: {v}" for k, v in found["machine"].items())
    rows = found["rows"]
    parts = ["# Event kernels", info, INTRODUCTION, _ceilings(found["roofline"])]
    parts += ["## The engine, its share of the ceiling, and C", _summary(rows)]
    parts += ["## All ways", _ways(rows)]
    better = [r["any"] >= 0.9 * max(r[way] for way in WAYS) for r in rows]
    parts.append(f"The choice is within 10 % of the best way in {sum(better)} of {len(better)}.")
    parts.append("![Event kernels](kernels.png)")
    return "\n\n".join(parts) + "\n"


INTRODUCTION = (
    "10⁹ synaptic events a second (events × fan-out; payloads 1 … 4, 8-bit weights), one core, by "
    "share of neurons that are active. A synaptic event reads one byte of weights."
)


def _ceilings(roof: dict[str, Any]) -> str:
    widths = ", ".join(f"{g:.0f} for {w} channels" for w, g in roof["gops_by_row"].items())
    read = ", ".join(f"{int(n) // 1024:,} KiB {g:.0f}" for n, g in roof["gbytes_by_size"].items())
    nine = roof["gops_nine_sums"]
    scattered = "" if nine is None else f" Scattering nine sums an event reaches {nine:.1f}."
    return (
        f"Ceilings of this core: adding one row of weights, no memory but L1, {widths}.{scattered} "
        f"Reading, 10⁹ bytes a second, of {read}. A layer's ceiling is the least of what bounds it;"
        " for depthwise layers and pools, the better of scattering and of computing every channel, "
        "silent ones as well. Two rows at once, where the CPU multiplies bytes in pairs, may pass "
        "it."
    )


def _table(rows: list[dict[str, Any]], cell: Any) -> str:
    activities = sorted({r["activity"] for r in rows})
    lines = ["| layer | " + " | ".join(f"{a:.1%}" for a in activities) + " |"]
    lines.append("|---" * (len(activities) + 1) + "|")
    for name in dict.fromkeys(r["shape"] for r in rows):
        cells = [cell(r) for r in rows if r["shape"] == name]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _summary(rows: list[dict[str, Any]]) -> str:
    def cell(r: dict[str, Any]) -> str:
        share = f" ({r['any'] / r['ceiling']:.0%})" if r["ceiling"] else ""
        return f"**{r['any']:.2g}**{share}" + (f" / {r['c']:.2g}" if r["c"] else "")

    return (
        "**What the engine chooses** (share of the layer's ceiling) / the C kernel, where there is "
        "one (3×3 and depthwise with stride 1: gathered, scattered; matrices: gathered).\n\n"
        + _table(rows, cell)
    )


def _ways(rows: list[dict[str, Any]]) -> str:
    return (
        "Scatter / gather / scatter into a plane of 16 bits, each forced; what cannot go into a "
        "plane is scattered to the membranes.\n\n"
        + _table(rows, lambda r: " / ".join(f"{r[way]:.2g}" for way in WAYS))
    )


def plot(found: dict[str, Any], path: Path) -> None:
    """A panel for each family of layers: the engine (lines), C (crosses), ceilings (dashed)."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot
    from matplotlib.lines import Line2D

    rows = found["rows"]
    families = [f for f in FAMILIES if any(r["shape"].startswith(f) for r in rows)]
    figure, panels = pyplot.subplots(
        2,
        (len(families) + 2) // 2,
        figsize=(13, 8),
        layout="constrained",
        squeeze=False,
        sharey=True,
    )
    every = list(panels.flat)
    for axes, family in zip(every, families, strict=False):
        names = dict.fromkeys(r["shape"] for r in rows if r["shape"].startswith(family))
        for n, name in enumerate(names):
            some = [r for r in rows if r["shape"] == name]
            x = [100 * r["activity"] for r in some]
            label = name.removeprefix(family).strip(" ,")
            axes.plot(x, [r["any"] for r in some], color=f"C{n}", marker="o", ms=3, label=label)
            if some[0]["c"] is not None:
                axes.plot(x, [r["c"] for r in some], color=f"C{n}", marker="x", ls="none")
            if some[0]["ceiling"]:
                axes.plot(x, [r["ceiling"] for r in some], color=f"C{n}", ls="--", lw=0.8)
        axes.set(xscale="log", yscale="log", title=family)
        axes.set_xlabel("active neurons, %")
        axes.grid(alpha=0.3)
        axes.legend(fontsize=7, loc="lower right")
    marks = [
        Line2D([], [], color="black", marker="o", ms=3, label="snnc, what the engine chooses"),
        Line2D([], [], color="black", marker="x", ls="none", label="C kernel"),
        Line2D([], [], color="black", ls="--", lw=0.8, label="ceiling"),
    ]
    for axes in every[len(families) :]:
        axes.axis("off")
    every[len(families)].legend(handles=marks, loc="center")
    for row in panels:
        row[0].set_ylabel("10⁹ synaptic events a second")
    figure.savefig(path, dpi=90)
