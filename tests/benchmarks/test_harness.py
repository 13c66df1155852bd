"""`make bench` itself: clocks, parties that fail, results that are kept."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import needs

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"
pytestmark = pytest.mark.torch


@pytest.fixture(scope="module")
def scripts() -> Iterator[Any]:
    """Modules of benchmarks/ and benchmarks/peers/ by name."""
    needs.module("torch")
    before, paths = set(sys.modules), [str(BENCHMARKS), str(BENCHMARKS / "peers")]
    sys.path[:0] = paths
    yield needs.module
    for path in paths:
        sys.path.remove(path)
    for name in set(sys.modules) - before:
        if str(getattr(sys.modules[name], "__file__", "")).startswith(str(BENCHMARKS)):
            del sys.modules[name]


def test_every_party_has_its_scripts(scripts: Any) -> None:
    parties, nets = scripts("parties").PARTIES, scripts("nets").NETS
    assert len({p.name for p in parties}) == len(parties)
    for party in parties:
        assert set(party.without) <= {*nets, "*"}
        for net in nets:
            if party.refusal(net) is None:
                assert (BENCHMARKS / "peers" / party.script(net)[0]).is_file(), (party.name, net)
    brian = next(p for p in parties if p.name.startswith("Brian2"))
    assert brian.refusal("recurrent") is None
    assert "synapse" in brian.refusal("mnist")


@pytest.mark.parametrize(
    ("body", "limit", "reason"),
    [("", 20.0, ""), ("raise ValueError('no room')", 20.0, "ValueError: no room"),
     ("raise SystemExit('hint: ask')", 20.0, "hint: ask"),
     ("import time; time.sleep(60)", 1.5, "stopped after 2 s")],
)  # fmt: skip
def test_what_a_party_has_printed_counts(
    scripts: Any, tmp_path: Path, body: str, limit: float, reason: str
) -> None:
    """However it ends, and nothing of it goes on."""
    script = tmp_path / "party.py"
    script.write_text(f"print('noise')\nprint('{{\"ms\": 1.5}}', flush=True)\n{body}\n")
    start = time.monotonic()
    found, said = scripts("peers_environment").run_script(
        Path(sys.executable), str(script), limit=limit
    )
    assert (found, said) == ([{"ms": 1.5}], reason)
    assert time.monotonic() - start < 30


def test_the_clock_stops_within_a_pass(scripts: Any) -> None:
    common = scripts("common")
    x = np.arange(40.0).reshape(20, 2)

    def run(part: np.ndarray) -> tuple[np.ndarray, int]:
        time.sleep(0.01 * len(part))
        return part * 2, len(part)

    found = common.timed(run, x, 2, 0.05)
    assert 4 <= found.n_samples < 20
    assert np.array_equal(found.outputs, x[: found.n_samples] * 2)
    assert sum(found.results) == found.n_samples
    assert found.ms >= 10
    assert common.timed(run, x, 20, 5.0).n_samples == 20
    assert common.in_time(50, 1.0, None) == 50
    assert common.in_time(50, 1.0, 100.0) == 10


def test_a_stream_is_timed_without_its_start(scripts: Any) -> None:
    x = np.arange(200.0)

    def run(part: np.ndarray) -> np.ndarray:
        time.sleep(0.1 + 0.004 * len(part))
        return part

    found = scripts("common").streamed(run, x, 1, 0.1)
    assert np.array_equal(found.outputs[:, 0], x[: found.n_samples])
    assert found.ms >= 4
    with pytest.raises(SystemExit, match="too few"):
        scripts("common").streamed(run, x, 100, 0.1)


def test_figures_reasons_and_refusals_stand_in_one_page(scripts: Any, tmp_path: Path) -> None:
    """A party that must be exact and is not is named; what an earlier run found is kept."""
    networks, parties = scripts("networks"), {p.name: p for p in scripts("parties").PARTIES}
    known = networks.Known(np.array([0, 1]), {})
    right = [[1.0, 0.0], [0.0, 1.0]]

    def given(outputs: list[list[float]], *ms: float) -> list[dict[str, Any]]:
        return [
            {"batch": b, "ms": m, "n_samples": 2, "outputs": outputs}
            for b, m in zip((1, 100), ms, strict=False)
        ]

    results = networks.Results(tmp_path)
    for name, found, reason in (
        ("PyTorch float", given(right, 2.0, 1.0), ""),
        ("snnc dense", given(right, 1.0, 0.5), ""),
        ("snnc event, graded", given([[1.0, 0.5], [0.0, 1.0]], 1.0, 0.5), ""),
        ("sinabs 3.1", given(right[::-1], 8.0), "stopped after 9 s"),
        ("Nengo 4.1", [], "cannot express it: no pools"),
    ):
        row = networks.row(parties[name], found, reason, known)
        results.add("mnist", name, row)
        # as if the run had been broken off here
        kept = json.loads((tmp_path / "networks.json").read_text())
        assert name in kept["mnist"]["parties"]
    rows = networks.Results(tmp_path).found["mnist"]["parties"]
    assert rows["snnc dense"]["equal_to_dense"] == 1
    assert rows["snnc dense"]["ratio_batched"] == 0.5
    assert rows["snnc event, graded"]["reason"].startswith("DIFFERS")
    assert rows["sinabs 3.1"]["accuracy"] == 0
    assert rows["sinabs 3.1"]["ratio"] == 4
    networks.Results(tmp_path).write()
    page = (tmp_path / "networks.md").read_text()
    assert "| snnc dense | 1.000 (0.50 ×) | 0.500 (0.50 ×) | 100 | 2 | 100.00% |" in page
    assert "stopped after 9 s" in page
    assert "cannot express it: no pools" in page
    assert (tmp_path / "networks.png").stat().st_size > 1000
