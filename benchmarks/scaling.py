"""How time and memory grow: with the graph, events, samples and frames; counters; and start-up.

    python benchmarks/scaling.py --data FOLDER [--only PART…] [--peers PYTHON]

FOLDER holds mnist_t10k.npz. Writes scaling.json, scaling.md and a picture of each curve
(scaling-graph.png …); parts that did not run keep their figures. `--quick` takes few points, to see
that everything works.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent), str(HERE / "peers")]

from curves import counters, counts, graph, memory, start  # noqa: E402
from curves.common import Setting, sentence  # noqa: E402
from machine import machine, warn_if_busy  # noqa: E402
from peers_environment import make_peers  # noqa: E402

PARTS = {
    "graph": graph.PART,
    "counts": counts.PART,
    "counters": counters.PART,
    "memory": memory.PART,
    "start": start.PART,
}
NODES = (300, 1000, 3000, 10_000)


def page(found: dict[str, Any], folder: Path) -> str:
    """Markdown of all parts that are known."""
    text = ["# Scaling", "", "Made by `python benchmarks/scaling.py --data FOLDER`."]
    for name, part in PARTS.items():
        if name not in found:
            continue
        text += ["", f"## {part.title}", "", f"On {sentence(found[name]['machine'])}.", ""]
        text.append(part.page(found[name]))
        if (folder / f"scaling-{name}.png").exists():
            text += ["", f"![{part.title}](scaling-{name}.png)"]
    return "\n".join(text) + "\n"


def draw(name: str, found: dict[str, Any], folder: Path) -> None:
    """A part's picture, where it has one."""
    part = PARTS[name]
    if part.plot is None:
        return
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    size = (6, 4) if name == "memory" else (13, 4.6)
    figure = pyplot.figure(figsize=size, layout="constrained")
    part.plot(figure, found)
    figure.savefig(folder / f"scaling-{name}.png", dpi=100)


def main() -> None:
    """Measure some parts and merge what was found into what is known."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with mnist_t10k.npz")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--nodes", nargs="+", type=int, default=list(NODES))
    parser.add_argument("--peers", type=Path, help="interpreter of an environment with the peers")
    parser.add_argument("--out", type=Path, default=HERE / "results")
    parser.add_argument("--quick", action="store_true", help="few points, short timings")
    a = parser.parse_args()
    warn_if_busy()
    peers = a.peers or (make_peers(HERE / ".peers") if "counts" in a.only else Path())
    setting = Setting(data=a.data.resolve(), peers=peers, nodes=a.nodes, quick=a.quick)
    a.out.mkdir(parents=True, exist_ok=True)
    file = a.out / "scaling.json"
    found = json.loads(file.read_text()) if file.exists() else {}
    for name in a.only:
        begun = time.perf_counter()
        on = machine()
        found[name] = {"machine": on, **PARTS[name].measure(setting)}
        print(f"{name}: {time.perf_counter() - begun:.0f} s", flush=True)
        found = {each: found[each] for each in PARTS if each in found}
        file.write_text(json.dumps(found, indent=1) + "\n")
        draw(name, found[name], a.out)
        (a.out / "scaling.md").write_text(page(found, a.out))
    print(page(found, a.out))


if __name__ == "__main__":
    main()
