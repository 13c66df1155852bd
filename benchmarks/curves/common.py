"""What the curves share: a part's interface, fits, tables, pictures."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a part is asked for.

    Attributes:
        data: folder with mnist_t10k.npz.
        peers: interpreter of the peers' environment.
        nodes: sizes of the graphs.
        quick: few points, short timings: to see that it works.
    """

    data: Path
    peers: Path
    nodes: Sequence[int]
    quick: bool


@dataclass(frozen=True, kw_only=True)
class Part:
    """One curve.

    Attributes:
        measure: what is found, as JSON values.
        page: it as Markdown, without a title.
        plot: it as a picture, on a figure that is empty.
    """

    title: str
    measure: Callable[[Setting], dict[str, Any]]
    page: Callable[[dict[str, Any]], str]
    plot: Callable[[Any, dict[str, Any]], None] | None = None


def alone(part: str, *arguments: str) -> dict[str, Any]:
    """What one size of a part gives, in a process of its own: the last line that it prints."""
    command = [sys.executable, "-W", "ignore", "-m", f"curves.{part}", *arguments]
    out = subprocess.run(
        command, check=True, stdout=subprocess.PIPE, text=True, cwd=ROOT / "benchmarks"
    ).stdout
    result: dict[str, Any] = json.loads(out.strip().splitlines()[-1])
    return result


def exponent(x: Sequence[float], y: Sequence[float]) -> float:
    """The slope of log y over log x, by least squares: 1 is linear, 2 quadratic."""
    return float(np.polyfit(np.log(x), np.log(y), 1)[0])


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """Markdown."""
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    return "\n".join([*lines, *("| " + " | ".join(map(str, row)) + " |" for row in rows)])


def sentence(known: Mapping[str, Any]) -> str:
    """The machine in one line."""
    return ", ".join(f"{key}: {value}" for key, value in known.items())
