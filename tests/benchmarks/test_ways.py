"""Peers are called in the fastest of their ways, and all ways compute the same network."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import needs
from tests.benchmarks.test_harness import scripts

__all__ = ["scripts"]
pytestmark = pytest.mark.torch


@pytest.fixture
def net_and_images(scripts: Any) -> tuple[Any, Any]:
    """A convolution with a batch norm that moves, an activation, a pool of another one."""
    torch = needs.module("torch")
    nets, nn = scripts("nets"), needs.module("torch.nn")
    torch.manual_seed(0)
    flat = (nn.Flatten(), nn.Linear(8 * 16, 6, bias=False), nn.BatchNorm1d(6))
    net = nets.Coded(nets.conv(3, 8), nets.act(), nets.conv(8, 8), nets.act(), nn.Sequential(*flat))
    calibrate = needs.module("tests.systems.calibrate")
    images = torch.randint(0, 256, (5, 3, 4, 4)).float()
    calibrate.randomise(net)
    calibrate.measure(net, images)
    return net, images


def test_folding_removes_every_norm_and_changes_nothing_else(
    scripts: Any, net_and_images: tuple[Any, Any]
) -> None:
    """But for rounding: 1e-5 of the largest output is some 80 units in float32's last place."""
    torch, ways = needs.module("torch"), scripts("ways")
    net, images = net_and_images
    with torch.inference_mode():
        before = net(images)
    norms = [m for m in net.modules() if "BatchNorm" in type(m).__name__]
    assert len(norms) == 3
    ways.folded(net)
    assert not [m for m in net.modules() if "BatchNorm" in type(m).__name__]
    with torch.inference_mode():
        after = ways.channels_last(net, net)(images)
    assert float((after - before).abs().max()) <= 1e-5 * float(before.abs().max())
    assert float(before.abs().max()) > 0.1


def test_steps_in_turn_and_at_once_are_the_same_mean(
    scripts: Any, net_and_images: tuple[Any, Any]
) -> None:
    """And the first layer is computed once for each batch."""
    torch, ways = needs.module("torch"), scripts("ways")
    called: list[int] = []
    with torch.inference_mode():
        net, images = net_and_images
        expected = net(images)
        first = net.body[0].forward

        def counted(x: Any) -> Any:
            called.append(len(x))
            return first(x)

        net.body[0].forward = counted
        at_once = ways.steps_at_once(net, lambda: None, 4)(images)
        assert called == [5]
        net.body[0] = net.body[0].layer
        run = ways.steps_in_turn(net, lambda: None, 4)
        in_turn, other = run(images), run(images[:2])
    assert called == [5, 5, 2]
    for found, of in ((at_once, expected), (in_turn, expected), (other, expected[:2])):
        assert float((found - of).abs().max()) <= 1e-5 * float(expected.abs().max())


def test_the_fastest_way_takes_the_clock(scripts: Any) -> None:
    """One that fails, or computes something else, is named with its reason."""
    torch, ways = needs.module("torch"), scripts("ways")

    def slow(_: Any) -> Any:
        def run(x: Any) -> Any:
            time.sleep(0.02)
            return x

        return run

    def compiling(_: Any) -> Any:
        started: list[int] = []

        def run(x: Any) -> Any:
            if not started:
                time.sleep(0.1)  # as compilers do, once
            started.append(1)
            return x * 1.001  # as rounding

        return run

    def broken(_: Any) -> Any:
        raise RuntimeError("no compiler")

    def wrong(_: Any) -> Any:
        return lambda x: 0 * x

    given = {"broken": broken, "slow": slow, "compiled": compiling, "wrong": wrong}
    name, run, tried = ways.fastest(given, torch.ones(2, 3), 0.04)
    assert name == "compiled"
    assert float(run(torch.ones(1))) != 1
    assert (
        tried["wrong"] == "ValueError: its outputs are others: off by 1 of the largest in the mean"
    )
    assert tried["broken"] == "RuntimeError: no compiler"
    assert tried["slow"] >= 10
    assert tried["compiled"] < 10
    with pytest.raises(SystemExit, match="broken: RuntimeError: no compiler"):
        ways.fastest({"broken": broken}, torch.zeros(2, 3), 0.04)


def test_the_page_names_the_fastest_way_of_each_column(scripts: Any, tmp_path: Path) -> None:
    networks, parties = scripts("networks"), {p.name: p for p in scripts("parties").PARTIES}
    name = "SpikingJelly 2.0"
    tried = {"s": 1.0, "m": 2.0}
    found = [
        {"batch": b, "ms": 1.0, "n_samples": 1, "outputs": [[1.0]], "way": way, "ways": tried}
        for b, way in ((1, "m"), (50, "s"))
    ]
    results = networks.Results(tmp_path)
    row = networks.row(parties[name], "vgg", found, "", networks.Known(np.array([0]), {}))
    results.add("vgg", name, row)
    results.write()
    assert "; the fastest of 2 ways: *m* / *s*" in (tmp_path / "networks.md").read_text()
