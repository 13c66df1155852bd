"""Statistics against plain loops over traces and counts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import snnc
from snnc.ir.arrays import IntArray
from snnc.ir.codes import RunSettings
from snnc.ir.nodes import Input, Population
from snnc.ir.schedule import make_schedule
from snnc.runtime.data import DataSet
from snnc.runtime.report import report
from snnc.runtime.statistics.tally import tally_of
from tests.close import close
from tests.runtime.report.test_report import model_of, network

QUANTILE = 1.959963984540054
"""Of the normal distribution at 0.975 (R: qnorm(0.975), 16 digits)."""
N = 9


@pytest.fixture(scope="module")
def data() -> DataSet:
    x = np.random.default_rng(5).integers(0, 5, size=(N, 1, 4, 4))
    x[4] = 0
    return DataSet(x=x.astype(np.float32), y=np.arange(N) % 3, name="random")


def reached(name: str, neuron: int) -> int:
    """Synapses that a neuron of `network()` reaches, by loops: 3x3 kernels, padding 1, stride 1."""
    if name in ("x", "act1"):
        row, column = divmod(neuron % 16, 4)
        taps = sum(
            0 <= row - dr < 4 and 0 <= column - dc < 4 for dr in (-1, 0, 1) for dc in (-1, 0, 1)
        )
        return 2 * taps
    return {"stem": 2, "stream": 1, "act2": 1, "pool": 3, "head": 0}[name]


@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
def test_samples_equal_loops_over_their_traces(data: DataSet, code: str, schedule: str) -> None:
    model = model_of(network())
    found = report(model, data, code=code, schedule=schedule, codes=["own"]).to_json()
    statistics = found["statistics"]
    per_sample: dict[str, list[int]] = {"events": [], "spikes": [], "synaptic_events": []}
    ticks: dict[str, IntArray] = {}
    for sample in range(N):
        traced = snnc.trace(model, data, sample=sample, code=code, schedule=schedule)
        rows = zip(traced.tick, traced.population, traced.neuron, traced.payload, strict=True)
        totals = dict.fromkeys(per_sample, 0)
        for tick, population, neuron, payload in rows:
            name = traced.names[population]
            totals["events"] += 1
            totals["spikes"] += 0 if name in traced.values else abs(int(payload))
            totals["synaptic_events"] += reached(name, int(neuron))
            ticks.setdefault(name, np.zeros(traced.n_ticks, dtype=np.int64))[tick] += 1
        for key, value in totals.items():
            per_sample[key].append(value)
    for key, values in per_sample.items():
        one = statistics["per_sample"][key]
        assert one["mean"] == close(sum(values) / N)
        assert (one["min"], one["max"]) == (min(values), max(values))
        assert one["median"] == sorted(values)[N // 2]
        assert one["std"] == close(np.std(values, ddof=1))
        assert one["low"] <= one["mean"] <= one["high"]
        assert sum(one["histogram"]["n_samples"]) == N
        for label in range(3):
            own = [values[i] for i in range(N) if i % 3 == label]
            assert statistics["by_class"][str(label)][key]["mean"] == close(sum(own) / 3)
    by_tick = statistics["by_tick"]
    for name, counted in ticks.items():
        assert by_tick["by_population"][name] == close((counted / N).tolist())
    assert by_tick["events"] == close(
        [float(n) / N for n in np.stack([*ticks.values()]).sum(axis=0)]
    )
    assert statistics["by_frame"]["events"] == close([sum(per_sample["events"]) / N])


def test_energy_of_samples_averages_to_the_report_s(data: DataSet) -> None:
    found = report(model_of(network()), data, code="burst", hardware=["45nm", "loihi1", "loihi2"])
    value = found.to_json()
    for name in ("45nm", "loihi1"):
        mean = value["statistics"]["picojoule"][name]["mean"]
        assert mean == close(value["energy"][name]["picojoule"])
    assert set(value["statistics"]["picojoule"]) == {"45nm", "loihi1"}


def test_neurons_channels_and_levels_equal_plain_loops(data: DataSet) -> None:
    model = model_of(network())
    counts = snnc.run(model, data, counts=True).counts
    assert counts is not None
    found = report(model, data, codes=["own"])
    rows = found.to_json()["by_population"]
    assert found.statistics is not None
    for name in ("act1", "act2"):
        given = counts[name].reshape(N, 2, 16)
        dead, saturated, shares = 0, 0, []
        for channel in range(2):
            for neuron in range(16):
                own = [int(given[i, channel, neuron]) for i in range(N)]
                dead += all(k == 0 for k in own)
                at_top = sum(k == 4 for k in own) / N
                saturated += at_top >= 0.5
                shares.append(at_top)
        assert rows[name]["n_dead"] == dead
        assert rows[name]["n_saturated"] == saturated
        assert rows[name]["saturated_share"] == close(sum(shares) / 32)
        assert rows[name]["by_channel"]["mean_count"] == close(
            [float(given[:, c].mean()) for c in range(2)]
        )
        for channel in range(2):
            own = given[:, channel].mean(axis=1)  # of each sample
            error = QUANTILE * own.std(ddof=1) / np.sqrt(N)
            low, high = (
                rows[name]["by_channel"][f"mean_count_{end}"][channel] for end in ("low", "high")
            )
            assert low == close(max(0.0, own.mean() - error))
            assert high == close(own.mean() + error)
        whole = given.mean(axis=(1, 2))
        assert rows[name]["mean_count_high"] == close(
            whole.mean() + QUANTILE * whole.std(ddof=1) / np.sqrt(N)
        )
        assert rows[name]["mean_count_low"] < rows[name]["mean_count"]
        histogram = rows[name]["count_histogram"]
        assert histogram["lo"] == 0
        assert histogram["share"] == close([float((given == k).mean()) for k in range(5)])
        mean = found.statistics.mean_counts[name]
        assert mean.shape == (2, 4, 4)
        assert mean == close(counts[name][:, 0].mean(axis=0))
    assert rows["stem"]["n_saturated"] is None
    assert rows["stem"]["mean_count_low"] is None
    assert rows["stem"]["count_histogram"] is None
    assert rows["head"]["n_dead"] == sum(not counts["head"][:, 0, i].any() for i in range(3))


def test_early_exit_equals_partial_sums(data: DataSet) -> None:
    """One dense layer behind bursts: what has arrived after j ticks is W min(k, j)."""
    from tests.runtime.statistics.nets import direct

    graph, weight, bias = direct()
    found = report(model_of(graph), data, code="burst", schedule="pipelined", codes=["own"])
    counts = snnc.run(model_of(graph), data, counts=True).counts
    assert counts is not None
    assert data.y is not None
    k = counts["act"].reshape(N, -1)
    early = found.to_json()["statistics"]["early_exit"]
    assert early["n_samples"] == N
    final = (k @ weight.T + bias).argmax(axis=1)
    for slot in range(1, 5):
        classes = (np.minimum(k, slot) @ weight.T + bias).argmax(axis=1)
        assert early["agreement"][slot - 1] == close((classes == final).mean())
        assert early["accuracy"][slot - 1] == close((classes == data.y).mean())
    assert len(early["ticks"]) == 4
    assert early["agreement"][-1] == 1
    assert early["agreement"][0] < 1


def test_early_exit_in_code_rate_ends_at_the_run_s_accuracy(data: DataSet) -> None:
    from tests.runtime.statistics.nets import direct

    graph, _, _ = direct()
    found = report(model_of(graph), data, code="rate", rate_ticks=8).to_json()
    early = found["statistics"]["early_exit"]
    assert len(early["ticks"]) == 8
    assert early["agreement"][-1] == 1
    assert early["accuracy"][-1] == close(found["accuracy"])
    assert found["statistics"]["by_tick"] is None
    assert set(found["codes"]) == {"rate", "burst", "graded"}
    exact = report(model_of(graph), data, code="graded").to_json()
    skipping = found["baseline"]["integer_zero_skipping"]
    assert skipping["macs"] == exact["baseline"]["integer_zero_skipping"]["macs"]


def test_codes_side_by_side_are_those_runs(data: DataSet) -> None:
    model = model_of(network())
    codes = report(model, data, code="burst", hardware=["45nm"]).to_json()["codes"]
    alone = report(model, data, code="graded", hardware=["45nm"], codes=["own"]).to_json()
    assert list(alone["codes"]) == ["graded"]
    assert codes["graded"]["counters"] == alone["counters"]
    assert codes["graded"]["energy"]["45nm"]["picojoule"] == alone["energy"]["45nm"]["picojoule"]
    assert codes["graded"]["n_ticks"] == alone["n_ticks"]
    assert codes["burst"]["counters"]["events"] > codes["graded"]["counters"]["events"]


def test_without_statistics(data: DataSet) -> None:
    found = report(model_of(network()), data, statistics=0, codes=["own"], code="burst").to_json()
    assert found["statistics"] is None
    assert found["by_population"]["act1"]["n_dead"] is None
    assert "integer_zero_skipping" not in found["baseline"]


def test_zero_skipping_counts_operands_that_are_not_zero(data: DataSet) -> None:
    model = model_of(network())
    counts = snnc.run(model, data, counts=True).counts
    assert counts is not None
    macs = additions = 0
    for name in ("x", "stem", "act1", "stream", "act2", "pool"):
        for neuron in np.argwhere(counts[name].reshape(N, -1))[:, 1].tolist():
            weighted = name in ("x", "act1", "pool")
            macs += reached(name, neuron) * weighted
            additions += reached(name, neuron) * (not weighted)
    for code in ("burst", "graded"):
        found = report(model, data, code=code, codes=["own"]).to_json()
        skipping = found["baseline"]["integer_zero_skipping"]
        assert skipping["macs"] == macs / N
        assert skipping["additions"] == additions / N
        assert skipping["macs"] < found["baseline"]["integer"]["macs"]


@pytest.mark.parametrize("code", ["burst", "graded", "delta"])
@pytest.mark.parametrize("schedule", ["sequential", "pipelined"])
def test_frames_and_ticks_of_several_frames(code: Any, schedule: Any) -> None:
    graph, settings = network(), RunSettings(code, schedule)
    plan = make_schedule(graph, settings)
    node = graph.nodes["act1"]
    assert isinstance(node, Population)
    counts = np.random.default_rng(2).integers(0, 5, size=(3, 4, *node.shape))
    counts[:, 2] = counts[:, 1]  # nothing changes from the second to the third frame
    tally = tally_of(graph, "act1")
    for sample in counts:
        tally.add(sample[None], settings, plan)
    frames, ticks = np.zeros(4, dtype=int), np.zeros(plan.n_ticks(4), dtype=int)
    for sample in counts.reshape(3, 4, -1):
        for t in range(4):
            for i, k in enumerate(sample[t].tolist()):
                before = int(sample[t - 1][i]) if t and code == "delta" else 0
                n = k if code == "burst" else int(k != before)
                frames[t] += n
                for slot in range(n):
                    ticks[plan.start["act1"] + t * plan.period + slot] += 1
    assert tally.frame_events is not None
    assert tally.tick_events is not None
    assert tally.frame_events.tolist() == frames.tolist()
    assert tally.tick_events.tolist() == ticks.tolist()
    assert code != "delta" or frames[2] == 0


def test_bounds_of_inputs_and_maxima() -> None:
    graph = network()
    assert isinstance(graph.nodes["x"], Input)
    assert tally_of(graph, "x").bounds == (0, 4)
    assert tally_of(graph, "act1").bounds == (0, 4)
    assert tally_of(graph, "stem").bounds is None


def test_terminal_shows_codes_and_samples_at_80_columns(data: DataSet) -> None:
    import io

    from rich.console import Console

    found = report(model_of(network()), data, code="burst", hardware=["45nm"])
    console = Console(file=io.StringIO(), width=80, color_system=None)
    with console.capture() as capture:
        for part in found.render():
            console.print(part)
    text = capture.get()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= 80
    assert "Event codes, a sample" in text
    assert f"{N} samples one by one" in text
    assert "█" in text
