"""Constants of the cost model: fitted, kept, and never of any influence on results."""

import json
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from snnc.backends.event import constants as kept
from snnc.backends.event import engine, probe
from snnc.backends.event.constants import Constants, constants
from snnc.backends.event.costs import SHIPPED, Costs
from snnc.backends.event.probe import Point, fit, predicted, regret
from snnc.backends.oracle import OracleEngine
from snnc.ir.codes import RunSettings
from snnc.ir.maps import Conv
from snnc.runtime.doctor import tiny_graph

TWICE = Costs(**{name: 2 * value for name, value in asdict(SHIPPED).items()})
SIDE = probe._SIDE


def points(true: Costs) -> list[Point]:
    """What a machine would measure whose constants are these."""
    found = []
    for c_in, c_out, k, groups in probe._LAYERS:
        map_ = Conv(
            weight=np.ones((c_out, c_in // groups, k, k), np.int64),
            in_shape=(c_in, SIDE, SIDE),
            stride=(1, 1),
            padding=((k // 2, k // 2),) * 2,
            dilation=(1, 1),
            groups=groups,
        )
        row = probe._tables(map_)[0].projections[0]
        for events in (3, 30, 300, 1000):
            point = Point(row, map_, events, (1.0, 1.0), 1.0)
            found.append(replace(point, took=predicted(point, true)))
    return found


def perturbed(seed: int) -> Costs:
    """Each constant up to 4 times too large or too small."""
    factor = 4 ** np.random.default_rng(seed).uniform(-1, 1, 15)
    scaled = zip(asdict(SHIPPED).items(), factor, strict=True)
    return Costs(**{name: value * float(f) for (name, value), f in scaled})


@pytest.mark.parametrize("seed", range(1, 6))
def test_a_wrong_table_is_put_right(seed: int) -> None:
    true, wrong = perturbed(seed), perturbed(seed + 100)
    there = points(true)
    assert regret(there, true) == 0
    assert regret(there, wrong) > 0.02
    assert regret(there, fit(there, wrong)) < 0.005


@pytest.mark.parametrize("times", [1e-3, 1e3])
def test_what_is_not_believable_is_held_back(times: float) -> None:
    far = Costs(**{name: times * value for name, value in asdict(SHIPPED).items()})
    found = asdict(fit(points(far), SHIPPED))
    factor = [found[name] / value for name, value in asdict(SHIPPED).items()]
    assert 1 / probe.LIMIT <= min(factor) < max(factor) + 1e-9 <= probe.LIMIT + 2e-9
    assert min(factor) == pytest.approx(1 / probe.LIMIT) or times > 1


def test_the_model_is_the_kernels_choice() -> None:
    """`predicted` against the row that is compiled, and the rule in `deliver`."""
    for point in points(SHIPPED):
        row, n, pixels = point.row, point.events, SIDE**2
        filled = n * pixels // (n + pixels)
        scatter = row["scatter_once"] + filled * row["scatter_pixel"] + n * row["scatter_event"]
        gather = row["gather_once"] + n * row["gather_event"]
        ways = [scatter, gather]
        if row["plane"] >= 0:
            ways.append(row["plane_once"] + n * row["plane_event"])
        # rows hold whole picoseconds
        assert predicted(point, SHIPPED) == pytest.approx(tuple(ways), rel=1e-3)


class Machine:
    """Counts what is measured."""

    def __init__(self, folder: Path) -> None:
        self.path: Path | None = folder / "costs-1.json"
        self.n = 0

    def measure(self, _start: Costs) -> tuple[Costs, str]:
        self.n += 1
        return TWICE, "as I say"


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Machine]:
    made = Machine(tmp_path)
    monkeypatch.setattr(kept, "measure", made.measure)
    monkeypatch.setattr(kept, "place", lambda: made.path)
    monkeypatch.setattr(kept, "_others", lambda: 0.0)
    monkeypatch.setenv(kept.VARIABLE, "auto")
    constants.cache_clear()
    yield made
    constants.cache_clear()


def again() -> Constants:
    """What another process would find."""
    constants.cache_clear()
    return constants()


def test_it_is_measured_once(machine: Machine) -> None:
    first = constants()
    assert (first.costs, first.note) == (TWICE, "as I say")
    assert again() == first
    assert machine.n == 1
    assert kept.measure_costs() == replace(first, measured=constants().measured)
    assert machine.n == 2


@pytest.mark.parametrize(("mode", "note"), [("off", "is off"), ("stored", "nothing has been")])
def test_it_can_be_switched_off(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, mode: str, note: str
) -> None:
    monkeypatch.setenv(kept.VARIABLE, mode)
    found = constants()
    assert found.costs == SHIPPED
    assert note in found.note
    assert machine.n == 0
    kept.measure_costs()
    assert again().costs == (TWICE if mode == "stored" else SHIPPED)


def test_nothing_is_measured_beside_others(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert machine.path is not None
    lock = machine.path.with_suffix(".lock")
    lock.touch()
    assert "another process" in constants().note
    lock.unlink()
    monkeypatch.setattr(kept, "_others", lambda: 1000.0)
    assert "load 1000" in again().note
    assert machine.n == 0
    monkeypatch.setattr(kept, "_others", lambda: 0.0)
    assert again().costs == TWICE


@pytest.mark.parametrize("what", ["", "[]", "{", "wild", "short"])
def test_a_damaged_file_is_measured_anew(machine: Machine, what: str) -> None:
    assert machine.path is not None
    constants()
    kept = json.loads(machine.path.read_text())
    if what == "wild":
        kept["picoseconds"]["row"] *= 100
    if what == "short":
        del kept["picoseconds"]["row"]
    machine.path.write_text(json.dumps(kept) if what in ("wild", "short") else what)
    assert again().costs == TWICE
    assert machine.n == 2


def test_where_nothing_can_be_kept_the_shipped_ones_hold(machine: Machine, tmp_path: Path) -> None:
    machine.path = None
    assert "no folder" in again().note
    file = tmp_path / "file"
    file.write_text("")
    machine.path = file / "costs-1.json"
    found = again()
    assert found.costs == SHIPPED
    assert f"nothing can be kept in {file}: " in found.note
    assert machine.n == 0


def test_results_do_not_depend_on_it(monkeypatch: pytest.MonkeyPatch) -> None:
    feeds: Any = {"x": np.random.default_rng(1).integers(0, 5, (8, 1, 1, 5, 5))}
    settings = RunSettings("burst")
    expected = OracleEngine().prepare(tiny_graph(), settings).run(feeds).counts
    ways = set()
    for factor in (0.0, 1e6):
        scatter = {n: v * factor for n, v in asdict(SHIPPED).items() if n in ("pixel", "row")}
        found = replace(kept.shipped("a test"), costs=replace(SHIPPED, **scatter))
        monkeypatch.setattr(kept, "constants", lambda found=found: found)
        session = engine.EventEngine(1).prepare(tiny_graph(), settings)
        ways.add(int(session.compiled.program.projections[0]["scatter_once"]))
        counts = session.run(feeds).counts
        assert all((counts[name] == expected[name]).all() for name in expected)
    assert len(ways) == 2


@pytest.mark.slow
def test_a_real_machine() -> None:
    """Whatever was measured, it chooses no worse than what it started from."""
    there = [point for layer in probe._LAYERS for point in probe._points(*layer)]
    dear = replace(SHIPPED, row=4 * SHIPPED.row, synapse=4 * SHIPPED.synapse)
    wrong = replace(dear, each_synapse=4 * SHIPPED.each_synapse)
    assert regret(there, fit(there, wrong)) < max(regret(there, wrong), 0.05)
