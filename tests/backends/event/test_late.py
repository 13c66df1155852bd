"""Kernels that are bound when they are first called."""

import ctypes
import logging
import signal
import sys
from typing import Any

import numba
import numpy as np
import pytest
from numba.core import event

from snnc.backends.event import jit, late, session, simulate
from snnc.backends.event.frames import run_frames
from snnc.backends.event.interrupts import interruptible
from snnc.backends.event.late import _failures, _kernels, reraised
from snnc.backends.event.ticks import run_ticks
from snnc.ir.codes import RunSettings
from snnc.runtime.doctor import tiny_graph
from tests.backends.event.nets import engine


@late.late
def fill(to: Any, value: int, upside_down: bool) -> None:
    for j in range(len(to)):
        to[j] = -value if upside_down else value


@late.late
def impossible(to: Any) -> None:
    to.no_such_thing()


@jit.entry
def call_fill(narrow: Any, wide: Any) -> None:
    fill(narrow, 3, False)
    fill(wide, 4, True)


@jit.entry
def call_impossible(to: Any) -> None:
    if len(to) > 1:
        impossible(to)


def test_each_type_of_arguments_has_its_kernel() -> None:
    narrow, wide = np.zeros(3, np.int16), np.zeros(2, np.int64)
    call_fill(narrow, wide)
    assert narrow.tolist() == [3, 3, 3]
    assert wide.tolist() == [-4, -4]
    assert len(_kernels[__name__, "fill"].overloads) == 2


def test_what_cannot_be_compiled_stands_in_nobodys_way_until_it_is_called() -> None:
    call_impossible(np.zeros(1))
    with pytest.raises(numba.TypingError, match="no_such_thing"), reraised():
        call_impossible(np.zeros(2))
    assert not _failures


def test_ctrl_c_while_a_kernel_compiles_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    class Interrupted:
        def compile(self, _signature: Any) -> None:
            raise KeyboardInterrupt

    @late.late
    def slow(to: Any) -> None:
        to[0] = 1

    @jit.entry
    def call_slow(to: Any) -> None:
        slow(to)

    monkeypatch.setitem(_kernels, (__name__, "slow"), Interrupted())
    with pytest.raises(KeyboardInterrupt), reraised():
        call_slow(np.zeros(1))


@pytest.mark.parametrize("then", [None, ValueError("what is left")])
def test_ctrl_c_that_a_callback_swallows_is_ctrl_c(then: Exception | None) -> None:
    """As LLVM's callbacks do: ctypes prints what is raised in them, and goes on."""
    swallow = ctypes.CFUNCTYPE(None)(lambda: signal.raise_signal(signal.SIGINT))
    before, hook = signal.getsignal(signal.SIGINT), sys.unraisablehook
    with pytest.raises(KeyboardInterrupt), interruptible():
        swallow()
        if then is not None:
            raise then
    assert signal.getsignal(signal.SIGINT) is before
    assert sys.unraisablehook is hook


def test_an_error_of_others_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="mine"), reraised():
        raise RuntimeError("mine")


def test_all_that_a_run_calls_is_bound_before_it() -> None:
    """A run of a session that stands adds no kernel to those that are in memory."""
    standing = engine().prepare(tiny_graph(), RunSettings("burst"))
    bound = {name: len(each.overloads) for name, each in _kernels.items()}
    for share in (0.0, 0.02, 0.2, 1.0):
        rng = np.random.default_rng(0)
        x = np.where(rng.random((2, 1, 1, 5, 5)) < share, rng.integers(1, 5, (2, 1, 1, 5, 5)), 0)
        standing.run({"x": x})
    assert {name: len(each.overloads) for name, each in _kernels.items()} == bound


def test_all_that_a_trace_calls_is_bound_before_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its first run adds none; biases alone make this network fire while it is rehearsed."""
    traced = engine().prepare(tiny_graph(), RunSettings("burst"))
    seen: list[dict[Any, int]] = []

    def run(*arguments: Any) -> Any:
        seen.append(counted())
        return run_frames(*arguments)

    def counted() -> dict[Any, int]:
        return {name: len(each.overloads) for name, each in _kernels.items()}

    monkeypatch.setattr(session, "run_frames", run)
    feeds = {"x": np.ones((1, 1, 1, 5, 5), dtype=np.int64)}
    first, again = traced.trace(feeds), traced.trace(feeds)
    assert seen[0] == counted()
    assert len(first.tick) == len(again.tick) > 0


def test_what_a_clock_binds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    depths: list[int] = []

    def run(*arguments: Any) -> Any:
        depths.append(len(event._registered["numba:compile"]))
        return run_ticks(*arguments)

    monkeypatch.setattr(simulate, "run_ticks", run)
    traced = engine().prepare(tiny_graph(), RunSettings("burst"))
    traced.trace({"x": np.ones((1, 1, 1, 5, 5), dtype=np.int64)}, membranes=True)
    assert len(depths) > 1
    assert min(depths) > 0


def test_only_compiling_is_told(caplog: pytest.LogCaptureFixture) -> None:
    def twice(x: int) -> int:
        return 2 * x

    compiled: Any = numba.njit(twice)
    with caplog.at_level(logging.INFO, logger="snnc"):
        with jit.told():
            assert compiled(21) == 42
        with jit.told():
            assert compiled(4) == 8
    assert [record.getMessage().split()[0] for record in caplog.records] == [
        "compiling",
        "compiled",
    ]
