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
from tests.close import close

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


def test_a_stream_is_timed_without_its_start(scripts: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    common, x, now = scripts("common"), np.arange(200.0), [0.0]

    def run(part: np.ndarray) -> np.ndarray:
        now[0] += 0.1 + 0.004 * len(part)
        return part

    monkeypatch.setattr(common.time, "perf_counter", lambda: now[0])
    found = common.streamed(run, x, 1, 0.1)
    assert np.array_equal(found.outputs[:, 0], x[: found.n_samples])
    assert found.ms == close(4)
    with pytest.raises(SystemExit, match="too few"):
        common.streamed(run, x, 100, 0.1)


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
        ("Nengo 4.1", [], "does not run it: no pools"),
    ):
        row = networks.row(parties[name], "mnist", found, reason, known)
        results.add("mnist", name, row)
        # as if the run had been broken off here
        kept = json.loads((tmp_path / "networks.json").read_text())
        assert name in kept["mnist"]["parties"]
    rows = networks.Results(tmp_path).found["mnist"]["parties"]
    assert rows["snnc dense"]["equal_to_dense"] == 1
    assert rows["snnc dense"]["ratio_batched"] == 0.5
    assert [f[:24] for f in rows["snnc event, graded"]["failures"]] == [
        "DIFFERS from snnc dense "
    ] * 2
    assert rows["sinabs 3.1"]["accuracy"] == 0
    assert rows["sinabs 3.1"]["ratio"] == 4
    networks.Results(tmp_path).write()
    page = (tmp_path / "networks.md").read_text()
    assert "| snnc dense | 1.000 (0.50 ×) | 0.500 (0.50 ×) | 100 | 2 | 100.00% |" in page
    assert "stopped after 9 s" in page
    assert "does not run it: no pools" in page
    assert (tmp_path / "networks.png").stat().st_size > 1000


def compared(scripts: Any, net: str, **outputs: list[list[list[float]]]) -> dict[str, Any]:
    """What `networks.py` says of parties that gave these outputs, one list for each batch size."""
    networks, parties = scripts("networks"), {p.name: p for p in scripts("parties").PARTIES}
    known = networks.Known(None, {})
    rows = {}
    for name, found in outputs.items():
        given = [
            {"batch": b, "ms": 1.0, "n_samples": len(o), "outputs": o}
            for b, o in zip((1, 100), found, strict=False)
        ]
        rows[name] = networks.row(parties[name], net, given, "", known)
    return rows


A, B, C = [1.0, 0.0], [0.0, 1.0], [0.5, 0.5]


def test_an_exact_party_is_compared_however_many_samples_it_took(scripts: Any) -> None:
    """With more of them than the reference, and in both batch sizes."""
    given = {"PyTorch float": [[A, B]], "snnc dense": [[A], [A, B]]}
    names = ("snnc event, burst", "snnc event, graded", "snnc event, delta")
    for outputs, failures, equal in (
        ([[A], [A, B, C]], [], 1),
        ([[A], [A, C, C]], ["DIFFERS from snnc dense (batch 100), which it must not"], 0.5),
        ([[C], [A, B, C]], ["DIFFERS from snnc dense (batch 1), which it must not"], 0),
    ):
        rows = compared(scripts, "mnist", **given, **dict.fromkeys(names, outputs))
        for name in names:
            assert rows[name]["failures"] == failures
            assert (rows[name]["equal_to_dense"], rows[name]["compared"]) == (equal, 2)
    assert compared(scripts, "mnist", **given)["snnc dense"]["failures"] == []
    other = compared(scripts, "mnist", **given | {"snnc dense": [[C], [A, B]]})["snnc dense"]
    assert other["failures"] == ["DIFFERS from snnc dense (batch 1), which it must not"]


def test_a_missing_reference_is_a_failure(scripts: Any) -> None:
    """A dense engine that fails leaves nothing equal to it."""
    given = {"snnc dense": [], "snnc event, burst": [[A]], "sinabs 3.1": [[A]]}
    rows = compared(scripts, "mnist", **given)
    assert rows["snnc dense"]["failures"] == ["FAILED: nothing can be compared with it"]
    assert rows["snnc event, burst"]["failures"] == ["NOT COMPARED: snnc dense gave no outputs"]
    assert rows["sinabs 3.1"]["failures"] == []


