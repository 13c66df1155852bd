"""Ctrl-C while kernels compile: it waits for a moment that leaves the process whole."""

import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from snnc.backends.event import jit, late
from snnc.backends.event.interrupts import _watches, interruptible
from snnc.backends.event.late import _failures, _kernels, reraised


@late.late
def once(to: Any) -> None:
    to[0] += 1


@jit.entry
def call_once(to: Any) -> None:
    once(to)


@late.late
def never(to: Any) -> None:
    to[0] += 1


@jit.entry
def call_never(to: Any) -> None:
    never(to)


class Lost(list[Any]):
    """Takes nothing: as if what is raised were raised before it could be caught."""

    def append(self, _error: Any) -> None: ...


class Pressed:
    """A kernel while whose making somebody presses Ctrl-C."""

    __name__ = "pressed"

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel
        self.made = 0
        self.overloads = kernel.overloads

    def compile(self, wanted: Any) -> None:
        if not self.made:
            signal.raise_signal(signal.SIGINT)
        self.kernel.compile(wanted)
        self.made += 1


@pytest.fixture
def handler() -> Iterator[None]:
    """Whatever a test sets is gone after it."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)
    assert not _watches


def press() -> None:
    signal.raise_signal(signal.SIGINT)


def test_a_kernel_is_made_before_ctrl_c_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    pressed = Pressed(_kernels[__name__, "once"])
    monkeypatch.setitem(_kernels, (__name__, "once"), pressed)
    to = np.zeros(1, np.int64)
    with pytest.raises(KeyboardInterrupt), jit.told(), reraised():
        call_once(to)
    assert (pressed.made, to[0]) == (1, 0)
    with jit.told(), reraised():
        call_once(to)
    assert to[0] == 1
    assert not _failures


def test_ctrl_c_before_anything_could_catch_it_is_ctrl_c(monkeypatch: pytest.MonkeyPatch) -> None:
    """`ctypes` prints what is raised there, and compiled code says that there is no kernel."""
    monkeypatch.setattr(late, "interruptible", press)
    monkeypatch.setattr(late, "_failures", Lost())
    with pytest.raises(KeyboardInterrupt), reraised():
        call_never(np.zeros(1, np.int64))


def test_an_inner_block_hears_it_when_it_ends() -> None:
    reached: list[str] = []
    with interruptible():
        with pytest.raises(KeyboardInterrupt), interruptible():
            press()
            reached.append("inner")
        reached.append("outer")
    assert reached == ["inner", "outer"]


def test_a_second_one_rises_at_once() -> None:
    reached = False
    with pytest.raises(KeyboardInterrupt), interruptible():
        press()
        press()
        reached = True
    assert not reached


@pytest.mark.usefixtures("handler")
def test_a_programs_own_handler_decides() -> None:
    heard: list[int] = []

    def stop(number: int, _frame: Any) -> None:
        heard.append(number)
        if len(heard) > 1:
            raise ValueError("mine")

    signal.signal(signal.SIGINT, stop)
    with interruptible():
        press()
        assert not heard
    assert heard == [signal.SIGINT]  # a graceful stop: nothing has been raised
    with pytest.raises(ValueError, match="mine"), interruptible():
        press()
    assert signal.getsignal(signal.SIGINT) is stop


@pytest.mark.usefixtures("handler")
def test_a_handler_that_is_set_in_the_block_stays() -> None:
    def stop(*_arguments: Any) -> None: ...

    with interruptible():
        signal.signal(signal.SIGINT, stop)
    assert signal.getsignal(signal.SIGINT) is stop


def test_other_threads_hear_nothing() -> None:
    """A main thread that waits raises as ever, and none of them in its place."""
    seen: list[Any] = []

    def work() -> None:
        with interruptible():
            seen.append(signal.getsignal(signal.SIGINT))

    before = signal.getsignal(signal.SIGINT)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]
