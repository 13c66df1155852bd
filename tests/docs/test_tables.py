"""The tables of the docs are those of the registries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parents[2] / "docs"


def test_tables_are_up_to_date() -> None:
    done = subprocess.run(
        [sys.executable, str(DOCS / "make_tables.py"), "--check"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_neuron_and_error_stands_in_the_docs() -> None:
    from snnc.ir.neurons import NEURONS

    page = (DOCS / "event-graph.md").read_text()
    assert all(f"| `{kind}` |" in page for kind in NEURONS)
    assert "SNNC401" in (DOCS / "errors.md").read_text()