def test_in_the_recurrent_network_everybody_must_be_exact(scripts: Any) -> None:
    """Elsewhere only who says so; a trace has no outputs to compare."""
    one = {"PyTorch float": [[A]], "snnc dense": [[A]], "sinabs 3.1": [[C]]}
    traced: dict[str, list[list[list[float]]]] = {"snnc event, burst, with trace": [[[]]]}
    for net, failing in (("mnist", set()), ("recurrent", {"sinabs 3.1"})):
        rows = compared(scripts, net, **one, **traced)
        assert {name for name, row in rows.items() if row["failures"]} == failing
        assert "equal_to_dense" not in rows["snnc event, burst, with trace"]
    rows = compared(scripts, "recurrent", **one | {"PyTorch float": [[C]]})
    assert rows["snnc dense"]["failures"] == [
        "DIFFERS from PyTorch float (batch 1), which it must not"
    ]


def test_rows_of_an_earlier_run_are_marked(scripts: Any, tmp_path: Path) -> None:
    """With the machine and load that they were measured on; this run's failures are its own."""
    networks, names = scripts("networks"), ["PyTorch float", "snnc dense", "snnc event, burst"]
    rows = compared(scripts, "mnist", **{name: [[A]] for name in names})
    rows["snnc event, burst"]["failures"] = ["DIFFERS"]
    for some, load in ((names, 9.0), (names[:2], 0.5)):
        results = networks.Results(tmp_path)
        for name in some:
            results.add("mnist", name, rows[name])
            results.found["mnist"]["parties"][name]["machine"]["load"] = load
        results.write()
        assert bool(results.failures) == (len(some) == 3)
        time.sleep(0.002)
        if len(some) == 3:
            first = results.run
            (tmp_path / "networks.json").write_text(json.dumps(results.found))
    page = (tmp_path / "networks.md").read_text()
    marked = [line for line in page.splitlines() if "of an earlier run" in line]
    assert [line.split(" |")[0] for line in marked] == ["| snnc event, burst"]
    assert first in marked[0]
    assert "load: 9.0" in marked[0]
    assert "**load 9.0**" in marked[0]
    assert page.count("**load ") == 1
    assert f"Run of {results.run}" in page
    assert "load: 0.5." in page


def test_a_stream_no_longer_than_the_noise_is_refused(
    scripts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In place of a time that is less than nothing."""
    common = scripts("common")
    now, lengths = [0.0], {2: iter((1.0, 1.1, 1.2)), 8: iter((0.9,)), 12: iter((1.3,))}

    def run(part: np.ndarray) -> np.ndarray:
        now[0] += next(lengths[len(part)])
        return part

    monkeypatch.setattr(common.time, "perf_counter", lambda: now[0])
    with pytest.raises(SystemExit, match="12 samples take 1.3 s, 2 take 1 s or 0.2 s more"):
        common.streamed(run, np.arange(12.0), 1, 0.5)
    lengths.update({2: iter((1.0, 1.1, 1.02)), 8: iter((1.1,)), 12: iter((1.3,))})
    assert common.streamed(run, np.arange(12.0), 1, 0.5).ms == close(30)


def test_results_whose_networks_have_the_machine_are_read(scripts: Any, tmp_path: Path) -> None:
    """As they were written before rows had their own."""
    row = {"load": 2.0, "reason": "", "note": "", "ms": 1.0, "n_samples": 7, "batch": 3}
    row |= {"ms_batched": 2.0, "equal_to_dense": 1.0}
    failed = {"load": 0.5, "reason": "DIFFERS from snnc's dense engine", "note": ""}
    parties = {"snnc dense": row, "snnc event, graded, with trace": row, "sinabs 3.1": failed}
    old = {"mnist": {"machine": {"cpu": "Z80", "load": 1.0}, "parties": parties}}
    (tmp_path / "networks.json").write_text(json.dumps(old))
    results = scripts("networks").Results(tmp_path)
    results.write()
    page = (tmp_path / "networks.md").read_text()
    assert (
        "| snnc dense | 1.000 | 2.000 | 3 | 7 |  |  |  | all (of one column) | **load 2.0**" in page
    )
    assert "graded, with trace | 1.000 | 2.000 | 3 | 7 | — | — | — | — |" in page
    assert "| sinabs 3.1 |" + " |" * 8 + " DIFFERS from snnc's dense engine |" in page
    assert "Run of an unknown time; cpu: Z80; load: 0.5 … 2.0." in page
    assert "earlier run" not in page
    assert results.failures == []
    known = compared(scripts, "mnist", **{"PyTorch float": [[A]]})["PyTorch float"]
    results.add("mnist", "PyTorch float", known)
    results.write()
    assert (tmp_path / "networks.md").read_text().count("of an earlier run** (unknown;") == 3
