"""The code `rate` through run, trace, stream and verify: it runs, and is never called exact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from snnc.ir.codes import Rate, RunSettings
from snnc.ir.errors import NotExecutable
from snnc.runtime.model import load
from snnc.runtime.run import run
from snnc.runtime.stream import stream
from snnc.runtime.trace import trace
from snnc.runtime.verify import verify
from tests.runtime.models import D, reference, samples, save_model

R = 24


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return save_model(tmp_path)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_engines_agree_in_all_that_they_count(model: Path, reset: str) -> None:
    x, _ = samples()
    given = {"code": "rate", "rate_ticks": R, "rate_reset": reset, "counts": True}
    results = [run(model, x, engine=e, **given) for e in ("oracle", "event", "dense")]  # type: ignore[arg-type]
    for result in results[1:]:
        assert result.counters == results[0].counters
        assert result.outputs.tolist() == results[0].outputs.tolist()
        for name, counts in (results[0].counts or {}).items():
            assert (result.counts or {})[name].tolist() == counts.tolist()
    first = results[0]
    assert first.rate == Rate(R, reset)  # type: ignore[arg-type]
    assert first.n_ticks == R + 2  # x, hidden and scores begin one tick after the other
    assert first.to_json()["rate"] == {"ticks": R, "reset": reset, "pools": "refuse"}


def test_many_ticks_come_near_the_exact_counts(model: Path) -> None:
    x, _ = samples()
    exact = (run(model, x, engine="oracle", counts=True).counts or {})["hidden"]

    def away(ticks: int) -> float:
        result = run(model, x, code="rate", rate_ticks=ticks, engine="oracle", counts=True)
        return float(np.abs((result.counts or {})["hidden"] - exact).mean())

    assert away(64 * D) < 0.05 < away(1)


def test_a_trace_holds_the_spikes_that_are_counted(model: Path) -> None:
    x, _ = samples()
    found = trace(model, x, sample=3, code="rate", rate_ticks=R, membranes=True)
    counted = run(model, x[3:4], code="rate", rate_ticks=R, engine="oracle", counts=True)
    assert found.n_ticks == counted.n_ticks
    assert found.n_spikes == counted.counters["spikes"]
    assert len(found.tick) == counted.counters["events"]
    sent = found.population == found.names.index("x")
    assert found.tick[sent].max() < R
    scores = found.population == found.names.index("scores")
    assert set(found.tick[scores].tolist()) == {R + 1}
    assert counted.outputs_int is not None
    assert found.payload[scores].tolist() == [k for k in counted.outputs_int[0] if k]
    assert found.membranes is not None
    assert found.membranes["hidden"].shape[0] == R + 2


def test_a_stream_runs_frame_by_frame(model: Path) -> None:
    x, _ = samples()
    whole = run(model, x[:1], code="rate", rate_ticks=R).outputs
    with stream(model, code="rate", rate_ticks=R) as s:
        assert s.step(x[:1]).outputs.tolist() == whole.tolist()
        assert s.step(x[:1]).outputs.tolist() == whole.tolist()


def test_verify_shows_the_loss_and_is_never_ok(model: Path) -> None:
    x, _ = samples()
    result = verify(None, model, x, code="rate", rate_ticks=4)
    assert result.promises_ok
    assert not result.ok
    assert result.rate_loss is not None
    lost = result.rate_loss["by_population"]
    assert set(lost) == {"x", "hidden", "scores"}
    exact = reference(x)
    got = run(model, x, code="rate", rate_ticks=4).outputs_int
    assert got is not None
    assert lost["scores"]["changed_share"] == (got != exact).mean()
    assert lost["scores"]["largest_difference"] == np.abs(got - exact).max()
    assert verify(None, model, x).rate_loss is None


class TestSettings:
    def test_the_models_are_the_default(self, model: Path) -> None:
        opened = load(model)
        assert opened.run_settings(None, None).rate is None
        wanted = opened.run_settings("rate", None, 8)
        assert wanted == RunSettings("rate", opened.settings.schedule, Rate(8))
        assert RunSettings.from_json(wanted.to_json()) == wanted
        assert wanted.changed(rate_reset="zero").rate == Rate(8, "zero")
        assert wanted.changed(code="burst").rate is None

    def test_rate_needs_its_ticks_and_others_have_none(self, model: Path) -> None:
        x, _ = samples()
        with pytest.raises(NotExecutable, match="number of ticks"):
            run(model, x, code="rate")
        with pytest.raises(NotExecutable, match="--rate-reset is no setting of code `graded`"):
            run(model, x, rate_reset="zero")
        with pytest.raises(NotExecutable, match="one tick or more"):
            run(model, x, code="rate", rate_ticks=0)
        with pytest.raises(NotExecutable, match="rate ticks, reset and pools"):
            RunSettings("burst", rate=Rate(4))
